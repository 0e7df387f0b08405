/** One fault on its stage: a server that misbehaves, the client of one wire format over one transport, and what it makes of it. */

import type { Socket } from "node:net";
import {
  type AssistantMessage,
  type ClientOptions,
  type ClientWrapper,
  type MessageStream,
  type ProviderClient,
  SendError,
  type SendErrorKind,
  type SendOptions,
} from "cloudllm";
import { expect } from "vitest";
import { LocalAgent, responseInPieces, sendApart } from "../support/local-connection.ts";
import {
  httpChunk,
  LAST_CHUNK,
  type RawRequest,
  type RawServer,
  rawServer,
  STREAM_HEAD,
} from "../support/raw-server.ts";
import type { LogName } from "./logs.ts";
import type { Counts, Reason, Speaker } from "./speakers/speaker.ts";

export const QUESTION = [{ role: "user", content: "hi" }] as const;
export const KEY = "sk-secret-0123456789abcdef";
export const COUNTS: Counts = { input: 11, output: 7 };

/** Only a case that fails waits for so long: what is due comes late on a busy machine. In milliseconds. */
export const PATIENCE = 90_000;

/** An address at which nobody listens. */
const LOCAL = "http://localhost:1";

export type TransportName = "node:http" | "fetch";
export const TRANSPORTS: readonly TransportName[] = ["node:http", "fetch"];

export type Answer = (request: RawRequest, index: number) => void;
export type Options = Partial<Omit<ClientOptions, "baseUrl" | "model">>;

/** How a reply ended. Exactly one of `message` and `error` is there. */
export interface Outcome {
  /** The deltas, joined. */
  readonly text: string;
  readonly message?: AssistantMessage;
  readonly error?: SendError;
}

/** What is due. */
export type Due =
  | { readonly text: string; readonly reason?: Reason; readonly counts?: Counts | undefined }
  | { readonly fails: SendErrorKind | readonly SendErrorKind[]; readonly kept?: string; readonly says?: string };

export class Scene {
  readonly speaker: Speaker;
  readonly transport: TransportName;
  /** Where a relay keeps its runs. */
  readonly log: LogName | undefined;
  readonly #servers: RawServer[] = [];
  readonly #agents: LocalAgent[] = [];
  #leaves = false;

  constructor(speaker: Speaker, transport: TransportName, log?: LogName) {
    this.speaker = speaker;
    this.transport = transport;
    this.log = log;
  }

  async serve(answer: Answer): Promise<RawServer> {
    const server = await rawServer(answer);
    this.#servers.push(server);
    return server;
  }

  /** Without retries, unless the options say so. */
  client(origin: string, options: Options = {}): ProviderClient {
    const own = this.transport === "fetch" && { fetch: (input: string, init: RequestInit) => fetch(input, init) };
    return this.speaker.client(origin, { apiKey: KEY, retries: 0, ...own, ...options });
  }

  /** A server with its client. */
  async stage(answer: Answer, options: Options = {}): Promise<{ server: RawServer; client: ProviderClient }> {
    const server = await this.serve(answer);
    return { server, client: this.client(server.origin, options) };
  }

  /** The reply to one request. */
  async reply(answer: Answer, options: Options = {}): Promise<Outcome> {
    return outcomeOf((await this.stage(answer, options)).client);
  }

  /**
   * The reply that begins with these bytes, and what happens to its connection once the caller has them: a busy client
   * would read them late, and lose what the kernel holds when the connection is reset.
   */
  async replyThen(
    begin: string,
    text: string,
    then: (socket: Socket) => void,
    options: Options = {},
  ): Promise<{ outcome: Outcome; server: RawServer }> {
    const { server, client } = await this.stage(({ socket }) => void socket.write(begin), options);
    const outcome = await outcomeOf(client, {}, (shown) => {
      const socket = server.requests.at(-1)?.socket;
      if (shown === text && socket) then(socket);
    });
    return { outcome, server };
  }

  /** The reply whose body comes in these packets, which are too many for the kernel: they pass in this process. */
  async replyInPackets(pieces: readonly Uint8Array[]): Promise<Outcome> {
    if (this.transport === "fetch") {
      const headers = { "content-type": "text/event-stream" };
      return outcomeOf(this.client(LOCAL, { fetch: async () => responseInPieces(pieces, 200, headers) }));
    }
    return this.replyOnConnection([STREAM_HEAD, ...pieces.map(httpChunk), LAST_CHUNK]);
  }

  /** The reply that comes in these packets on a connection of this process. */
  async replyOnConnection(response: readonly (string | Uint8Array)[]): Promise<Outcome> {
    const agent = new LocalAgent((connection) => sendApart(connection, response));
    this.#agents.push(agent);
    return outcomeOf(this.client(LOCAL, { agent }));
  }

  /** Sockets stay open, and that is not the library's doing. */
  leaves(_why: string): void {
    this.#leaves = true;
  }

