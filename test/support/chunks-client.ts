/** A client whose replies are given chunks, for what no script says. */

import type { ClientWrapper } from "../../src/contract/client.ts";
import { type AssistantMessage, clientOf, type Message, type MessageChunk, MessageStream } from "../../src/index.ts";
import type { Gate } from "../../src/testing/index.ts";
import { message } from "./exposed.ts";

/** One reply: its chunks, gates that hold back what follows, and an error that breaks it. */
export type ChunksReply = readonly (MessageChunk | Gate | Error)[];

/** A client that keeps the messages of its calls. */
export type ChunksClient = ClientWrapper & { readonly calls: readonly (readonly Message[])[] };

/** Returns a client that answers each call with the next reply. */
export function chunksClient(replies: readonly ChunksReply[], end: Partial<AssistantMessage> = {}): ChunksClient {
  const calls: (readonly Message[])[] = [];
  const client = clientOf({
    provider: "chunks",
    model: "toy",
    defaults: {},
    open: async (messages) => MessageStream.from(streamed(replies[calls.push(messages) - 1] ?? [], end)) as never,
  });
  return Object.assign(client, { calls });
}

async function* streamed(reply: ChunksReply, end: Partial<AssistantMessage>): AsyncGenerator<MessageChunk> {
  let [content, reasoning] = ["", ""];
  for (const item of reply) {
    if (item instanceof Error) throw item;
    if (!("type" in item)) {
      await item.pass();
      continue;
    }
    if (item.type === "rewind") {
      content = content.slice(0, content.length - item.length);
      reasoning = reasoning.slice(0, reasoning.length - item.reasoningLength);
    }
    content += item.content;
    if (item.type === "reasoning") reasoning += item.reasoning;
    yield item;
  }
  yield { type: "final", content: "", isFinal: true, message: message({ content, reasoning, ...end }) };
}

/** Returns a chunk without its constant fields. */
export function chunk<Type extends Exclude<MessageChunk["type"], "final" | "text">>(
  type: Type,
  fields: Omit<Extract<MessageChunk, { readonly type: Type }>, "type" | "content" | "isFinal">,
): MessageChunk {
  return { type, content: "", isFinal: false, ...fields } as unknown as MessageChunk;
}

export function text(content: string): MessageChunk {
  return { type: "text", content, isFinal: false };
}
