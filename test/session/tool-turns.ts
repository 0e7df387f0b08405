/** Replies with tool calls, a tool, and readers of a turn: what the tests of tools share. */

import {
  type AssistantMessage,
  type ClientWrapper,
  type LLMSession,
  type Message,
  type MessageChunk,
  MessageStream,
  type Tool,
} from "cloudllm";
import type { ReplyScript, ScriptedUsage } from "cloudllm/testing";

export const USAGE: ScriptedUsage = { inputTokens: 10, outputTokens: 4, cachedInputTokens: 3 };

/** A reply that makes these calls, each of a tool by its name. */
export const calling = (...names: string[]): ReplyScript => ({
  steps: [
    { text: "Let me see. " },
    ...names.map((name) => ({ toolCall: { name, id: name, arguments: { of: name } } })),
  ],
  ending: { usage: USAGE },
});
export const DONE: ReplyScript = { text: ["It is ", "done."], ending: { usage: USAGE } };

export const look: Tool = { name: "look", run: () => "a bird" };

export async function read(session: LLMSession, tools: readonly Tool[], input = "question"): Promise<MessageChunk[]> {
  const chunks: MessageChunk[] = [];
  for await (const chunk of await session.sendMessageStream(input, { tools })) chunks.push(chunk);
  return chunks;
}

/** The same client, whose replies begin with a search that the provider runs. */
export function searching(client: ClientWrapper): ClientWrapper {
  const providerToolCall = { name: "search" };
  async function* searched(stream: MessageStream): AsyncGenerator<MessageChunk> {
    yield { type: "providerToolCall", content: "", providerToolCall, isFinal: false };
    for await (const chunk of stream) {
      if (chunk.type !== "final") yield chunk;
      else yield { ...chunk, message: { ...chunk.message, providerToolCalls: [providerToolCall] } };
    }
  }
  return {
    provider: client.provider,
    model: client.model,
    sendMessage: (messages, options) => client.sendMessage(messages, options),
    sendMessageStream: async (messages, options) =>
      MessageStream.from(searched(await client.sendMessageStream(messages, options))),
  };
}

export const linesOf = (messages: readonly Message[]): string[] =>
  messages.map(({ role, content, ...more }) => {
    const marks = ["interrupted", "isError"].filter((mark) => mark in more).map((mark) => ` (${mark})`);
    return `${role}: ${String(content)}${marks.join("")}`;
  });

export const finalOf = (chunks: readonly MessageChunk[]): AssistantMessage => {
  const last = chunks.at(-1);
  if (last?.type !== "final") throw new Error("there is no final chunk");
  return last.message;
};

export const settled = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);
