/** The contract, on a turn: the stream of a tool loop keeps the laws that a client's own stream keeps. */

import { type ClientWrapper, type Message, MessageStream, type SendOptions } from "cloudllm";
import { contractSuite, scriptedClient } from "cloudllm/testing";
import { describe } from "vitest";
import type { TypedClient } from "../../src/contract/client.ts";
import { beginTurn } from "../../src/session/begun-turn.ts";
import { Conversation } from "../../src/session/conversation.ts";
import { Turn, TurnSource } from "../../src/session/turn-source.ts";
import { clientOf } from "../../src/stream/open-stream.ts";
import { registerCases } from "../support/contract-tests.ts";

/** A client each of whose calls is a turn of one reply. */
function asTurns(client: ClientWrapper): ClientWrapper {
  const { provider, model } = client;
  async function open<Output>(streamed: boolean, messages: readonly Message[], options: SendOptions<Output>) {
    const conversation = new Conversation({ history: [], turns: [] }, undefined, "keep");
    const tools = [{ name: "never", run: () => undefined }];
    const begun = beginTurn<Output>({
      conversation,
      client: client as TypedClient,
      streamed,
      messages,
      isResumed: false,
      options,
      effective: { ...options, tools },
      maxSteps: 1,
      budget: undefined,
      onToolError: undefined,
    });
    const turn = new Turn<Output>(begun);
    return new MessageStream<Output>(new TurnSource(turn, await turn.open()), { startedAt: turn.startedAt });
  }
  return clientOf({
    provider,
    model,
    open: (messages, options, streamed) => open(streamed, messages, options),
  });
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
  registerCases(cases);
});
