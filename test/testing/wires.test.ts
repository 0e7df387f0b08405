/** One script in three formats: what a plain client reads off the wire. Chat Completions is in `provider-server.test.ts`. */

import { type ReplyScript, startProviderServer } from "cloudllm/testing";
import { describe, expect, test } from "vitest";

const SCRIPT: ReplyScript = {
  steps: [
    { reasoning: "Hm." },
    { text: ["See ", "🌍"] },
    { citation: { url: "https://example.org", title: "Example", startIndex: 4, endIndex: 6 } },
    { toolCall: { name: "look", fragments: ['{"at":', "1}"] } },
  ],
  ending: { usage: { inputTokens: 5, outputTokens: 7, cachedInputTokens: 2, reasoningTokens: 1 } },
};

/** The body of the answer to one request. */
async function answer(
  path: string,
  body: object,
  script = SCRIPT,
): Promise<{ status: number; type: string; text: string }> {
  await using server = await startProviderServer([script]);
  const response = await fetch(server.origin + path, { method: "POST", body: JSON.stringify(body) });
  const type = response.headers.get("content-type")?.split(";")[0] ?? "";
  return { status: response.status, type, text: await response.text() };
}

interface WireEvent {
  readonly name: string | undefined;
  readonly data: Record<string, unknown>;
}

function eventsOf(text: string): WireEvent[] {
  return text
    .split(/\r?\n\r?\n/)
    .filter((event) => event !== "")
    .map((event) => ({
      name: /^event: (.*)$/m.exec(event)?.[1],
      data: JSON.parse(/^data: (.*)$/m.exec(event)?.[1] ?? "null"),
    }));
}

/** Formats that name their events do so twice. */
function typesOf(events: readonly WireEvent[]): readonly unknown[] {
  for (const { name, data } of events) expect(name).toBe(data.type);
  return events.map(({ data }) => data.type);
}

describe("Anthropic Messages", () => {
  const usage = {
    input_tokens: 3,
    cache_read_input_tokens: 2,
    output_tokens: 7,
    output_tokens_details: { thinking_tokens: 1 },
  };
  const content = [
    { type: "thinking", thinking: "Hm.", signature: expect.stringMatching(/^.{20,}$/) },
    { type: "text", text: "See 🌍", citations: [{ type: "web_search_result_location", url: "https://example.org" }] },
    { type: "tool_use", id: "call_1", name: "look", input: { at: 1 } },
  ];

  test("streamed: blocks one after another, the input counted at once, the output at the end", async () => {
    const { type, text } = await answer("/v1/messages", { model: "m", stream: true });
    const events = eventsOf(text);
    const block = (...deltas: string[]) => ["content_block_start", ...deltas, "content_block_stop"];
    expect(type).toBe("text/event-stream");
    expect(typesOf(events)).toEqual([
      ...["message_start", "ping"],
      ...block("content_block_delta", "content_block_delta"),
      ...block("content_block_delta", "content_block_delta", "content_block_delta"),
      ...block("content_block_delta", "content_block_delta"),
      ...["message_delta", "message_stop"],
    ]);
    expect(events.map(({ data }) => data.delta).filter(Boolean)).toMatchObject([
      { type: "thinking_delta", thinking: "Hm." },
      { type: "signature_delta" },
      { type: "text_delta", text: "See " },
      { type: "text_delta", text: "🌍" },
      { type: "citations_delta", citation: { url: "https://example.org" } },
      { type: "input_json_delta", partial_json: '{"at":' },
      { type: "input_json_delta", partial_json: "1}" },
      { stop_reason: "tool_use" },
    ]);
    expect(events[0]?.data).toMatchObject({
      message: { model: "m", content: [], usage: { ...usage, output_tokens: 1 } },
    });
    expect(events.at(-2)?.data.usage).toEqual({ ...usage, cache_creation_input_tokens: 0 });
  });

  test("non-streamed", async () => {
    const { type, text } = await answer("/v1/messages", { model: "m" });
    expect(type).toBe("application/json");
    expect(JSON.parse(text)).toMatchObject({
      type: "message",
      role: "assistant",
      content,
      stop_reason: "tool_use",
      usage,
    });
  });

  test("a statement that is cited is a block of its own", async () => {
    const citation = { citation: { url: "https://example.org" } };
    const steps = [{ text: "One." }, citation, { text: "Two." }, { text: "Three." }];
    const { text } = await answer("/v1/messages", {}, { steps });
    expect(JSON.parse(text).content).toMatchObject([{ text: "One.", citations: [{}] }, { text: "Two.Three." }]);
  });

  test("a call that was cut has no end of its own", async () => {
    const steps = [{ toolCall: { name: "look", fragments: ['{"a'] } }];
    const script: ReplyScript = { steps, ending: { finishReason: "length" } };
    const { text } = await answer("/v1/messages", { stream: true }, script);
    expect(typesOf(eventsOf(text))).not.toContain("content_block_stop");
    expect(text).toContain('"stop_reason":"max_tokens"');
  });
});

