/** Responses as programs get them: the events of a stream, the response in one piece, and every way to end. */

import { Gate, type ReplyScript } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { ask, testGateway } from "../support/gateway.ts";
import { deltasOf, type ResponseObject, streamed, textOf } from "../support/responses.ts";

const USAGE = { inputTokens: 40, outputTokens: 20, cachedInputTokens: 30, reasoningTokens: 5 };

const EVERYTHING: ReplyScript = {
  steps: [
    { reasoning: ["Hm, ", "well."] },
    { text: ["It is 🌧 ", "in Oslo."] },
    { citation: { url: "https://example.org/oslo", title: "Oslo", startIndex: 6, endIndex: 8 } },
    { toolCall: { id: "call_a", name: "weather", fragments: ['{"city":', '"Oslo"}'] } },
    { toolCall: { id: "call_b", name: "now" } },
  ],
  ending: { usage: USAGE },
};

describe("a stream", () => {
  test("has the events of OpenAI's own servers, in their order", async () => {
    const events = await streamed(testGateway([EVERYTHING]), { model: "script" });
    const types = events
      .map(({ type }) => type.replace("response.", ""))
      .filter((type, at, all) => type !== all[at - 1]);
    expect(types).toEqual([
      ...["created", "in_progress"],
      ...["output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta"],
      ...["reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done"],
      ...["output_item.added", "content_part.added", "output_text.delta", "output_text.annotation.added"],
      ...["output_text.done", "content_part.done", "output_item.done"],
      ...["output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done"],
      ...["output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done"],
      "completed",
    ]);
  });

  test("says each thing once, and all of it again in its last event", async () => {
    const events = await streamed(testGateway([EVERYTHING]), { model: "script" });
    expect(deltasOf(events)).toBe("It is 🌧 in Oslo.");
    expect(deltasOf(events, "response.reasoning_summary_text.delta")).toBe("Hm, well.");
    expect(deltasOf(events, "response.function_call_arguments.delta")).toBe('{"city":"Oslo"}{}');
    const done = events.flatMap(({ type, item }) => (type === "response.output_item.done" ? [item] : []));
    const { response } = events.at(-1) ?? {};
    expect(response?.output).toEqual(done);
    expect(done).toMatchObject([
      { type: "reasoning", summary: [{ type: "summary_text", text: "Hm, well." }] },
      {
        type: "message",
        role: "assistant",
        status: "completed",
        content: [
          {
            type: "output_text",
            text: "It is 🌧 in Oslo.",
            // In code points, as OpenAI counts them.
            annotations: [{ type: "url_citation", url: "https://example.org/oslo", start_index: 6, end_index: 7 }],
          },
        ],
      },
      { type: "function_call", status: "completed", call_id: "call_a", name: "weather", arguments: '{"city":"Oslo"}' },
      { type: "function_call", status: "completed", call_id: "call_b", name: "now", arguments: "{}" },
    ]);
    expect(response).toMatchObject({
      object: "response",
      status: "completed",
      model: "script",
      error: null,
      incomplete_details: null,
      usage: {
        input_tokens: 40,
        input_tokens_details: { cached_tokens: 30 },
        output_tokens: 20,
        output_tokens_details: { reasoning_tokens: 5 },
        total_tokens: 60,
      },
    });
  });

  test("has the same text in all its places, and the same response when it comes in one piece", async () => {
    const gateway = testGateway(() => EVERYTHING);
    const { response } = (await streamed(gateway, { model: "script" })).at(-1) ?? {};
    const body = await gateway.handle(ask("responses", { model: "script", input: "Hello" }));
    const whole = (await body.json()) as ResponseObject;
    const plain = (one: unknown): string => JSON.stringify(one).replace(/[0-9a-f]{32}/g, "id");
    expect(plain({ ...whole, created_at: 0 })).toBe(plain({ ...response, created_at: 0 }));
    expect(whole.id).toMatch(/^resp_[0-9a-f]{32}$/);
  });

  test("numbers its events from 0, each higher than the one before", async () => {
    const numbers = (await streamed(testGateway([EVERYTHING]), {})).map(({ sequence_number }) => sequence_number);
    expect(numbers.slice(0, 3)).toEqual([0, 1, 2]);
    expect(numbers).toEqual([...new Set(numbers)].toSorted((one, other) => one - other));
  });

  test("repeats the request: a library parses the text by the format that it asked for", async () => {
    const format = { type: "json_schema", name: "city", schema: { type: "object", properties: {} }, strict: true };
    const asked = { text: { format }, metadata: { run: "7" }, temperature: 0.5, tool_choice: "none", user: "ada" };
    const events = await streamed(testGateway([{ text: "{}" }]), asked);
    const { user: _user, ...repeated } = asked;
    for (const event of [events[0], events.at(-1)]) expect(event?.response).toMatchObject(repeated);
    expect(events.at(-1)?.response).not.toHaveProperty("user");
  });

  test("has nothing of our own, and no `[DONE]`", async () => {
    const response = await testGateway([EVERYTHING]).handle(ask("responses", { input: "Hello", stream: true }));
    const text = await response.text();
    expect(text).not.toContain("[DONE]");
    expect(text).not.toContain("id: ");
    expect(text).not.toContain("\r");
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(response.headers.get("connection")).toBeNull();
  });

  test("text that interrupts thinking, and calls between texts, are items of their own", async () => {
    const steps = [{ text: "One. " }, { reasoning: "Hm." }, { text: "Two." }];
    const { response } = (await streamed(testGateway([{ steps }]), {})).at(-1) ?? {};
    expect(response?.output.map(({ type }) => type)).toEqual(["message", "reasoning", "message"]);
    expect(response && textOf(response)).toBe("One. Two.");
  });

  test("a call of a tool that takes plain text is one of that kind", async () => {
    const tools = [{ type: "custom", name: "apply_patch" }];
    const toolCall = { id: "call_a", name: "apply_patch", fragments: ['{"input":"*** Be', 'gin\\n"}'] };
    const events = await streamed(testGateway([{ steps: [{ toolCall }] }]), { tools });
    expect(events.map(({ type }) => type).slice(2)).toEqual([
      "response.output_item.added",
      "response.custom_tool_call_input.delta",
      "response.custom_tool_call_input.done",
      "response.output_item.done",
      "response.completed",
    ]);
    expect(events.at(-1)?.response?.output).toMatchObject([
      { type: "custom_tool_call", call_id: "call_a", name: "apply_patch", input: "*** Begin\n" },
    ]);
  });

  test("a picture is a call of the tool that makes them", async () => {
    const steps = [{ text: "Here." }, { media: { mediaType: "image/png", data: "aGk=" } }];
    const { response } = (await streamed(testGateway([{ steps }]), {})).at(-1) ?? {};
    expect(response?.output).toMatchObject([
      { type: "message" },
      { type: "image_generation_call", status: "completed", result: "aGk=" },
    ]);
  });
});

