/** Replies in forms that gateways give them: nothing in them is lost, and a half reply is not taken for a whole one. */

import type { AssistantMessage } from "cloudllm";
import { describe, expect, test } from "vitest";
import { type ClientName, events, useRequestRecorder } from "../support/sent-requests.ts";

const recorder = useRequestRecorder();

/** A case: what a server sends, and a part of the reply or of the error. */
type Form = readonly [string, ClientName, string, Partial<AssistantMessage> | { kind: string; message?: RegExp }];

const chunk = (delta: object, finish_reason?: unknown, more: object = {}) => ({
  id: "c",
  choices: [{ index: 0, delta, finish_reason, ...more }],
});
const stop = chunk({}, "stop");
const chat = (...list: readonly object[]) => `${events(...list)}data: [DONE]\n\n`;
const lines = (...list: readonly object[]) => list.map((one) => `${JSON.stringify(one)}\n`).join("");
const call = (id: string | undefined, name: string, args: string) => ({ id, function: { name, arguments: args } });
const calls = (...tool_calls: readonly object[]) => chunk({ tool_calls });
/** The event that ends a reply with its whole message. */
const closing = (...tool_calls: readonly object[]) => chunk({}, "tool_calls", { message: { tool_calls } });

const look = { id: "a", name: "look", arguments: { at: 1 } };
const find = { id: "b", name: "find", arguments: { of: 2 } };
const sentLook = call("a", "look", '{"at":1}');
const sentFind = call("b", "find", '{"of":2}');

const claude = (begun: object, ...last: readonly object[]) =>
  events(
    { type: "message_start", message: { id: "m", model: "m", content: [], ...begun } },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "Hi" } },
    { type: "content_block_stop", index: 0 },
    ...last,
    { type: "message_stop" },
  );
const responses = (response: object) =>
  events(
    { type: "response.output_text.delta", output_index: 0, content_index: 0, delta: "Hi" },
    { type: "response.completed", response: { id: "r", status: "completed", output: [], ...response } },
  );
const line = (message: object | undefined, more: object = {}) => ({ model: "m", created_at: "1", message, ...more });

async function check([, client, body, expected]: Form): Promise<void> {
  const reply = recorder.replied(client, "m", body);
  if ("kind" in expected) await expect(reply).rejects.toMatchObject(readable(expected));
  else expect(await reply).toMatchObject(expected);
}
const readable = ({ kind, message }: { kind: string; message?: RegExp }) => ({
  kind,
  ...(message && { message: expect.stringMatching(message) as string }),
});

describe("the message that ends a reply", () => {
  test.each<Form>([
    [
      "has a call that no piece had",
      "compatible",
      chat(calls(sentLook), closing(sentLook, sentFind)),
      { toolCalls: [look, find] },
    ],
    ["repeats a call", "compatible", chat(calls(sentLook), closing(sentLook)), { toolCalls: [look] }],
    [
      "repeats a call under another id",
      "compatible",
      chat(calls(sentLook), closing(call("z", "look", '{"at": 1}'))),
      { toolCalls: [look] },
    ],
    [
      "repeats a call without its id",
      "compatible",
      chat(calls(sentLook), closing(call(undefined, "look", '{"at":1}'))),
      { toolCalls: [look] },
    ],
    [
      "has the end of a call",
      "compatible",
      chat(calls(call("a", "look", '{"at":')), closing(sentLook)),
      { toolCalls: [look] },
    ],
    [
      "has a piece that a call lacks",
      "compatible",
      chat(calls(call("a", "look", '{"at":}')), closing(sentLook)),
      { toolCalls: [look] },
    ],
    ["has an empty call", "compatible", chat(calls(sentLook), closing(call("", "", ""))), { toolCalls: [look] }],
    [
      "has two equal calls, as the pieces had",
      "compatible",
      chat(calls(sentLook, { ...sentLook, id: "b" }), closing(sentLook, { ...sentLook, id: "b" })),
      { toolCalls: [look, { ...look, id: "b" }] },
    ],
    [
      "has one more call than the message before it",
      "compatible",
      chat({ id: "c", choices: [{ message: { tool_calls: [sentLook] } }] }, closing(sentLook, sentFind)),
      { toolCalls: [look, find] },
    ],
  ])("%s", (...form) => check(form));
});

