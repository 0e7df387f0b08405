/** Recorded replies, through a client over HTTP, at many packet cuts, on both transports, against what a correct client makes of them. */

import {
  type AssistantMessage,
  type ClientOptions,
  type FetchLike,
  type ProviderClient,
  SendError,
  type TokenUsage,
} from "cloudllm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LocalAgent, responseInPieces, sendApart } from "./local-connection.ts";
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
  let answer: Answer;

  const agent = new LocalAgent((connection) => sendApart(connection, packetsOf(answer)));

  beforeAll(async () => {
    server = await rawServer(({ socket }) => sendApart(socket, packetsOf(answer)));
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    agent.destroy();
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
      const way = fetch ? { fetch } : cut < MIN_CUT_FOR_TCP ? { agent } : {};
      const options = { baseUrl: server.baseUrl, model: "asked-for", apiKey: "k", retries: 0, ...way };
      const client = tested.client(options, recording);
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

/** The response in packets; each piece of the body is an HTTP chunk and a packet. */
function* packetsOf(answer: Answer): Generator<string | Buffer> {
  yield `HTTP/1.1 ${answer.status} Status\r\ncontent-type: ${answer.type}\r\ntransfer-encoding: chunked\r\n\r\n`;
  for (const piece of piecesOf(answer)) yield httpChunk(piece);
  yield LAST_CHUNK;
}

/** The same for a caller's own `fetch`. */
function responseOf(answer: Answer): Response {
  return responseInPieces(piecesOf(answer), answer.status, { "content-type": answer.type });
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
