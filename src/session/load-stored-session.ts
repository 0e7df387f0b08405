/** Sessions in stores, which are loaded with the first of them on Node: most programs have none. */

import { loadStoredSession } from "#runtime";
import { LazyPart } from "../platform/lazy-part.ts";

/** How a session is opened in its store, and looked at without opening. */
export const storedSessions: LazyPart<typeof import("./stored-session.ts")> = /* @__PURE__ */ new LazyPart(
  "Sessions in stores",
  () => loadStoredSession(),
);
