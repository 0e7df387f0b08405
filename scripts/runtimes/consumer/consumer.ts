/** A TypeScript user of the published types, checked strictly, library files included, with `nodenext` and `bundler`. */
import { type ClientWrapper, CompatibleClient, type Message, type MessageChunk, SendError } from "cloudllm";
import { EmbeddedClient } from "cloudllm/embedded";
import { createRelay, memoryLog, type Relay, toNode } from "cloudllm/server";
import { relayClient } from "cloudllm/web";

export const embedded: ClientWrapper = new EmbeddedClient({ seed: 1, temperature: 0.5 });

export const relay: Relay = createRelay({ client: embedded, authorize: "public", log: memoryLog() });
export const handler: (request: never, response: never) => void = toNode(relay.handle);
export const page: ClientWrapper = relayClient({ url: "https://relay.example/chat" });

const messages: readonly Message[] = [{ role: "user", content: "hi" }];

export async function ask(baseUrl: string): Promise<string> {
  const client: ClientWrapper = new CompatibleClient({ baseUrl, model: "test" });
  try {
    const stream = await client.sendMessageStream(messages);
    for await (const chunk of stream) show(chunk);
    return (await stream.finalMessage()).content;
  } catch (error) {
    if (error instanceof SendError) return error.partial?.content ?? error.kind;
    throw error;
  }
}

function show(chunk: MessageChunk): void {
  const text: string = chunk.content;
  if (chunk.type === "final") console.log(chunk.message.finishReason, chunk.isFinal satisfies true);
  else console.log(text);
}
