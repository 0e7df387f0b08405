/** A client that breaks a law on purpose: the scripted one, bent. */

import type { AssistantMessage, ClientWrapper, MessageChunk, MessageStream, SendOptions } from "cloudllm";
import type { ScriptedClient } from "cloudllm/testing";

/** How a client is broken, and a part of the name of each case that must notice. */
export interface Breakage {
  readonly what: string;
  readonly noticedBy: readonly string[];
  /** What is changed about a good client. */
  bend(client: ScriptedClient): Partial<ClientWrapper>;
}

export type Send = ClientWrapper["sendMessageStream"];

/** A client whose streams are bent. */
export function streams(bend: (stream: MessageStream) => MessageStream): Breakage["bend"] {
  return (client) => ({
    sendMessageStream: async (messages, options) => bend(await client.sendMessageStream(messages, options)),
  });
}

/** A client whose loops yield other chunks. */
export function loops(
  change: (chunks: AsyncIterable<MessageChunk>) => AsyncGenerator<MessageChunk, void>,
): Breakage["bend"] {
  return streams((stream) => changed(stream, { [Symbol.asyncIterator]: () => change(stream) }));
}

/** A client whose final messages are other ones, wherever they come from. */
export function finals(change: (message: AssistantMessage) => AssistantMessage): Breakage["bend"] {
  return streams((stream) =>
    changed(stream, {
      finalMessage: async () => change(await stream.finalMessage()),
      async *[Symbol.asyncIterator]() {
        for await (const chunk of stream) {
          yield chunk.type === "final" ? { ...chunk, message: change(chunk.message) } : chunk;
        }
      },
    }),
  );
}

/** The same stream with other members; private fields keep working. */
export function changed(stream: MessageStream, members: Readonly<Record<PropertyKey, unknown>>): MessageStream {
  return new Proxy(stream, {
    get(target, name) {
      const value: unknown = Object.hasOwn(members, name) ? members[name] : Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** The same client with other options. */
export function calls(change: (options: SendOptions) => SendOptions): Breakage["bend"] {
  return (client) => ({
    sendMessage: (messages, options = {}) => client.sendMessage(messages, change(options)),
    sendMessageStream: (messages, options = {}) => client.sendMessageStream(messages, change(options)),
  });
}
