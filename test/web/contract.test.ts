/** The contract of a client, on `relayClient` over a relay on loopback, with each log. */

import { afterAll, describe } from "vitest";
import { contractSuite } from "../../src/testing/index.ts";
import { relayClient } from "../../src/web/index.ts";
import { closeLogs, LOGS, logMissing, logPlace } from "../faults/logs.ts";
import { registerCases } from "../support/contract-tests.ts";
import { OPEN_RELAY, relaySite } from "../support/relay-site.ts";

const LEASE_MS = 15_000;

afterAll(closeLogs);

describe.each(LOGS)("the contract, on a relay whose log is: %s", (name) => {
  const cases = contractSuite({
    async open(scripts) {
      const place = await logPlace(name, LEASE_MS, 0);
      const site = await relaySite(scripts, { ...OPEN_RELAY, log: await place.open() });
      return {
        client: relayClient({ url: site.url }),
        requests: () => site.provider.calls.length,
        closed: async (call) => site.provider.calls[call]?.closed,
        sent: (call) => site.provider.calls[call]?.chunks ?? 0,
        async dispose() {
          await site[Symbol.asyncDispose]();
          await place[Symbol.asyncDispose]();
        },
      };
    },
    cannot: {
      providerCodes: "a relay masks the status and the codes of its provider",
      rawFinishReason: "a relay does not show the provider's own word",
    },
  });
  registerCases(cases, () => logMissing[name]);
});
