/** The rest of a turn, which is loaded with the first one on Node: most programs have no session. */

import { loadTurnSource } from "#runtime";
import { LazyPart } from "../platform/lazy-part.ts";

/** A turn and the source of its stream. Every turn has loaded them before it sends its first request. */
export const turnSource: LazyPart<typeof import("./turn-source.ts")> = /* @__PURE__ */ new LazyPart(
  "The turns of sessions",
  () => loadTurnSource(),
);