describe("a word for the end", () => {
  test.each<Form>([
    ["that says none, before a cut", "compatible", chat(chunk({ content: "Hi" }, "None")), { kind: "truncated" }],
    [
      "of an enumeration",
      "compatible",
      chat(chunk({ content: "Hi" }, "FinishReason.MAX_TOKENS")),
      { finishReason: "length" },
    ],
    [
      "that is absent, where nothing but usage came",
      "compatible",
      chat({ response: "Hi", usage: { prompt_tokens: 1, completion_tokens: 1 } }),
      { kind: "truncated" },
    ],
    ["in the first event", "claude", claude({ stop_reason: "end_turn" }), { content: "Hi", finishReason: "stop" }],
    [
      "in the first event, and no word in the last",
      "claude",
      claude({ stop_reason: "max_tokens" }, { type: "message_delta", delta: { stop_reason: null } }),
      { finishReason: "length" },
    ],
    [
      "outside of the delta",
      "claude",
      claude({}, { type: "message_delta", stop_reason: "max_tokens" }),
      { finishReason: "length" },
    ],
    [
      "that says why a completed reply is not",
      "openai",
      responses({ incomplete_details: { reason: "max_output_tokens" } }),
      { content: "Hi", finishReason: "length" },
    ],
  ])("%s", (...form) => check(form));
});

describe("text in another field", () => {
  test.each<Form>([
    [
      "of a part with another name",
      "compatible",
      chat(chunk({ content: [{ type: "text_delta", text: "Hi" }] }), stop),
      { content: "Hi" },
    ],
    [
      "of a part that thinks",
      "compatible",
      chat(chunk({ content: [{ type: "reasoning_text", text: "Hm" }] }), stop),
      { content: "", reasoning: "Hm" },
    ],
    [
      "named thinking",
      "compatible",
      chat(chunk({ thinking: "Hm" }), chunk({ content: "Hi" }), stop),
      { content: "Hi", reasoning: "Hm" },
    ],
    ["next to an empty delta", "compatible", chat(chunk({}, null, { text: "Hi" }), stop), { content: "Hi" }],
    [
      "next to a delta that has it",
      "compatible",
      chat(chunk({ content: "Hi" }, null, { text: "Hi" }), stop),
      { content: "Hi" },
    ],
    [
      "of Ollama's other endpoint",
      "ollama own",
      lines(line(undefined, { response: "Hi" }), line(undefined, { response: "", done: true, done_reason: "stop" })),
      { content: "Hi", finishReason: "stop" },
    ],
  ])("%s", (...form) => check(form));
});

test("a call that Ollama's last line repeats runs once", async () => {
  const tool_calls = [{ id: "a", function: { name: "look", arguments: { at: 1 } } }];
  const body = lines(line({ tool_calls }), line({ tool_calls }, { done: true, done_reason: "stop" }));
  expect((await recorder.replied("ollama own", "m", body)).toolCalls).toEqual([look]);
});

describe("usage under the names of another protocol", () => {
  const counts = { inputTokens: 5, outputTokens: 2 } as AssistantMessage["usage"] & object;

  test.each<Form>([
    [
      "with its details",
      "compatible",
      chat({
        ...stop,
        usage: {
          input_tokens: 5,
          output_tokens: 2,
          input_tokens_details: { cached_tokens: 3 },
          output_tokens_details: { reasoning_tokens: 1 },
        },
      }),
      { usage: { ...counts, cachedInputTokens: 3, reasoningTokens: 1 } },
    ],
    [
      "on Chat Completions",
      "compatible",
      chat({ ...stop, usage: { input_tokens: 5, output_tokens: 2 } }),
      { usage: counts },
    ],
    ["on Responses", "openai", responses({ usage: { prompt_tokens: 5, completion_tokens: 2 } }), { usage: counts }],
    [
      "next to the last event",
      "claude",
      claude({ stop_reason: "end_turn" }).replace(
        '"type":"message_stop"',
        '"type":"message_stop","usage":{"input_tokens":5,"output_tokens":2}',
      ),
      { usage: counts },
    ],
    [
      "with cached tokens",
      "compatible",
      chat({ ...stop, usage: { prompt_tokens: 5, completion_tokens: 2, cache_read_input_tokens: 3 } }),
      { usage: { ...counts, cachedInputTokens: 3 } },
    ],
  ])("%s", (...form) => check(form));
});

