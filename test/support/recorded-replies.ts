/** Recorded replies, through a client over HTTP, at many packet cuts, on both transports, against what a correct client makes of them. */

import { Agent } from "node:http";
import { Duplex } from "node:stream";
import {
  type AssistantMessage,
  type ClientOptions,
  type FetchLike,
  type ProviderClient,
  SendError,
  type TokenUsage,
} from "cloudllm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { httpChunk, LAST_CHUNK, type RawServer, rawServer } from "./raw-server.ts";
import { bodiesOf, type ExpectedReply, type Recording, recordingsMissing, recordingsOf, sha256 } from "./recordings.ts";

const QUESTION = [{ role: "user", content: "hi" }] as const;

/** Sizes of packets; `Infinity` sends the body in one. One byte at a time only where it is over soon. */
const CUTS = [Number.POSITIVE_INFINITY, 16_384, 997, 61, 7, 1];
const MAX_LENGTH_FOR_SMALL_CUTS = 24_000;
/** Packets below this size are so many that the kernel would take most of the time: they pass in this process. */
const MIN_CUT_FOR_TCP = 61;

/** What is tested of one protocol. */
export interface RecordedProtocol {
  /** Its folder among the recordings. */
  readonly protocol: string;
  client(options: ClientOptions & { readonly baseUrl: string }, recording: Recording): ProviderClient;
  /** The usage that is due, by the provider's own arithmetic; `undefined` where the reply has none. */
  usageOf(expected: ExpectedReply): Partial<TokenUsage> | undefined;
  /** Recordings that cannot be replayed, and why. */
  readonly skipped?: Readonly<Record<string, string>>;
  /** More that is due of one reply. */
  compare?(message: AssistantMessage | undefined, expected: ExpectedReply, recording: Recording): void;
}

/** Registers the tests of every recording of a protocol. */
export function testRecordedReplies(tested: RecordedProtocol): void {
  let server: RawServer;
  let local: LocalServer;
  let answer: Answer;

  beforeAll(async () => {
    server = await rawServer(({ socket }) => send(answer, socket, (packet) => socket.write(packet)));
    local = localServer(server.port, (socket) => send(answer, socket, (packet) => socket.push(packet)));
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    local[Symbol.dispose]();
  });

  const recordings = recordingsOf(tested.protocol);
  const title = `recorded replies of ${tested.protocol}${recordingsMissing ? ` (${recordingsMissing})` : ""}`;

  describe.skipIf(recordingsMissing)(title, () => {
    test("are all there is of the protocol", () => expect(recordings.length).toBeGreaterThan(0));

    describe.each([
      ["the default transport", undefined],
      [
        "fetch",
        (input: string, init: RequestInit) =>
          answer.cut < MIN_CUT_FOR_TCP ? Promise.resolve(responseOf(answer)) : fetch(input, init),
      ],
    ])("over %s", (_name, fetch) => {
      for (const recording of recordings) {
        const why = tested.skipped?.[recording.file];
        test.skipIf(why !== undefined)(recording.file + (why === undefined ? "" : ` (${why})`), async () => {
          const bodies = bodiesOf(recording);
          for (const [index, body] of bodies.entries()) await replay(recording, index, body, fetch);
          if (recording.expected.kind !== "error") expect(recording.expected.responses).toHaveLength(bodies.length);
        });
      }
    });
  });

  async function replay(recording: Recording, index: number, body: Buffer, fetch: FetchLike | undefined) {
    const { expected, format, http_status: errorStatus = 400 } = recording;
    for (const cut of CUTS) {
      if (cut < 500 && body.length > MAX_LENGTH_FOR_SMALL_CUTS) continue;
      const status = expected.kind === "error" ? errorStatus : 200;
      answer = { status, type: format === "json" ? "application/json" : "text/event-stream", body, cut };
      const { baseUrl } = cut < MIN_CUT_FOR_TCP ? local : server;
      const client = tested.client({ baseUrl, model: "asked-for", apiKey: "k", retries: 0, fetch }, recording);
      const outcome = await outcomeOf(client, format === "json");
      if (expected.kind === "error") {
        expect(outcome.error).toMatchObject({ status, message: expect.stringMatching(/.{20}/) });
        continue;
      }
      const reply = expected.responses?.[index];
      if (!reply) throw new Error(`expected.json says nothing of reply ${index}`);
      compare(outcome, reply);
      compareUsage(outcome.message, reply);
      tested.compare?.(outcome.message, reply, recording);
    }
  }

  function compareUsage(message: AssistantMessage | undefined, expected: ExpectedReply): void {
    expect(message?.usage?.raw ?? null).toEqual(expected.usage?.raw ?? null);
    const usage = tested.usageOf(expected);
    if (usage) expect(message?.usage).toMatchObject(usage);
    else expect(message?.usage).toBeUndefined();
  }
}

/** What the server says next, and the size of its packets. */
interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: Buffer;
  readonly cut: number;
}

/** The body in pieces of one size. */
function* piecesOf({ body, cut }: Answer): Generator<Buffer> {
  for (let at = 0; at < body.length; at += cut) yield body.subarray(at, at + cut);
}

