/** Every recorded Chat Completions reply, through a client over loopback HTTP, at many packet cuts, on both transports. */

import { type AssistantMessage, type ClientOptions, CompatibleClient, SendError } from "cloudllm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { httpChunk, LAST_CHUNK, type RawServer, rawServer } from "../support/raw-server.ts";
import {
  bodyOf,
  type ExpectedReply,
  type Recording,
  recordingsMissing,
  recordingsOf,
  sha256,
} from "../support/recordings.ts";

const QUESTION = [{ role: "user", content: "hi" }] as const;

/** Sizes of packets; `Infinity` sends the body in one. One byte at a time only where it is over soon. */
const CUTS = [Number.POSITIVE_INFINITY, 16_384, 997, 61, 7, 1];
const LONGEST_FOR_SMALL_CUTS = 24_000;

let server: RawServer;
let answer: { readonly status: number; readonly type: string; readonly body: Buffer; readonly cut: number };

beforeAll(async () => {
  server = await rawServer(({ socket }) => {
    const { status, type, body, cut } = answer;
    const pieces = [`HTTP/1.1 ${status} Status\r\ncontent-type: ${type}\r\ntransfer-encoding: chunked\r\n\r\n`];
    for (let at = 0; at < body.length; at += cut)
      pieces.push(httpChunk(body.subarray(at, at + cut)).toString("latin1"));
    pieces.push(LAST_CHUNK);
    // A turn of the loop between two writes keeps the packets apart.
    const next = () => {
      const piece = pieces.shift();
      if (piece === undefined || socket.destroyed) return;
      socket.write(piece, "latin1");
      setImmediate(next);
    };
    next();
  });
});
afterAll(() => server[Symbol.asyncDispose]());

const recordings = recordingsOf("openai-chat");

describe.skipIf(recordingsMissing)(`recorded replies${recordingsMissing ? ` (${recordingsMissing})` : ""}`, () => {
  test("are all there is of the protocol", () => expect(recordings.length).toBeGreaterThan(0));

  describe.each([
    ["the default transport", {}],
    ["fetch", { fetch: (input: string, init: RequestInit) => fetch(input, init) }],
  ])("over %s", (_name, options) => {
    test.each(recordings.map((recording) => [recording.file, recording] as const))("%s", async (_file, recording) => {
      const body = bodyOf(recording);
      for (const cut of CUTS) {
        if (cut < 500 && body.length > LONGEST_FOR_SMALL_CUTS) continue;
        const isError = recording.expected.kind === "error";
        const status = isError ? (recording.http_status ?? 400) : 200;
        answer = { status, type: recording.format === "json" ? "application/json" : "text/event-stream", body, cut };
        const outcome = await outcomeOf(recording, options);
        if (isError) {
          expect(outcome.error).toMatchObject({ status, message: expect.stringMatching(/.{20}/) });
          continue;
        }
        expect(recording.expected.responses).toHaveLength(1);
        for (const expected of recording.expected.responses ?? []) compare(outcome, expected);
      }
    });
  });
});

interface Outcome {
  readonly message: AssistantMessage | undefined;
  readonly error: SendError | undefined;
}

async function outcomeOf(recording: Recording, options: Partial<Omit<ClientOptions, "baseUrl">>): Promise<Outcome> {
  const client = new CompatibleClient({ baseUrl: server.baseUrl, model: "asked-for", retries: 0, ...options });
  try {
    if (recording.format === "json") return { message: await client.sendMessage(QUESTION), error: undefined };
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
  if (expected.errors || expected.invalid_sequence) expect(error).toBeInstanceOf(SendError);
  else expect(error).toBeUndefined();
  expect(message?.content.length).toBe(expected.text.len.utf16);
  expect(sha256(message?.content ?? "")).toBe(expected.text.sha256);
  expect(sha256(message?.reasoning ?? "")).toBe(expected.reasoning.sha256);
  expect(message?.usage?.raw ?? null).toEqual(expected.usage?.raw ?? null);
  if (message?.usage && expected.usage) {
    expect(message.usage).toMatchObject({ inputTokens: expected.usage.input, totalTokens: expected.usage.total });
    // Thinking that the server leaves out of its completion count is in its total, and billed.
    const { input, output, total } = expected.usage;
    expect(message.usage.outputTokens).toBe(Math.max(output ?? 0, (total ?? 0) - (input ?? 0)));
  }
  if (error) return;
  expect(message?.toolCalls.map((call) => call.arguments)).toEqual(expected.tool_calls.map((call) => call.args));
  expect(message?.toolCalls.map((call) => call.name)).toEqual(expected.tool_calls.map((call) => call.name));
  for (const [index, { id }] of expected.tool_calls.entries()) {
    if (id) expect(message?.toolCalls[index]?.id).toBe(id);
  }
  expect(message?.rawFinishReason ?? null).toBe(expected.finish?.raw ?? null);
  if (expected.id) expect(message?.id).toBe(expected.id);
  if (expected.model) expect(message?.model).toBe(expected.model);
  const urls = (expected.citations ?? []).map((citation) => (typeof citation === "string" ? citation : citation.url));
  expect([...new Set(message?.citations.map(({ url }) => url))]).toEqual(urls);
}
