import { contractSuite, scriptedClient } from "cloudllm/testing";
import { describe, test } from "vitest";

describe("the contract, on the scripted client", () => {
  const cases = contractSuite({
    open(scripts) {
      const client = scriptedClient(scripts);
      return {
        client,
        requests: () => client.calls.length,
        closed: async (call) => client.calls[call]?.closed,
        sent: (call) => client.calls[call]?.chunks ?? 0,
      };
    },
    readAhead: 1,
  });
  for (const { name, skip, run } of cases) test.skipIf(skip !== undefined)(name, run);
});
