/** OpenAI's own library asks a gateway for responses: raw streams, its helper, and the ways to come back. */

import { Gate, type ReplyScript } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { gatewaySite, KEY, pausingSite, testGateway } from "../support/gateway.ts";
import { libraryOf, pythonLibrary } from "./library.ts";

const LIBRARIES = [
  libraryOf("responses", "openai"),
  libraryOf("responses", "openai-7", true),
  pythonLibrary("responses"),
];

const params = { model: "gpt-5", input: "Hello" };
const WEATHER = {
  type: "function",
  name: "weather",
  parameters: { type: "object", properties: { city: { type: "string" } } },
  strict: false,
};
const USAGE = { inputTokens: 40, outputTokens: 20, cachedInputTokens: 30, reasoningTokens: 5 };
const EVERYTHING: ReplyScript = {
  steps: [
    { reasoning: ["Hm, ", "well."] },
    { text: ["Grüße ", "🌍", "!"] },
    { citation: { url: "https://example.org/", title: "Example", startIndex: 0, endIndex: 5 } },
    { reasoning: "Once more." },
    { text: " Bye." },
    { toolCall: { id: "call_a", name: "weather", fragments: ['{"city":', '"Oslo"}'] } },
    { toolCall: { id: "call_b", name: "weather", arguments: { city: "Rome" } } },
  ],
  ending: { usage: USAGE },
};
const STREAMS = ["raw", "helper", "whole"];

