/** A reply that never ends, or that a megabyte of gzip holds a thousand of, fills no memory: `maxReplyBytes`. */

import { createServer, type Server } from "node:http";
import { gzipSync } from "node:zlib";
import {
  ClaudeClient,
  type ClientOptions,
  type ClientWrapper,
  CompatibleClient,
  GeminiClient,
  OpenAIClient,
} from "cloudllm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const QUESTION = [{ role: "user", content: "?" }] as const;
const MB = 1024 * 1024;
const PIECE = "x".repeat(10_000);

let answer: { readonly type: string; readonly body: Buffer; readonly gzip?: boolean; readonly status?: number };
let server: Server;
let origin = "";
let requests = 0;

beforeEach(async () => {
  requests = 0;
  server = createServer((request, response) => {
    requests++;
    request.resume();
    response.writeHead(answer.status ?? 200, {
      "content-type": answer.type,
      ...(answer.gzip && { "content-encoding": "gzip" }),
    });
    response.end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  origin = `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const sse = (event: object) => `data: ${JSON.stringify(event)}\n\n`;
const KEY = { apiKey: "k-123456789", model: "m" } as const;

/** Each protocol's client, and its events for one piece of text after another. */
const WIRES: readonly (readonly [string, (options: Partial<ClientOptions>) => ClientWrapper, string, string])[] = [
  [
    "Chat Completions",
    (options) => new CompatibleClient({ ...KEY, ...options, baseUrl: origin }),
    "",
    sse({ choices: [{ index: 0, delta: { content: PIECE } }] }),
  ],
  [
    "Responses",
    (options) => new OpenAIClient({ ...KEY, ...options, baseUrl: origin }),
    sse({ type: "response.created", response: { id: "r", status: "in_progress", output: [] } }),
    sse({ type: "response.output_text.delta", output_index: 0, content_index: 0, delta: PIECE }),
  ],
  [
    "Anthropic",
    (options) => new ClaudeClient({ ...KEY, ...options, baseUrl: origin }),
    sse({
      type: "message_start",
      message: { id: "m", model: "m", content: [], usage: { input_tokens: 1, output_tokens: 1 } },
    }) + sse({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }),
    sse({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: PIECE } }),
  ],
  [
    "Gemini",
    (options) => new GeminiClient({ ...KEY, ...options, baseUrl: origin }),
    "",
    sse({ candidates: [{ index: 0, content: { role: "model", parts: [{ text: PIECE }] } }] }),
  ],
];

describe.each<[string, Partial<ClientOptions>]>([
  ["node:http", {}],
  ["fetch", { fetch: globalThis.fetch }],
])("over %s", (_transport, transport) => {
  test.each(WIRES)(
    "%s: a stream beyond the limit fails, keeps what arrived, and is not sent again",
    async (...wire) => {
      const [_name, clientOf, begin, piece] = wire;
      answer = { type: "text/event-stream", gzip: true, body: gzipSync(begin + piece.repeat(800)) };
      expect(answer.body.length).toBeLessThan(0.1 * MB);
      const client = clientOf({ ...transport, maxReplyBytes: MB });
      const stream = await client.sendMessageStream(QUESTION, { recover: "continue" });
      const error = await stream.finalMessage().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ name: "SendError", kind: "protocol", retryable: false });
      expect(error).toMatchObject({ message: expect.stringContaining("`maxReplyBytes`") });
      const { content } = (error as { partial: { content: string } }).partial;
      expect(content.length).toBeGreaterThan(0.5 * MB);
      expect(content.length).toBeLessThanOrEqual(MB);
      expect(requests).toBe(1);
    },
  );

  test.each([
    ["in one event", (text: string) => sse({ choices: [{ index: 0, delta: { content: text } }] })],
    ["in a line without an end", (text: string) => `: ${text}`],
  ])(
    "a text of letters that take several bytes each is counted in bytes, as the message says: %s",
    async (_where, body) => {
      const client = new CompatibleClient({ ...KEY, ...transport, baseUrl: origin, maxReplyBytes: 20_000 });
      answer = { type: "text/event-stream", body: Buffer.from(body("数".repeat(8_000))) }; // 24,000 bytes, 8,000 characters
      const call = client.sendMessage(QUESTION);
      await expect(call).rejects.toThrow("more than 20000 bytes in one reply (limit `maxReplyBytes`)");
      answer = { type: "text/event-stream", body: Buffer.from(body("数".repeat(6_000))) };
      await expect(client.sendMessage(QUESTION)).rejects.toThrow(/ended before|end/);
    },
  );

  test("a non-streamed reply beyond the limit fails, and is not sent again", async () => {
    const body = JSON.stringify({ choices: [{ message: { content: "x".repeat(3 * MB) }, finish_reason: "stop" }] });
    answer = { type: "application/json", gzip: true, body: gzipSync(body) };
    const client = new CompatibleClient({ ...KEY, ...transport, baseUrl: origin });
    const call = client.sendMessage(QUESTION, { maxReplyBytes: MB });
    await expect(call).rejects.toMatchObject({ kind: "protocol", retryable: false });
    expect(requests).toBe(1);
    expect((await client.sendMessage(QUESTION)).content).toHaveLength(3 * MB);
  });

  test("the body of a refusal is read to its message, however long it is", async () => {
    answer = { type: "application/json", gzip: true, status: 400, body: gzipSync(`"${"no ".repeat(MB)}"`) };
    const client = new CompatibleClient({ ...KEY, ...transport, baseUrl: origin });
    const error = await client.sendMessage(QUESTION, { maxReplyBytes: 1_000_000 }).catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ status: 400, kind: "invalidRequest" });
    expect((error as Error).message.length).toBeLessThan(3_000);
  });
});

test("by default 64 MiB are read and no more", async () => {
  const [_name, clientOf, begin, piece] = WIRES[0] ?? [];
  answer = { type: "text/event-stream", gzip: true, body: gzipSync(`${begin}${piece?.repeat(7_000)}`) };
  expect(answer.body.length).toBeLessThan(MB);
  const stream = await clientOf?.({}).sendMessageStream(QUESTION);
  let length = 0;
  const loop = async () => {
    for await (const { content } of stream ?? []) length += content.length;
  };
  await expect(loop()).rejects.toMatchObject({ kind: "protocol", message: expect.stringContaining("67108864 bytes") });
  expect(length).toBeLessThanOrEqual(64 * MB);
  expect(length).toBeGreaterThan(60 * MB);
});

test.each([0, -1, Number.NaN, "1", null])("the limit %j is refused", (maxReplyBytes) => {
  const options = { ...KEY, baseUrl: "http://localhost:1", maxReplyBytes } as never;
  expect(() => new CompatibleClient(options)).toThrow(/`maxReplyBytes` must be a number of bytes/);
});