  /**
   * Every socket is gone: at once where the reply failed or was left, and after the server's goodbye where the client keeps
   * its connection for the next request. A socket that nobody reads any more would not hear it.
   */
  async close(): Promise<void> {
    for (const server of this.#servers) {
      if (!this.#leaves) {
        await within(PATIENCE, "every socket closes", server.goodbye()).catch(() => undefined);
        expect(server.openSockets(), `open of ${server.connections()} sockets`).toBe(0);
      }
      await server[Symbol.asyncDispose]();
    }
    for (const agent of this.#agents) await within(PATIENCE, "every connection closes", agent.goodbye());
  }
}

/** Answers with a streamed body in these pieces, each an HTTP chunk and a packet, and ends it as HTTP wants it ended. */
export function stream(pieces: readonly (string | Uint8Array)[], head: string = STREAM_HEAD): Answer {
  return ({ socket }) => sendApart(socket, [head, ...pieces.map((piece) => httpChunk(piece)), LAST_CHUNK]);
}

/** Returns what makes a response once for each wire format: one of megabytes takes longer to write than to send. */
export function oncePerFormat(make: (speaker: Speaker) => string): (speaker: Speaker) => Buffer {
  const made = new Map<Speaker["protocol"], Buffer>();
  return (speaker) => {
    const known = made.get(speaker.protocol) ?? Buffer.from(make(speaker));
    made.set(speaker.protocol, known);
    return known;
  };
}

/** Bytes in packets of one size. */
export function packets(body: string | Uint8Array, size: number): Uint8Array[] {
  const bytes = Buffer.from(body);
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size));
}

/** Response headers of an event stream, and more of them. */
export function headWith(headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n${lines.join("")}\r\n`;
}

/** Reads a reply to its end, one way or the other; only a `SendError` is an end. */
export async function outcomeOf(
  client: ClientWrapper,
  options: SendOptions = {},
  onText?: (text: string) => unknown,
): Promise<Outcome> {
  let opened: MessageStream;
  try {
    opened = await client.sendMessageStream(QUESTION, options);
  } catch (error) {
    return { text: "", error: sendErrorOf(error) };
  }
  return readAll(opened, onText);
}

export async function readAll(
  opened: MessageStream,
  onText: (text: string) => unknown = () => undefined,
): Promise<Outcome> {
  let text = "";
  let finals = 0;
  try {
    for await (const chunk of opened) {
      if (chunk.type === "rewind") text = text.slice(0, text.length - chunk.length);
      text += chunk.content;
      if (chunk.isFinal) finals++;
      if (chunk.content !== "") await onText(text);
    }
  } catch (thrown) {
    const error = sendErrorOf(thrown);
    expect(finals).toBe(0);
    expect(error.partial?.content).toBe(text);
    expect(error.partial).toMatchObject({ finishReason: "interrupted", interrupted: true });
    expect(error.attempts?.length).toBeGreaterThan(0);
    return { text, error };
  }
  const message = await opened.finalMessage();
  expect(finals).toBe(1);
  expect(message.content).toBe(text);
  return { text, message };
}

/** The error a call is refused with. */
export async function refusalOf(client: ProviderClient, options: SendOptions = {}): Promise<SendError> {
  const { error } = await outcomeOf(client, options);
  if (error) return error;
  throw new Error("the reply did not fail");
}

function sendErrorOf(error: unknown): SendError {
  if (error instanceof SendError) return error;
  throw error;
}

/** Holds the outcome against what is due, and says it in the words of the table. */
export function judged(outcome: Outcome, due: Due): string {
  const { text, message, error } = outcome;
  if ("text" in due) {
    if (error) throw error;
    expect(text === due.text || { text }).toBe(true); // not megabytes of difference
    expect(message?.finishReason).toBe(due.reason ?? "stop");
    if ("counts" in due) expect(countsOf(message)).toEqual(due.counts);
    return due.reason && due.reason !== "stop" ? `full text, \`${due.reason}\`` : "full text";
  }
  expect(error, `a reply that must not be whole: ${JSON.stringify(text.slice(0, 200))}`).toBeInstanceOf(SendError);
  expect([due.fails].flat()).toContain(error?.kind);
  expect(text).toBe(due.kept ?? "");
  expect(error?.partial?.content ?? "").toBe(due.kept ?? "");
  expect(error?.partial?.toolCalls ?? []).toEqual([]);
  if (due.says !== undefined) expect(error?.message).toContain(due.says);
  return saidOf(outcome);
}

/** What happened, in the words of the table. */
export function saidOf({ text, error }: Outcome): string {
  if (!error) return "full text";
  const status = error.status === undefined || error.status < 400 ? "" : ` ${error.status}`;
  const phase = error.phase === undefined ? "" : ` (${error.phase})`;
  return `\`${error.kind}\`${phase}${status}${text === "" ? "" : ", text kept"}`;
}

function countsOf(message: AssistantMessage | undefined): Counts | undefined {
  return message?.usage && { input: message.usage.inputTokens, output: message.usage.outputTokens };
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Rejects when it takes longer. */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
