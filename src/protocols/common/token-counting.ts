/** Parts that the protocols share when they ask for the tokens of a request. */

import type { ProtocolRequest } from "../protocol.ts";

/** Returns the request with another path and only these fields of its body, in the order of the body. */
export function countRequestOf(
  { url, headers, body }: ProtocolRequest,
  step: string,
  fields: readonly string[],
): ProtocolRequest {
  const [path = "", query] = url.split("?");
  return {
    url: `${path}/${step}${query === undefined ? "" : `?${query}`}`,
    ...(headers && { headers }),
    body: Object.fromEntries(Object.entries(body).filter(([name]) => fields.includes(name))),
  };
}
