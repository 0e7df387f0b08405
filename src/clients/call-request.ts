/** From a protocol's request to the request of a call, with its body as JSON. */

import type { Background, CallRequest } from "../call/call.ts";
import { SendError } from "../contract/errors.ts";
import { jsonOf } from "../platform/json-text.ts";
import type { Endpoint, Protocol, ProtocolRequest } from "../protocols/protocol.ts";

/** A protocol's request with its body as JSON. */
interface WrittenRequest {
  readonly url: string;
  readonly headers: ProtocolRequest["headers"];
  readonly body: string;
  readonly continuesExactly: ProtocolRequest["continuesExactly"];
  readonly binding: ProtocolRequest["binding"];
  readonly instead: ProtocolRequest["instead"];
}

/** Returns the request with its body as JSON. Throws what the body's getters throw. */
export function written({ url, headers, body, continuesExactly, binding, instead }: ProtocolRequest): WrittenRequest {
  return { url, headers, body: jsonOf(body), continuesExactly, binding, instead };
}

/** Returns the request of a call, which any request instead of it follows in the same headers. */
export function callRequestOf(
  { url, body, binding, instead }: WrittenRequest,
  headers: Readonly<Record<string, string>>,
): CallRequest {
  return {
    url,
    headers,
    body,
    binding,
    instead:
      instead &&
      ((refusal) => {
        const other = instead(refusal);
        return other && callRequestOf(written(other), headers);
      }),
  };
}

/** Returns the requests about a reply that continues at the provider; `undefined` where the protocol has none. */
export function backgroundOf(
  { background }: Protocol,
  headers: Readonly<Record<string, string>>,
  endpoint: Endpoint,
): Background | undefined {
  const { "content-type": _ofTheBody, ...bare } = headers;
  return (
    background && {
      resume: (position) => ({ method: "GET", url: background.resumeUrl(position, endpoint), headers: bare }),
      cancel: (position) => ({ url: background.cancelUrl(position, endpoint), headers: bare }),
    }
  );
}

/** Returns the error for a request that cannot be written: a getter threw, or validation found no fault. */
export function unsendable(error: unknown): SendError {
  if (error instanceof SendError) return error;
  const message = "The request cannot be written as JSON. Remove cycles, BigInts and getters that throw.";
  return new SendError("invalidRequest", message, { cause: error });
}
