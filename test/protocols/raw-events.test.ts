/** The provider's own events, for what the chunks do not show. Only when asked for. */

import {
  type ClientWrapper,
  fallback,
  hedge,
  LLMSession,
  type MessageChunk,
  MessageStream,
  rateLimit,
  type SendOptions,
} from "cloudllm";
import { describe, expect, test } from "vitest";
import { httpChunk, LAST_CHUNK, rawServer, STREAM_HEAD } from "../support/raw-server.ts";
import { type ClientName, events, useRequestRecorder } from "../support/sent-requests.ts";
import { WIRES } from "../support/wires.ts";

const recorder = useRequestRecorder();

const ASK = [{ role: "user", content: "?" }] as const;
const chat = { id: "c", odd: { own: 1 }, choices: [{ index: 0, delta: { content: "ok" }, finish_reason: "stop" }] };
const block = { type: "content_block_start", index: 0, odd: 1, content_block: { type: "text", text: "ok" } };
const delta = { type: "response.output_text.delta", output_index: 0, content_index: 0, delta: "ok", odd: 1 };
const candidate = { odd: 1, candidates: [{ content: { parts: [{ text: "ok" }] }, finishReason: "STOP" }] };

const STREAMS: readonly (readonly [ClientName, string, object])[] = [
  ["compatible", events(chat), chat],
  [
    "claude",
    events(
      { type: "message_start", message: {} },
      block,
      { type: "message_delta", delta: { stop_reason: "end_turn" } },
      { type: "message_stop" },
    ),
    block,
  ],
  [
    "openai",
    events(delta, { type: "response.completed", response: { id: "r", status: "completed", output: [] } }),
    delta,
  ],
  ["gemini", events(candidate), candidate],
];

describe.each(STREAMS)("%s", (client, body, event) => {
  const chunksOf = async (options: { readonly raw?: boolean }): Promise<MessageChunk[]> => {
    recorder.answer(body);
    const chunks: MessageChunk[] = [];
    for await (const chunk of await recorder.client(client, "m").sendMessageStream(ASK, options)) chunks.push(chunk);
    return chunks;
  };

  test("a chunk carries the event that it was read from", async () => {
    const [text] = await chunksOf({ raw: true });
    expect(text).toEqual({ type: "text", content: "ok", isFinal: false, raw: event });
  });

  test("nothing is carried unasked", async () => {
    for (const chunk of await chunksOf({})) expect(chunk).not.toHaveProperty("raw");
  });
});

test("a reply that is not streamed carries its complete body", async () => {
  const body = { id: "c", odd: 1, choices: [{ message: { content: "ok" }, finish_reason: "stop" }] };
  recorder.answer(JSON.stringify(body), JSON.stringify(body));
  expect(await recorder.client("compatible", "m").sendMessage(ASK, { raw: true })).toMatchObject({
    content: "ok",
    raw: body,
  });
  expect(await recorder.client("compatible", "m").sendMessage(ASK)).not.toHaveProperty("raw");
});

type Open = (client: ClientWrapper, options: SendOptions) => Promise<MessageStream>;

const WRAPPERS: readonly (readonly [string, Open])[] = [
  ["a fallback", (client, options) => fallback([client]).sendMessageStream(ASK, options)],
  ["a hedge", (client, options) => hedge(client, client, { afterMs: 60_000 }).sendMessageStream(ASK, options)],
  ["a rate limit", (client, options) => rateLimit(client, {}).sendMessageStream(ASK, options)],
  ["a session", (client, options) => new LLMSession({ client }).sendMessageStream("?", options)],
  ["a recovery", (client, options) => client.sendMessageStream(ASK, { ...options, recover: "continue" })],
  [
    "a schema",
    (client, options) => client.sendMessageStream(ASK, { ...options, tools: [{ name: "look", parameters: {} }] }),
  ],
  [
    "a thread's stream",
    async (client, options) => MessageStream.from((await client.sendMessageStream(ASK, options)).toReadableStream()),
  ],
];

describe.each(WIRES)("$name", (wire) => {
  test.each(WRAPPERS)("%s loses no event that the caller asked for", async (_name, open) => {
    const body = wire.begin() + wire.text("a ", 0) + wire.text("river", 1) + wire.call(2) + wire.end(3);
    await using server = await rawServer(({ socket }) => {
      socket.write(STREAM_HEAD + httpChunk(body).toString("utf8") + LAST_CHUNK);
    });
    const client = wire.client(server.port, { retries: 0 });
    const rawOf = async (stream: MessageStream) => {
      const chunks: MessageChunk[] = [];
      for await (const chunk of stream) chunks.push(chunk);
      return chunks.flatMap((chunk) =>
        chunk.type === "final" ? [] : [{ type: chunk.type, raw: "raw" in chunk && chunk.raw }],
      );
    };
    const direct = await rawOf(await client.sendMessageStream(ASK, { raw: true }));
    expect(direct.length).toBeGreaterThan(2);
    expect(direct.every(({ raw }) => raw)).toBe(true);
    expect(await rawOf(await open(client, { raw: true }))).toEqual(direct);
  });

  test("a text that is shown without its repetition carries the event that ended the doubt", async () => {
    const beginning = "The river begins high in the snow of the mountains";
    await using server = await rawServer(({ socket }) => {
      const isFirst = server.requests.length === 1;
      const pieces = isFirst ? [beginning] : ["of the mount", "ains and ends", " in the sea."];
      const text = wire.begin() + pieces.map((piece, at) => wire.text(piece, at)).join("");
      if (isFirst)
        socket.end(STREAM_HEAD.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n") + httpChunk(text).toString("utf8"));
      else socket.write(STREAM_HEAD + httpChunk(text + wire.end(pieces.length)).toString("utf8") + LAST_CHUNK);
    });
    const model = wire.name.startsWith("Anthropic") ? { model: "claude-opus-4-8" } : {};
    const stream = await wire.client(server.port, model).sendMessageStream(ASK, { raw: true, recover: "continue" });
    const texts: MessageChunk[] = [];
    for await (const chunk of stream) if (chunk.type === "text") texts.push(chunk);
    expect(texts.map(({ content }) => content).join("")).toBe(`${beginning} and ends in the sea.`);
    for (const { content, raw } of texts as { content: string; raw?: unknown }[]) {
      expect(JSON.stringify(raw)).toContain(content.trim() === "and ends" ? "ains and ends" : content);
    }
  });
});

test("a source and a picture keep the event to their chunks, out of the message", async () => {
  const search = {
    candidates: [
      {
        content: { parts: [{ text: "ok" }, { inlineData: { mimeType: "image/png", data: "AAAA" } }] },
        finishReason: "STOP",
        groundingMetadata: {
          groundingChunks: [{ web: { uri: "https://a.example", title: "A" } }],
          groundingSupports: [{ segment: { startIndex: 0, endIndex: 2, text: "ok" }, groundingChunkIndices: [0] }],
        },
      },
    ],
  };
  recorder.answer(events(search));
  const stream = await recorder.client("gemini", "m").sendMessageStream(ASK, { raw: true });
  const seen: MessageChunk[] = [];
  for await (const chunk of stream) seen.push(chunk);
  const { citations, media } = await stream.finalMessage();
  expect(seen.filter((chunk) => "raw" in chunk && chunk.raw).map(({ type }) => type)).toEqual(
    expect.arrayContaining(["citation", "media"]),
  );
  expect([citations.length, media?.length]).toEqual([1, 1]);
  for (const kept of [...citations, ...(media ?? [])]) expect(kept).not.toHaveProperty("raw");
});