describe("Responses", () => {
  const annotations = [{ type: "url_citation", start_index: 4, end_index: 5, url: "https://example.org" }];
  const output = [
    { type: "reasoning", summary: [{ type: "summary_text", text: "Hm." }] },
    { type: "message", role: "assistant", content: [{ type: "output_text", text: "See 🌍", annotations }] },
    { type: "function_call", call_id: "call_1", name: "look", arguments: '{"at":1}', status: "completed" },
  ];
  const usage = {
    input_tokens: 5,
    input_tokens_details: { cached_tokens: 2, cache_write_tokens: 0 },
    output_tokens: 7,
    output_tokens_details: { reasoning_tokens: 1 },
    total_tokens: 12,
  };

  test("streamed: items one after another, numbered events, and everything once more at the end", async () => {
    const { text } = await answer("/v1/responses", { model: "m", stream: true });
    const events = eventsOf(text);
    expect(typesOf(events)).toEqual(
      [
        ...["created", "in_progress"],
        ...["output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta"],
        ...["reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done"],
        ...["output_item.added", "content_part.added", "output_text.delta", "output_text.delta"],
        ...["output_text.annotation.added", "output_text.done", "content_part.done", "output_item.done"],
        ...["output_item.added", "function_call_arguments.delta", "function_call_arguments.delta"],
        ...["function_call_arguments.done", "output_item.done", "completed"],
      ].map((name) => `response.${name}`),
    );
    expect(events.map(({ data }) => data.sequence_number)).toEqual(events.map((_event, index) => index));
    expect(events.flatMap(({ data }) => (data.type === "response.output_item.done" ? [data.item] : []))).toMatchObject(
      output,
    );
    expect(events.at(-1)?.data.response).toMatchObject({ status: "completed", output, usage });
    expect(text).not.toContain("[DONE]");
  });

  test("non-streamed, with thinking to be sent back when that is asked for", async () => {
    const include = ["reasoning.encrypted_content"];
    const plain = JSON.parse((await answer("/v1/responses", { model: "m" })).text);
    const sealed = JSON.parse((await answer("/v1/responses", { model: "m", include })).text);
    expect(plain).toMatchObject({ object: "response", status: "completed", output, usage });
    expect(plain.output[0]).not.toHaveProperty("encrypted_content");
    expect(sealed.output[0].encrypted_content).toMatch(/^.{20,}$/);
  });

  test("a refusal is a part of its own kind", async () => {
    const script: ReplyScript = { text: "I won't.", ending: { finishReason: "refusal" } };
    const streamed = await answer("/v1/responses", { stream: true }, script);
    expect(typesOf(eventsOf(streamed.text))).toContain("response.refusal.delta");
    const whole = JSON.parse((await answer("/v1/responses", {}, script)).text);
    expect(whole.output[0].content).toEqual([{ type: "refusal", refusal: "I won't." }]);
  });

  test.each([
    ["length", "max_output_tokens"],
    ["contentFilter", "content_filter"],
  ] as const)("a reply that ends by %s is incomplete", async (finishReason, reason) => {
    const { text } = await answer("/v1/responses", { stream: true }, { text: "Half", ending: { finishReason } });
    const response = { status: "incomplete", incomplete_details: { reason } };
    expect(eventsOf(text).at(-1)?.data).toMatchObject({ type: "response.incomplete", response });
  });

  test("an error is reported twice", async () => {
    const error = { message: "Fire.", code: "server_error" };
    const { text } = await answer("/v1/responses", { stream: true }, { text: "Half", ending: { error } });
    expect(
      eventsOf(text)
        .slice(-2)
        .map(({ data }) => data),
    ).toMatchObject([
      { type: "error", error },
      { type: "response.failed", response: { status: "failed", error } },
    ]);
  });
});