describe("a body in another frame", () => {
  const [one, two] = [chunk({ content: "H" }), chunk({ content: "i" })];

  test.each<Form>([
    ["one event a line", "compatible", lines(one, two, stop), { content: "Hi", finishReason: "stop" }],
    ["one event a line, and a mark at the end", "compatible", `${lines(one, two, stop)}[DONE]\n`, { content: "Hi" }],
    ["one event a line, cut", "compatible", lines(one, two), { kind: "truncated" }],
    ["one event a line, cut within a line", "compatible", lines(one, two, stop).slice(0, -20), { kind: "truncated" }],
    ["one array", "compatible", JSON.stringify([one, two, stop]), { content: "Hi", finishReason: "stop" }],
    ["one array, cut", "compatible", JSON.stringify([one, two]), { kind: "truncated" }],
    [
      "a document, and a mark at the end",
      "compatible",
      `${JSON.stringify({ choices: [{ message: { content: "Hi" }, finish_reason: "stop" }] })}\n\ndata: [DONE]\n\n`,
      { content: "Hi" },
    ],
    [
      "one event a line",
      "claude",
      claude({ stop_reason: "end_turn" }).replace(/^event: .*\n|^data: |\n(?=\n)/gm, ""),
      { content: "Hi" },
    ],
  ])("%s (%s)", (...form) => check(form));
});

describe("a sign of life", () => {
  test.each<Form>([
    [
      "in words, with its name",
      "compatible",
      `event: ping\ndata: 2026-12-01 12:00\n\n${chat(chunk({ content: "Hi" }), stop)}`,
      { content: "Hi" },
    ],
    [
      "in words only",
      "claude",
      claude({ stop_reason: "end_turn" }).replace("\n\n", "\n\ndata: heartbeat\n\n"),
      { content: "Hi" },
    ],
    [
      "at the end",
      "compatible",
      `${events(chunk({ content: "Hi" }), stop)}event: end\ndata: bye\n\n`,
      { content: "Hi" },
    ],
    ["that is none", "compatible", `data: Hello\n\n${chat(stop)}`, { kind: "protocol" }],
  ])("%s", (...form) => check(form));
});

describe("Gemini in the names of its definition", () => {
  const candidate = (parts: readonly object[], more: object = {}) => ({
    candidates: [{ content: { parts }, finish_reason: "STOP", ...more }],
    usage_metadata: { prompt_token_count: 5, candidates_token_count: 2, total_token_count: 7 },
    model_version: "gemini-3",
  });
  const args = { at_place: 1, big: "12345678901234567890" };

  test.each<Form>([
    [
      "text",
      "gemini",
      events(candidate([{ text: "Hi" }])),
      {
        content: "Hi",
        finishReason: "stop",
        model: "gemini-3",
        usage: { inputTokens: 5 } as AssistantMessage["usage"] & object,
      },
    ],
    [
      "a call, with the caller's names",
      "gemini",
      events(candidate([{ function_call: { id: "a", name: "look", args }, thought_signature: "c2ln" }])),
      { toolCalls: [{ id: "a", name: "look", arguments: args }] },
    ],
    [
      "a picture",
      "gemini",
      events(candidate([{ inline_data: { mime_type: "image/png", data: "iVBORw0KGgo=" } }])),
      { media: [{ mediaType: "image/png", data: "iVBORw0KGgo=" }] },
    ],
    [
      "a source",
      "gemini",
      events(
        candidate([{ text: "Hi" }], {
          grounding_metadata: {
            grounding_chunks: [{ web: { uri: "https://a.com" } }],
            grounding_supports: [{ segment: { end_index: 2 }, grounding_chunk_indices: [0] }],
          },
        }),
      ),
      { citations: [{ url: "https://a.com", startIndex: 0, endIndex: 2 }] },
    ],
    [
      "a refusal of the prompt",
      "gemini",
      events({ prompt_feedback: { block_reason: "SAFETY" } }),
      { kind: "contentFilter" },
    ],
    [
      "in a part only",
      "gemini",
      events({
        candidates: [
          { content: { parts: [{ function_call: { id: "a", name: "look", args } }] }, finishReason: "STOP" },
        ],
        modelVersion: "m",
      }),
      { toolCalls: [{ id: "a", name: "look", arguments: args }] },
    ],
  ])("%s", (...form) => check(form));
});

test("a part of Gemini with an unknown name does not end the reply", async () => {
  const parts = [{ a_: 1, b_1: 2, c__d: 3 }, { text: "Hi" }];
  const body = events({ candidates: [{ content: { parts }, finishReason: "STOP" }], modelVersion: "m" });
  expect(await recorder.replied("gemini", "m", body)).toMatchObject({ content: "Hi" });
});

describe("an answer that is no reply says what it is", () => {
  test.each<Form>([
    [
      "a message",
      "claude",
      '{"message":"The token has expired"}',
      { kind: "server", message: /The token has expired/ },
    ],
    ["other words", "openai", '{"Message":"Not authorized"}', { kind: "protocol", message: /Not authorized/ }],
    [
      "a key that is refused",
      "compatible",
      '{"code":"InvalidApiKey","message":"Invalid key."}',
      { kind: "authentication", message: /Check the API key/ },
    ],
  ])("%s", (...form) => check(form));
});
