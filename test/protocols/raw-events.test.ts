/** The provider's own events, for what the chunks do not show. Only when asked for. */

import type { MessageChunk } from "cloudllm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ClientName, events, type RequestRecorder, requestRecorder } from "../support/sent-requests.ts";

let recorder: RequestRecorder;
beforeAll(async () => {
  recorder = await requestRecorder();
});
afterAll(() => recorder[Symbol.asyncDispose]());

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

test("a reply that is not streamed carries its whole body", async () => {
  const body = { id: "c", odd: 1, choices: [{ message: { content: "ok" }, finish_reason: "stop" }] };
  recorder.answer(JSON.stringify(body), JSON.stringify(body));
  expect(await recorder.client("compatible", "m").sendMessage(ASK, { raw: true })).toMatchObject({
    content: "ok",
    raw: body,
  });
  expect(await recorder.client("compatible", "m").sendMessage(ASK)).not.toHaveProperty("raw");
});
