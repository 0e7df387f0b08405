/**
 * Returns whether timers and controllers belong to the request that makes them, and end with it, as on Cloudflare's
 * workers. These may call themselves Node.
 * @see https://developers.cloudflare.com/workers/observability/errors/
 */
export function isBoundToRequests(): boolean {
  return globalThis.navigator?.userAgent === "Cloudflare-Workers";
}
