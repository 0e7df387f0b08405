/** Clients of a fallback, each with a server of its own. */

import { type AssistantMessage, type ClientWrapper, type Message, type MessageChunk, SendError } from "cloudllm";
import { httpChunk, LAST_CHUNK, type RawRequest, type RawServer, STREAM_HEAD } from "../support/raw-server.ts";
import { type Answer, useServers } from "../support/servers.ts";
import { CHAT, type TestWire } from "../support/wires.ts";

export const QUESTION: readonly Message[] = [{ role: "user", content: "hi" }];

const serve = useServers();

interface Member {
  readonly server: RawServer;
  readonly client: ClientWrapper;
}

/** A client that does not retry, and its server. */
export async function member(answer: Answer, wire: TestWire = CHAT, options = {}): Promise<Member> {
  const server = await serve(answer);
  return { server, client: wire.client(server.port, { retries: 0, ...options }) };
}

export function good(text: string, wire: TestWire = CHAT): (request: RawRequest) => void {
  return ({ socket }: RawRequest): void =>
    void socket.write(STREAM_HEAD + httpChunk(wire.begin() + wire.text(text, 0) + wire.end(1)) + LAST_CHUNK);
}

interface Read {
  readonly chunks: readonly MessageChunk[];
  readonly message: AssistantMessage;
}

export async function read(client: ClientWrapper, options = {}): Promise<Read> {
  const chunks: MessageChunk[] = [];
  const stream = await client.sendMessageStream(QUESTION, options);
  for await (const chunk of stream) chunks.push(chunk);
  return { chunks, message: await stream.finalMessage() };
}

export async function failure(promise: Promise<unknown>): Promise<SendError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof SendError) return error;
  throw new Error(`no failure: ${String(error)}`);
}
