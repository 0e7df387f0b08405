/** Pages of other origins: refused, unless the relay lists them. Decides from headers alone. */

import type { RequestLine } from "../../dialects/dialect.ts";
import { Refusal } from "../../dialects/refusal.ts";
import { METHODS } from "../../dialects/route.ts";
import type { Policy } from "../policy/policy.ts";

type Rules = Pick<Policy, "origins" | "credentials">;

/** How long a browser remembers the answer to a preflight, in seconds. */
const MAX_AGE_S = 7_200;

const ALLOWED_HEADERS = "content-type, authorization, last-event-id, x-run-id, traceparent, tracestate";
const EXPOSED_HEADERS = "x-stream-id, retry-after, x-request-id";

/**
 * Returns the refusal of a request that another site's page makes in the name of its visitor; `undefined` when the
 * request may continue. A request without `Origin` is not a page's, or reads only.
 */
export function originRefusal(request: RequestLine, rules: Rules): Refusal | undefined {
  const origin = request.headers.get("origin");
  if (origin !== null && !isSameOrigin(request, origin) && !rules.origins.includes(origin)) {
    return new Refusal(403, "permission", "Pages of this origin may not use the relay.");
  }
  const isListed = origin !== null && rules.origins.includes(origin);
  const isCrossSite = request.headers.get("sec-fetch-site") === "cross-site";
  if (isCrossSite && request.headers.has("cookie") && !(isListed && rules.credentials)) {
    return new Refusal(403, "permission", "Pages of other sites may not send cookies to the relay.");
  }
  return undefined;
}

/**
 * Returns the headers that let a listed page read a response; none for other requests.
 * @param exposed the names of the response's headers that the page may read
 */
export function corsHeaders(
  request: RequestLine,
  { origins, credentials }: Rules,
  exposed: string = EXPOSED_HEADERS,
): Readonly<Record<string, string>> {
  if (origins.length === 0) return {};
  const origin = request.headers.get("origin");
  if (origin === null || !origins.includes(origin)) return { vary: "Origin" };
  return {
    vary: "Origin",
    "access-control-allow-origin": origin,
    "access-control-expose-headers": exposed,
    ...(credentials && { "access-control-allow-credentials": "true" }),
  };
}

/**
 * Returns the answer to `OPTIONS`. A page of an origin that is not listed learns nothing from it.
 * @param allowed the names of the headers that a page may send
 */
export function preflightResponse(request: RequestLine, rules: Rules, allowed: string = ALLOWED_HEADERS): Response {
  const headers = corsHeaders(request, rules);
  if (!("access-control-allow-origin" in headers)) {
    return new Response(null, { status: 204, headers: { ...headers, allow: METHODS } });
  }
  return new Response(null, {
    status: 204,
    headers: {
      ...headers,
      "access-control-allow-methods": METHODS,
      "access-control-allow-headers": allowed,
      "access-control-max-age": String(MAX_AGE_S),
    },
  });
}

/**
 * A proxy may have changed the host and the scheme of the address, so that `Origin` does not equal them. The browser's
 * own `Sec-Fetch-Site`, which no page can set, decides first.
 */
function isSameOrigin(request: RequestLine, origin: string): boolean {
  const site = request.headers.get("sec-fetch-site");
  if (site !== null) return site === "same-origin" || site === "none";
  if (!URL.canParse(origin)) return false;
  const { protocol, host } = new URL(origin);
  if (protocol !== "https:" && protocol !== "http:") return false; // of a page in an app, such as capacitor://localhost
  return host === new URL(request.url).host || host === request.headers.get("host");
}
