/** The contract, on the client around an engine: what engines cannot do is not asked of it. */

import { contractSuite } from "cloudllm/testing";
import { describe } from "vitest";
import { LocalClient } from "../../src/embedded/local-client.ts";
import { registerCases } from "../support/contract-tests.ts";
import { scriptedEngine } from "./scripted-engine.ts";

describe("the contract, on the embedded client", () => {
  const cases = contractSuite({
    open(scripts) {
      const engine = scriptedEngine(scripts);
      return {
        client: new LocalClient("script", engine, {}),
        requests: () => engine.opened,
        closed: (call) => engine.closed(call),
        sent: (call) => engine.written(call),
      };
    },
    cannot: {
      refusals: "there is no server that could refuse",
      reasoning: "the model does not think",
      toolCalls: "the model calls no tools",
      media: "the model writes text alone",
      citations: "the model knows no sources",
      rawFinishReason: "the engine knows its own reasons",
    },
    readAhead: 1,
  });
  registerCases(cases);
});
