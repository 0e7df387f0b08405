/** The contract of a client, on `relayClient` over a network that breaks, with each log to which it can come back. */

import { afterAll, describe, test } from "vitest";
import { contractSuite } from "../../src/testing/index.ts";
import { relayClient } from "../../src/web/index.ts";
import { closeLogs, KEEPING, logMissing, logPlace } from "../faults/logs.ts";
import { breakingProxy } from "../support/breaking-proxy.ts";
import { OPEN_RELAY, relaySite } from "../support/relay-site.ts";

/** Numbers from 0 to 1, the same in each run (a linear congruential generator). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

const LEASE_MS = 15_000;

afterAll(closeLogs);

describe.each(KEEPING)(
  "the contract, on a relay behind connections that break at random bytes, with the log %s",
  (log) => {
    const random = numbers(12);
    const cases = contractSuite({
      async open(scripts) {
        const place = await logPlace(log, LEASE_MS, 0);
        const site = await relaySite(scripts, { ...OPEN_RELAY, log: await place.open() });
        const proxy = await breakingProxy(site.port, () => {
          if (random() < 0.3) return undefined;
          return { afterBytes: 1 + Math.floor(random() ** 2 * 12_000), how: random() < 0.5 ? "reset" : "end" };
        });
        return {
          client: relayClient({ url: `http://127.0.0.1:${proxy.port}/chat` }),
          requests: () => site.provider.calls.length,
          closed: async (call) => site.provider.calls[call]?.closed,
          sent: (call) => site.provider.calls[call]?.chunks ?? 0,
          async dispose() {
            await proxy[Symbol.asyncDispose]();
            await site[Symbol.asyncDispose]();
            await place[Symbol.asyncDispose]();
          },
        };
      },
      timeoutMs: 30_000,
      cannot: {
        providerCodes: "a relay masks the status and the codes of its provider",
        rawFinishReason: "a relay does not show the provider's own word",
      },
    });
    for (const { name, skip, run } of cases) test.skipIf((skip ?? logMissing[log]) !== undefined)(name, run, 40_000);
  },
);
