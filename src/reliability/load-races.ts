/** Races between clients, which the first call of a fallback or a hedge loads on Node: most programs have neither. */

import { loadRaces } from "#runtime";
import { LazyPart } from "../platform/lazy-part.ts";

/** Every such call has loaded them before it asks a client. */
export const races: LazyPart<typeof import("./races.ts")> = /* @__PURE__ */ new LazyPart("Races between clients", () =>
  loadRaces(),
);
