/** The contract of a client, on `relayClient` over a relay on loopback: on memory, and without a log. */

import { describe } from "vitest";
import { memoryLog } from "../../src/server/index.ts";
import { contractSuite } from "../../src/testing/index.ts";
import { relayClient } from "../../src/web/index.ts";
import { registerCases } from "../support/contract-tests.ts";
import { OPEN_RELAY, relaySite } from "../support/relay-site.ts";

describe.each([
  ["a log in memory", () => ({ log: memoryLog() })],
  ["no log", () => ({})],
])("the contract, on a relay with %s", (_name, log) => {
  const cases = contractSuite({
    async open(scripts) {
      const site = await relaySite(scripts, { ...OPEN_RELAY, ...log() });
      return {
        client: relayClient({ url: site.url }),
        requests: () => site.provider.calls.length,
        closed: async (call) => site.provider.calls[call]?.closed,
        sent: (call) => site.provider.calls[call]?.chunks ?? 0,
        dispose: () => site[Symbol.asyncDispose](),
      };
    },
    cannot: {
      providerCodes: "a relay masks the status and the codes of its provider",
      rawFinishReason: "a relay does not show the provider's own word",
    },
  });
  registerCases(cases);
});
