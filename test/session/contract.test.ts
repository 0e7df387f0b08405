/** The contract, on a turn: the stream of a tool loop keeps the laws that a client's own stream keeps. */

import { type ClientWrapper, MessageStream } from "cloudllm";
import { contractSuite, scriptedClient } from "cloudllm/testing";
import { describe, test } from "vitest";
import { TurnSource } from "../../src/session/turn-source.ts";
import { streamOf } from "../../src/stream/complete-source.ts";

/** A client each of whose calls is a turn of one reply. */
function asTurns(client: ClientWrapper): ClientWrapper {
  async function open(asked: Promise<MessageStream>, startedAt: number, signal: AbortSignal | undefined) {
    const first = await asked;
    const nothing = () => undefined;
    const keeper = {
      client,
      tools: [{ name: "never", run: nothing }],
      maxSteps: 1,
      signal,
      ask: () => Promise.reject(new Error("nobody asks")),
      arrived: nothing,
      replied: nothing,
      answered: nothing,
      ended: nothing,
      saved: async () => undefined,
    };
    return new MessageStream(new TurnSource(keeper, first), { startedAt });
  }
  return {
    provider: client.provider,
    model: client.model,
    sendMessageStream: (messages, options = {}) =>
      open(client.sendMessageStream(messages, options), performance.now(), options.signal),
    sendMessage: async (messages, options = {}) => {
      const startedAt = performance.now();
      const asked = client.sendMessage(messages, options).then(streamOf);
      return (await open(asked, startedAt, options.signal)).finalMessage();
    },
  };
}

describe("the contract, on a turn with tools", () => {
  const cases = contractSuite({
    open(scripts) {
      const client = scriptedClient(scripts);
      return {
        client: asTurns(client),
        requests: () => client.calls.length,
        closed: async (call) => client.calls[call]?.closed,
        sent: (call) => client.calls[call]?.chunks ?? 0,
      };
    },
    readAhead: 1,
  });
  for (const { name, skip, run } of cases) test.skipIf(skip !== undefined)(name, run);
});
