/** An abort controller that is made before its run. */

import { isBoundToRequests } from "../../platform/bound-to-requests.ts";

/**
 * Returns a controller with its signal; `undefined` where a controller belongs to the request that makes it, as on
 * Cloudflare's workers. There, none may be made before the first request.
 * @see https://github.com/cloudflare/workerd/issues/3657
 */
export function readyController(): AbortController | undefined {
  if (globalThis.process?.release?.name !== "node" || isBoundToRequests()) return undefined;
  const controller = new AbortController();
  void controller.signal; // Node makes it when it is first asked for
  return controller;
}
