/** The queue of a rate limit, which its first call loads on Node: most programs have none. */

import { loadCallQueue } from "#runtime";
import { LazyPart } from "../platform/lazy-part.ts";

/** Every such call has loaded it before it waits for its turn. */
export const callQueues: LazyPart<typeof import("./call-queue.ts")> = /* @__PURE__ */ new LazyPart(
  "The queue of a rate limit",
  () => loadCallQueue(),
);