describe("the end", () => {
  const endings: readonly (readonly [string, ReplyScript, string, string, string | undefined])[] = [
    ["a stop", { text: "Hi" }, "response.completed", "completed", undefined],
    [
      "a refusal",
      { text: "No.", ending: { finishReason: "refusal" } },
      "response.incomplete",
      "incomplete",
      "content_filter",
    ],
    [
      "a limit",
      { text: "Half", ending: { finishReason: "length" } },
      "response.incomplete",
      "incomplete",
      "max_output_tokens",
    ],
    [
      "a filter",
      { text: "Half", ending: { finishReason: "contentFilter" } },
      "response.incomplete",
      "incomplete",
      "content_filter",
    ],
    // A client takes an incomplete response without a reason for a complete one.
    [
      "no known reason",
      { text: "Half", ending: { finishReason: "unknown" } },
      "response.incomplete",
      "incomplete",
      "unknown",
    ],
  ];
  test.each(endings)("of %s has its word", async (_what, script, type, status, reason) => {
    const gateway = testGateway(() => script);
    const last = (await streamed(gateway, {})).at(-1);
    expect(last?.type).toBe(type);
    expect(last?.response?.status).toBe(status);
    expect(last?.response?.incomplete_details?.reason).toBe(reason);
    const whole = (await (await gateway.handle(ask("responses", { input: "Hello" }))).json()) as ResponseObject;
    expect(whole.status).toBe(status);
    expect(whole.incomplete_details?.reason).toBe(reason);
  });

  test.each([
    ["breaks off", "cut"],
    ["is reset", "reset"],
    ["reports an error", { error: { message: "key sk-secret at api.internal", code: "server_error" } }],
  ] as const)("of a reply that %s is an error in band, for raw readers and helpers alike", async (_what, ending) => {
    const events = await streamed(testGateway([{ text: ["Half ", "a reply"], ending }]), {});
    const [error, failed] = events.slice(-2);
    expect(deltasOf(events)).toBe("Half a reply");
    expect(error).toMatchObject({ type: "error", code: "server_error", param: null });
    expect(error?.error).toMatchObject({ code: "server_error", message: error?.message });
    expect(failed).toMatchObject({
      type: "response.failed",
      response: { status: "failed", error: { code: "server_error" } },
    });
    expect(failed?.response && textOf(failed.response)).toBe("Half a reply");
    expect(JSON.stringify(events)).not.toContain("secret");
    expect(JSON.stringify(events)).not.toContain("internal");
  });

  test("of a reply that is refused is a status, with the words of OpenAI's errors", async () => {
    const refusal = { status: 429, message: "sk-secret", headers: { "retry-after": "2" } };
    const { handle } = testGateway(() => ({ refusal }));
    for (const stream of [true, false]) {
      const response = await handle(ask("responses", { input: "Hello", stream }));
      expect(response.status).toBe(429);
      const body = await response.text();
      expect(JSON.parse(body)).toMatchObject({ error: { type: "rate_limit_error", code: "rate_limit_exceeded" } });
      expect(body).not.toContain("secret");
    }
  });

  test.each([
    [500, "server_error"],
    [429, "rate_limit_exceeded"],
    [401, "invalid_prompt"],
    [404, "invalid_prompt"],
  ])(
    "of a refusal that comes after the head (%i) is an error in band, and a lasting one is not tried again",
    async (status, code) => {
      const opensAfter = new Gate();
      const { handle } = testGateway([{ refusal: { status }, opensAfter }], { headersWithinMs: 0 });
      const response = await handle(ask("responses", { input: "Hello", stream: true }));
      opensAfter.open();
      expect(response.status).toBe(200);
      const text = await response.text();
      expect(text).toContain('"type":"error"');
      expect(text).toContain(`"code":"${code}"`);
    },
  );
});
