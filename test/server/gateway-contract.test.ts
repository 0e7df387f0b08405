/** The contract of a client, on our own client of OpenAI's Responses at our own gateway. */

import { OpenAIClient } from "cloudllm";
import { contractSuite } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { registerCases } from "../support/contract-tests.ts";
import { gatewaySite, KEY, testGateway } from "../support/gateway.ts";

/** Cases that do not hold across a gateway, by parts of their names. */
const EXCEPT: readonly (readonly [string, string])[] = [
  ["and the provider's words", "a gateway masks the words, the status and the codes of its provider"],
  ["in the provider's words", "a gateway masks the words of its provider"],
  ["usage that the provider does not report", "programs get an estimate, since many fail without counts"],
  ["truncated", "OpenAI's API has no code for a reply that breaks off: it is `server_error`"],
  ["has the kind network", "the same"],
  ["a failure passes through a ReadableStream", "the same"],
  ["passes to another thread unchanged", "the same"],
  ["text() gives the text alone", "the same"],
  ["a failure reports them in its partial message", "the same"],
  ["a refusal by the model", "its text was sent before the model said that it refuses"],
];

describe("the contract, at a gateway", () => {
  const cases = contractSuite({
    async open(scripts) {
      const gateway = testGateway(scripts);
      const site = await gatewaySite(gateway);
      return {
        client: new OpenAIClient({ model: "script", apiKey: KEY, baseUrl: `${site.origin}/v1` }),
        requests: () => gateway.model.calls.length,
        closed: async (call) => gateway.model.calls[call]?.closed,
        sent: (call) => gateway.model.calls[call]?.chunks ?? 0,
        dispose: () => site[Symbol.asyncDispose](),
      };
    },
    cannot: {
      providerCodes: "a gateway masks the status and the codes of its provider",
      rawFinishReason: "a gateway does not show the provider's own word",
    },
  });
  const reasonOf = (name: string): string | undefined => EXCEPT.find(([part]) => name.includes(part))?.[1];
  registerCases(cases, reasonOf);

  test("each exception is one of the suite's cases", () => {
    for (const [part] of EXCEPT) expect(cases.map(({ name }) => name).join("\n")).toContain(part);
    expect(cases.filter(({ name }) => reasonOf(name) === undefined).length).toBeGreaterThan(110);
  });
});