/** Sends an answer; each piece is an HTTP chunk and a packet. */
function send(answer: Answer, connection: { readonly destroyed: boolean }, write: (packet: Buffer) => unknown): void {
  const pieces = piecesOf(answer);
  write(
    Buffer.from(
      `HTTP/1.1 ${answer.status} Status\r\ncontent-type: ${answer.type}\r\ntransfer-encoding: chunked\r\n\r\n`,
    ),
  );
  // A turn of the loop between two writes keeps the packets apart.
  const next = (): void => {
    if (connection.destroyed) return;
    const { done, value } = pieces.next();
    if (done) return void write(Buffer.from(LAST_CHUNK));
    write(httpChunk(value));
    setImmediate(next);
  };
  setImmediate(next);
}

/** The same as a response of a caller's own `fetch`, whose body yields the pieces one by one. */
function responseOf(answer: Answer): Response {
  const pieces = piecesOf(answer);
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const { done, value } = pieces.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { status: answer.status, headers: { "content-type": answer.type } });
}

/** A server that Node's HTTP reaches at `baseUrl` without the kernel. */
interface LocalServer extends Disposable {
  readonly baseUrl: string;
}

/** @param port what tells its address from those of other servers */
function localServer(port: number, onRequest: (connection: LocalConnection) => void): LocalServer {
  const { createConnection } = Agent.prototype;
  Object.assign(Agent.prototype, {
    createConnection(this: Agent, ...args: Parameters<typeof createConnection>) {
      const [options] = args;
      const isLocal = options.host === "localhost" && Number(options.port) === port;
      return isLocal ? new LocalConnection(onRequest) : createConnection.apply(this, args);
    },
  });
  return {
    baseUrl: `http://localhost:${port}/v1`,
    [Symbol.dispose]: () => void Object.assign(Agent.prototype, { createConnection }),
  };
}

/** The client's side of a connection. Its requests have a length; what is pushed arrives as one packet. */
class LocalConnection extends Duplex {
  readonly #onRequest: (connection: LocalConnection) => void;
  #received = "";

  constructor(onRequest: (connection: LocalConnection) => void) {
    super();
    this.#onRequest = onRequest;
  }

  override _read(): void {
    // The server pushes.
  }

  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    this.#received += bytes.toString("latin1");
    const [head = "", body] = this.#received.split("\r\n\r\n", 2);
    const length = Number(/content-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    if (body !== undefined && body.length >= length) {
      this.#received = "";
      this.#onRequest(this);
    }
    done();
  }

  // What Node and the transport ask of a socket.
  setNoDelay = (): this => this;
  setKeepAlive = (): this => this;
  setTimeout = (): this => this;
  ref = (): this => this;
  unref = (): this => this;
}

interface Outcome {
  readonly message: AssistantMessage | undefined;
  readonly error: SendError | undefined;
}

async function outcomeOf(client: ProviderClient, whole: boolean): Promise<Outcome> {
  try {
    if (whole) return { message: await client.sendMessage(QUESTION), error: undefined };
    const stream = await client.sendMessageStream(QUESTION);
    let text = "";
    for await (const chunk of stream) text += chunk.content;
    const message = await stream.finalMessage();
    expect(text).toBe(message.content);
    return { message, error: undefined };
  } catch (error) {
    if (error instanceof SendError) return { message: error.partial, error };
    throw error;
  }
}

function compare({ message, error }: Outcome, expected: ExpectedReply): void {
  // A call that was cut is never handed over as one.
  const cut = expected.tool_calls.some((call) => call.args_error);
  if (cut) expect(error).toMatchObject({ kind: "truncated", partial: { toolCalls: [] } });
  else if (expected.errors || expected.invalid_sequence) expect(error).toBeInstanceOf(SendError);
  else expect(error).toBeUndefined();
  expect(message?.content.length).toBe(expected.text.len.utf16);
  expect(sha256(message?.content ?? "")).toBe(expected.text.sha256);
  expect(sha256(message?.reasoning ?? "")).toBe(expected.reasoning.sha256);
  if (error) return;
  // A tool that takes plain text has no parsed arguments, only the text.
  const due = expected.tool_calls.map((call) => call.args ?? call.args_raw);
  expect(message?.toolCalls.map((call) => call.arguments)).toEqual(due);
  expect(message?.toolCalls.map((call) => call.name)).toEqual(expected.tool_calls.map((call) => call.name));
  for (const [index, { id }] of expected.tool_calls.entries()) {
    if (id) expect(message?.toolCalls[index]?.id).toBe(id);
  }
  expect(message?.rawFinishReason ?? null).toBe(rawReasonOf(expected.finish?.raw ?? null));
  if (expected.id) expect(message?.id).toBe(expected.id);
  if (expected.model) expect(message?.model).toBe(expected.model);
  const urls = (expected.citations ?? []).map((citation) => (typeof citation === "string" ? citation : citation.url));
  expect([...new Set(message?.citations.map(({ url }) => url))]).toEqual(urls);
}

/** Responses has a status, and a reason only where it is not `completed`. */
function rawReasonOf(raw: NonNullable<ExpectedReply["finish"]>["raw"]): string | null {
  return typeof raw === "object" && raw !== null ? (raw.incomplete ?? raw.status) : raw;
}
