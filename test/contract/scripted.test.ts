import { contractSuite, scriptedClient } from "cloudllm/testing";
import { describe } from "vitest";
import { registerCases } from "../support/contract-tests.ts";

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
  registerCases(cases);
});
