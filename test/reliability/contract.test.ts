/** The contract, on the wrappers around a client. */

import { type ClientWrapper, fallback, hedge, rateLimit } from "cloudllm";
import { contractSuite, scriptedClient } from "cloudllm/testing";
import { describe } from "vitest";
import { registerCases } from "../support/contract-tests.ts";

/** The second client of a hedge fails in the same way as the first, which is what is left when both have failed. */
const WRAPPERS: readonly (readonly [string, (client: ClientWrapper, twin: ClientWrapper) => ClientWrapper])[] = [
  ["fallback", (client) => fallback([client, scriptedClient([])], { shouldFallBack: () => false })],
  ["fallback that recovers", (client) => recovering(fallback([client], { shouldFallBack: () => false }))],
  ["hedge", (client, twin) => hedge(client, twin, { afterMs: 60_000 })],
  [
    "rateLimit",
    (client) => rateLimit(client, { requestsPerMinute: 1_000, tokensPerMinute: 10_000_000, concurrency: 9 }),
  ],
];

/** Its replies are relayed by the source that would go on with them. */
function recovering(client: ClientWrapper): ClientWrapper {
  return {
    provider: client.provider,
    model: client.model,
    sendMessage: (messages, options) => client.sendMessage(messages, { recover: "continue", ...options }),
    sendMessageStream: (messages, options) => client.sendMessageStream(messages, { recover: "continue", ...options }),
  };
}

describe.each(WRAPPERS)("the contract, on %s", (_name, wrap) => {
  const cases = contractSuite({
    open(scripts) {
      const client = scriptedClient(scripts);
      return {
        client: wrap(client, scriptedClient(scripts)),
        requests: () => client.calls.length,
        closed: async (call) => client.calls[call]?.closed,
        sent: (call) => client.calls[call]?.chunks ?? 0,
      };
    },
    readAhead: 1,
  });
  registerCases(cases);
});