describe.each(LIBRARIES)("$id", ({ call, missing }) => {
  describe.skipIf(missing)(missing ?? "installed", () => {
    /** Asks a gateway whose model plays a script. */
    async function outcome(method: string, script: ReplyScript, more: object = {}): Promise<Record<string, unknown>> {
      await using site = await gatewaySite(testGateway(() => script));
      return await call(method, { origin: site.origin, key: KEY, params: { ...params, ...more } });
    }

    test.each(STREAMS)("a reply is read complete, with thinking, sources, calls and usage (%s)", async (method) => {
      const seen = await outcome(method, EVERYTHING, { tools: [WEATHER] });
      const { output, usage, status } = (seen.response ?? seen) as Readonly<Record<string, unknown>>;
      expect(seen.text).toBe("Grüße 🌍! Bye.");
      expect(status).toBe("completed");
      expect(usage).toMatchObject({
        input_tokens: 40,
        output_tokens: 20,
        total_tokens: 60,
        input_tokens_details: { cached_tokens: 30 },
        output_tokens_details: { reasoning_tokens: 5 },
      });
      expect(output).toMatchObject([
        { type: "reasoning", summary: [{ text: "Hm, well." }] },
        { type: "message", content: [{ text: "Grüße 🌍!", annotations: [{ type: "url_citation" }] }] },
        { type: "reasoning", summary: [{ text: "Once more." }] },
        { type: "message", content: [{ text: " Bye." }] },
        { type: "function_call", call_id: "call_a", name: "weather", arguments: '{"city":"Oslo"}' },
        { type: "function_call", call_id: "call_b", name: "weather", arguments: '{"city":"Rome"}' },
      ]);
    });

    test("tools run in the program until the model has its answer", async () => {
      const gateway = testGateway([
        { steps: [{ toolCall: { id: "call_a", name: "weather", arguments: { city: "Oslo" } } }] },
        { text: "It rains in Oslo." },
      ]);
      await using site = await gatewaySite(gateway);
      const seen = await call("tools", { origin: site.origin, key: KEY, params: { ...params, tools: [WEATHER] } });
      expect(seen).toEqual({
        calls: [{ call_id: "call_a", tool: "weather", text: '{"city":"Oslo"}' }],
        text: "It rains in Oslo.",
      });
      expect(gateway.model.calls[1]?.messages.map(({ role }) => role)).toEqual(["user", "assistant", "tool"]);
    });

    test.each(["parsed", "helper"])("a schema is obeyed, and its value parsed (%s)", async (method) => {
      const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
      const text = { format: { type: "json_schema", name: "place", schema, strict: true } };
      expect(await outcome(method, { text: '{"city":"Oslo"}' }, { text })).toMatchObject({
        ...(method === "parsed" && { parsed: { city: "Oslo" } }),
        text: '{"city":"Oslo"}',
      });
    });

    test("a tool that takes plain text gets it", async () => {
      const toolCall = { id: "call_a", name: "patch", arguments: { input: "*** Begin\n" } };
      const tools = [{ type: "custom", name: "patch", format: { type: "text" } }];
      const seen = await outcome("helper", { steps: [{ toolCall }] }, { tools });
      expect(seen.output).toMatchObject([{ type: "custom_tool_call", call_id: "call_a", input: "*** Begin\n" }]);
    });

    test.each(["raw", "helper"])("half a reply is an error, never a short answer (%s)", async (method) => {
      const seen = await outcome(method, { text: ["Half ", "a reply"], ending: "cut" });
      expect(seen.error).toMatchObject({ message: expect.stringContaining("The reply ended before it was complete.") });
      if (method === "raw") expect(seen.text).toBe("Half a reply");
    });

    test.each(STREAMS)("a limit is its own status (%s)", async (method) => {
      const seen = await outcome(method, { text: "Half", ending: { finishReason: "length" } });
      const read: unknown = seen.response ?? { ...seen, incomplete_details: { reason: seen.reason } };
      expect(read).toMatchObject({ status: "incomplete", incomplete_details: { reason: "max_output_tokens" } });
    });

    test.each(STREAMS.flatMap((method) => [[method, "contentFilter"] as const, [method, "refusal"] as const]))(
      "an end by a filter is its own status (%s, %s)",
      async (method, finishReason) => {
        const seen = await outcome(method, { text: "Half", ending: { finishReason } });
        const read: unknown = seen.response ?? { ...seen, incomplete_details: { reason: seen.reason } };
        expect(read).toMatchObject({ status: "incomplete", incomplete_details: { reason: "content_filter" } });
      },
    );

    test.each(["raw", "helper"])("comments before and inside a slow reply change nothing (%s)", async (method) => {
      await using site = await pausingSite(testGateway([{ text: ["Hel", "lo"] }]));
      const seen = await call(method, { origin: site.origin, key: KEY, params });
      expect([seen.error, seen.text]).toEqual([undefined, "Hello"]);
    });

    test.each([
      ["raw", 400, "BadRequestError"],
      ["helper", 429, "RateLimitError"],
      ["whole", 500, "InternalServerError"],
    ])("a refusal is an error of its class before the reply (%s, %i)", async (method, status, name) => {
      const { error } = await outcome(method, { refusal: { status } });
      expect(error).toMatchObject({ name, requestID: expect.stringMatching(/^[0-9a-f]{32}$/) });
    });

    test("what this server cannot do is a bad request that names it", async () => {
      const { error } = await outcome("helper", { text: "Hi" }, { tools: [{ type: "file_search" }] });
      expect(error).toMatchObject({ name: "BadRequestError", message: expect.stringContaining("file_search") });
    });

    test("a stream that is cut behind any event goes on there, each word once", async () => {
      const { texts } = (await outcome("cuts", EVERYTHING)) as { readonly texts: readonly unknown[] };
      expect(texts.length).toBeGreaterThan(20);
      for (const seen of texts) expect(seen).toEqual({ text: "Grüße 🌍! Bye.", status: "completed", isRising: true });
    });

    test("the helper comes back by itself, and shows what is behind a number", async () => {
      await using site = await gatewaySite(testGateway([EVERYTHING]));
      const seen = await call("resumed", { origin: site.origin, key: KEY, params, after: 9 });
      expect(seen).toMatchObject({ text: "Grüße 🌍! Bye.", status: "completed" });
      expect((seen.numbers as readonly number[]).every((number) => number > 9)).toBe(true);
    });

    test("a reader too many is refused by the error for that, and reads it all when there is room", async () => {
      const gate = new Gate();
      const script: ReplyScript = { steps: [{ text: "Half " }, { pause: gate }, { text: "and half." }] };
      const gateway = testGateway([script], { limits: { viewersPerRun: 1 } });
      const handle = async (request: Request): Promise<Response> => {
        const response = await gateway.handle(request);
        if (response.status === 429) gate.open();
        return response;
      };
      await using site = await gatewaySite({ ...gateway, handle });
      expect(await call("crowded", { origin: site.origin, key: KEY, params })).toMatchObject({
        refused: { error: { name: "RateLimitError", status: 429 } },
        text: "Half and half.",
      });
    });

    test("a cancel stops the model, keeps the text, and a deleted response is gone", async () => {
      const gateway = testGateway([{ steps: [{ text: "Half " }, { pause: new Gate() }, { text: "and half." }] }]);
      await using site = await gatewaySite(gateway);
      const seen = await call("cancelled", { origin: site.origin, key: KEY, params });
      expect(seen).toMatchObject({
        text: "Half ",
        fetched: "cancelled",
        response: { status: "cancelled" },
        gone: { error: { name: "NotFoundError" } },
      });
      await gateway.model.calls[0]?.closed;
    });

    test("the size of a request is counted without a call of the model", async () => {
      const gateway = testGateway([]);
      await using site = await gatewaySite(gateway);
      const counted = await call("inputTokens", { origin: site.origin, key: KEY, params });
      expect(counted).toMatchObject({ object: "response.input_tokens", input_tokens: expect.any(Number) });
      expect(gateway.model.calls).toHaveLength(0);
    });

    test("a response without a connection is polled to its end", async () => {
      const seen = await outcome("polled", { text: "Hi" });
      expect(seen).toMatchObject({
        first: expect.stringMatching(/queued|in_progress/),
        status: "completed",
        text: "Hi",
      });
    });

    test("a previous response that is gone is a bad request with OpenAI's code", async () => {
      const { error } = await outcome("whole", { text: "Hi" }, { previous_response_id: `resp_${"0".repeat(32)}` });
      expect(error).toMatchObject({ name: "BadRequestError", code: "previous_response_not_found" });
    });
  });
});
