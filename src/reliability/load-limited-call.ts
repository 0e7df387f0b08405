/** The calls of a rate limit with their queue, which the first of them loads on Node: most programs have none. */

import { loadLimitedCalls } from "#runtime";
import { LazyPart } from "../platform/lazy-part.ts";

/** Every such call has loaded them before it waits for its turn. */
export const limitedCalls: LazyPart<typeof import("./limited-call.ts")> = /* @__PURE__ */ new LazyPart(
  "The queue of a rate limit",
  () => loadLimitedCalls(),
);
