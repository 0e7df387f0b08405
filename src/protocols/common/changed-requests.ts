/** A protocol at a host that expects its requests in another envelope. */

import type { Endpoint, Protocol, ProtocolRequest } from "../protocol.ts";

/** Returns the protocol with a change to each request, also to those that it sends instead of a refused one. */
export function withRequests(
  protocol: Protocol,
  change: (request: ProtocolRequest, endpoint: Endpoint, stream: boolean) => ProtocolRequest,
): Protocol {
  return {
    ...protocol,
    buildRequest(messages, options, endpoint, stream) {
      function changed(request: ProtocolRequest): ProtocolRequest {
        const { instead } = request;
        const other = change(request, endpoint, stream);
        if (!instead) return other;
        return {
          ...other,
          instead(refusal) {
            const next = instead(refusal);
            return next && changed(next);
          },
        };
      }
      return changed(protocol.buildRequest(messages, options, endpoint, stream));
    },
  };
}
