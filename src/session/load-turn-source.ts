/** The source of a turn's stream, which is loaded with the first turn on Node: most programs have no session. */

import { loadTurnSource } from "#runtime";
import { LaterPart } from "../platform/later-part.ts";

/** The source. Every turn has loaded it before it sends its first request. */
export const turnSource: LaterPart<typeof import("./turn-source.ts")> = /* @__PURE__ */ new LaterPart(
  "The turns of sessions",
  () => loadTurnSource(),
);
