/** The source of a turn's stream, which is loaded with the first turn on Node: most programs have no session. */

import { loadTurnSource } from "#runtime";
import { loadPart } from "../contract/load-part.ts";
import { LazyPart } from "../platform/lazy-part.ts";

/** The source. Every turn has loaded it before it sends its first request. */
export const turnSource: LazyPart<typeof import("./turn-source.ts")> = /* @__PURE__ */ new LazyPart(
  "The turns of sessions",
  () => loadTurnSource(),
);

/**
 * Resolves when the source is loaded.
 * @throws {SendError} kind `unsupported` when it cannot be loaded
 */
export const loadTurns = (): Promise<void> => loadPart(turnSource);