describe("Gemini", () => {
  const path = "/v1beta/models/gemini-9:streamGenerateContent";
  const usageMetadata = {
    promptTokenCount: 5,
    candidatesTokenCount: 6,
    thoughtsTokenCount: 1,
    totalTokenCount: 12,
    cachedContentTokenCount: 2,
  };
  const groundingMetadata = {
    groundingChunks: [{ web: { uri: "https://example.org", title: "Example" } }],
    // Positions are bytes: the globe has four.
    groundingSupports: [{ segment: { startIndex: 4, endIndex: 8, text: "🌍" }, groundingChunkIndices: [0] }],
  };
  const call = { functionCall: { id: "call_1", name: "look", args: { at: 1 } }, thoughtSignature: expect.any(String) };
  const last = { candidates: [{ finishReason: "STOP", groundingMetadata }], usageMetadata, modelVersion: "gemini-9" };
  const partsOf = (event: unknown) =>
    (event as { candidates: { content: { parts: unknown[] } }[] }).candidates[0]?.content.parts;

  test("streamed: new parts in every event, calls complete and signed, and no end but the body's", async () => {
    const { type, text } = await answer(`${path}?alt=sse`, {});
    const events = eventsOf(text).map(({ data }) => data);
    expect(type).toBe("text/event-stream");
    expect(events.flatMap(partsOf)).toEqual([
      { text: "Hm.", thought: true },
      { text: "See " },
      { text: "🌍" },
      call,
      { text: "" },
    ]);
    expect(events.at(-1)).toMatchObject(last);
    expect(events[0]).toMatchObject({ usageMetadata: { promptTokenCount: 5 } });
  });

  test("streamed without `alt=sse`: one array, in pieces", async () => {
    const { type, text } = await answer(path, {});
    expect(type).toBe("application/json");
    expect(JSON.parse(text)).toHaveLength(5);
    expect(JSON.parse(text).at(-1)).toMatchObject(last);
  });

  test("non-streamed: what came in pieces is one part", async () => {
    const whole = JSON.parse((await answer("/v1beta/models/gemini-9:generateContent", {})).text);
    expect(partsOf(whole)).toEqual([{ text: "Hm.", thought: true }, { text: "See 🌍" }, call]);
    expect(whole).toMatchObject(last);
  });

  test("the signature of an answer in words is at its end: on an empty part when it is streamed", async () => {
    const script: ReplyScript = { steps: [{ reasoning: "Hm." }, { text: "Yes" }] };
    const streamed = eventsOf((await answer(`${path}?alt=sse`, {}, script)).text).map(({ data }) => data);
    const thoughtSignature = expect.any(String);
    expect(streamed.flatMap(partsOf).slice(1)).toEqual([{ text: "Yes" }, { text: "", thoughtSignature }]);
    const whole = JSON.parse((await answer("/v1beta/models/gemini-9:generateContent", {}, script)).text);
    expect(partsOf(whole)?.slice(1)).toEqual([{ text: "Yes", thoughtSignature }]);
  });

  test("an error in a stream stands outside its events", async () => {
    const script: ReplyScript = { text: "Half", ending: { error: { message: "Fire." } } };
    const { text } = await answer(`${path}?alt=sse`, {}, script);
    expect(JSON.parse(text.slice(text.indexOf("\r\n\r\n")))).toMatchObject({ error: { code: 500, message: "Fire." } });
  });
});

test.each([
  ["/v1/messages", 529, { error: { type: "overloaded_error" } }],
  ["/v1/messages", 401, { type: "error", error: { type: "authentication_error", message: "No." } }],
  ["/v1beta/models/m:generateContent", 429, { error: { code: 429, status: "RESOURCE_EXHAUSTED", message: "No." } }],
  ["/v1/responses", 429, { error: { message: "No.", code: null } }],
])("a refusal at %s with status %i says what the provider would", async (path, status, body) => {
  const refused = await answer(path, {}, { refusal: { status, message: "No." } });
  expect(refused.status).toBe(status);
  expect(JSON.parse(refused.text)).toMatchObject(body);
});
