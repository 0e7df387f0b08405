/** An abort controller that is made before its run. */

/**
 * Returns a controller with its signal; `undefined` where a controller belongs to the request that makes it, as on
 * Cloudflare's workers. There, none may be made before the first request.
 * @see https://github.com/cloudflare/workerd/issues/3657
 */
export function readyController(): AbortController | undefined {
  const { process, navigator } = globalThis;
  // These workers may call themselves Node.
  if (process?.release?.name !== "node" || navigator?.userAgent === "Cloudflare-Workers") return undefined;
  const controller = new AbortController();
  void controller.signal; // Node makes it when it is first asked for
  return controller;
}
