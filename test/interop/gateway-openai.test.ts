/** OpenAI's own libraries, old and new and for Python, against a gateway: every reply, call, error and end as from OpenAI. */

import { bearerKey, createGateway } from "cloudllm/server";
import { type ReplyScript, scriptedClient } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { gatewaySite, KEY, pausingSite, testGateway } from "../support/gateway.ts";
import { testFailures } from "./gateway-failures.ts";
import { libraryOf, pythonLibrary } from "./library.ts";

const LIBRARIES = [
  libraryOf("openAi", "openai-4"),
  libraryOf("openAi", "openai-5"),
  libraryOf("openAi", "openai"),
  libraryOf("openAi", "openai-7", true),
  pythonLibrary("openAi"),
];

const messages = [{ role: "user", content: "Hello" }];
const params = { model: "gpt-4o", messages };
const TOOL = {
  type: "function",
  function: { name: "weather", parameters: { type: "object", properties: { city: { type: "string" } } } },
};
const CALL: ReplyScript = {
  steps: [
    { text: "Let me see." },
    { toolCall: { id: "call_a", name: "weather", fragments: ['{"city":', '"Oslo"}'] } },
    { toolCall: { id: "call_b", name: "weather", arguments: { city: "Rome" } } },
  ],
};
const CALLS = [
  { id: "call_a", name: "weather", text: '{"city":"Oslo"}' },
  { id: "call_b", name: "weather", text: '{"city":"Rome"}' },
];

describe.each(LIBRARIES)("$id", ({ call, missing }) => {
  describe.skipIf(missing)(missing ?? "installed", () => {
    /** Asks a gateway whose model plays one script. */
    async function outcome(method: string, script: ReplyScript, more: object = {}): Promise<Record<string, unknown>> {
      await using site = await gatewaySite(testGateway([script]));
      return await call(method, { origin: site.origin, key: KEY, params: { ...params, ...more } });
    }

    test.each(["raw", "helper", "whole"])("a reply is read complete (%s)", async (method) => {
      const usage = { inputTokens: 40, outputTokens: 20, cachedInputTokens: 30, reasoningTokens: 5 };
      const script = { text: ["Grüße ", "🌍", "!"], ending: { usage } };
      expect(
        await outcome(method, script, method === "whole" ? {} : { stream_options: { include_usage: true } }),
      ).toMatchObject({
        text: "Grüße 🌍!",
        finish: "stop",
        model: "script",
        usage: {
          prompt_tokens: 40,
          completion_tokens: 20,
          total_tokens: 60,
          prompt_tokens_details: { cached_tokens: 30 },
          completion_tokens_details: { reasoning_tokens: 5 },
        },
      });
    });

    test("usage is sent only to programs that ask for it", async () => {
      expect(await outcome("raw", { text: "Hi" })).not.toHaveProperty("usage");
    });

    test("thinking comes in the field that programs read", async () => {
      const script = { steps: [{ reasoning: ["Hm, ", "well."] }, { text: "Yes" }] };
      expect(await outcome("raw", script)).toMatchObject({ reasoning: "Hm, well.", text: "Yes" });
    });

    test.each(["raw", "helper", "whole"])("several calls are kept apart (%s)", async (method) => {
      const seen = await outcome(method, CALL, { tools: [TOOL] });
      expect(seen).toMatchObject({ text: "Let me see.", calls: CALLS, finish: "tool_calls" });
    });

    test.each(["raw", "helper", "whole"])("a reply with several sources and pictures is read (%s)", async (method) => {
      const citation = (url: string) => ({ citation: { url, title: "A" } });
      const media = { mediaType: "image/png", data: "aGk=" };
      const steps = [{ text: "Hel" }, citation("https://a.example/"), citation("https://b.example/"), { text: "lo" }];
      const seen = await outcome(method, { steps: [...steps, { media }, { media }] });
      expect([seen.error, seen.text]).toEqual([undefined, "Hello"]);
    });

    test("results of calls go back to the model with the calls that they answer", async () => {
      const gateway = testGateway([{ text: "It rains in Oslo." }]);
      await using site = await gatewaySite(gateway);
      const tool_calls = CALLS.slice(0, 1).map(({ id, name, text }) => ({
        id,
        type: "function",
        function: { name, arguments: text },
      }));
      const history = [
        ...messages,
        { role: "assistant", content: null, tool_calls },
        { role: "tool", tool_call_id: "call_a", content: "Rain" },
      ];
      const asked = { ...params, messages: history, tools: [TOOL] };
      expect(await call("helper", { origin: site.origin, key: KEY, params: asked })).toMatchObject({
        text: "It rains in Oslo.",
      });
      expect(gateway.model.calls[0]?.messages).toEqual([
        { role: "user", content: "Hello" },
        {
          role: "assistant",
          content: "",
          toolCalls: [{ id: "call_a", name: "weather", arguments: { city: "Oslo" } }],
        },
        { role: "tool", toolCallId: "call_a", content: "Rain" },
      ]);
    });

    test("a schema is obeyed, and its value parsed", async () => {
      const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
      const response_format = { type: "json_schema", json_schema: { name: "place", schema, strict: true } };
      const gateway = testGateway([{ text: '{"city":"Oslo"}' }]);
      await using site = await gatewaySite(gateway);
      const asked = { ...params, response_format };
      expect(await call("parsed", { origin: site.origin, key: KEY, params: asked })).toMatchObject({
        parsed: { city: "Oslo" },
      });
      expect(gateway.model.calls[0]?.options.output).toMatchObject(schema);
    });

    test("a picture reaches the model", async () => {
      const gateway = testGateway([{ text: "A cat." }]);
      await using site = await gatewaySite(gateway);
      const content = [
        { type: "text", text: "What is this?" },
        { type: "image_url", image_url: { url: "data:image/png;base64,iVBORw0KGgo=" } },
      ];
      const asked = { ...params, messages: [{ role: "user", content }] };
      expect(await call("whole", { origin: site.origin, key: KEY, params: asked })).toMatchObject({ text: "A cat." });
      expect(gateway.model.calls[0]?.messages[0]?.content).toEqual([
        { type: "text", text: "What is this?" },
        { type: "image", data: "iVBORw0KGgo=", mediaType: "image/png" },
      ]);
    });

    test.each(["raw", "helper"])("half a reply is an error, never a short answer (%s)", async (method) => {
      const seen = await outcome(method, { text: ["Half ", "a reply"], ending: "cut" });
      expect(seen.error).toMatchObject({ message: "The reply ended before it was complete." });
      if (method === "raw") expect(seen).toMatchObject({ text: "Half a reply", error: { code: "truncated" } });
    });

    test.each([
      ["raw", 400, "BadRequestError"],
      ["raw", 429, "RateLimitError"],
      ["helper", 429, "RateLimitError"],
      ["whole", 500, "InternalServerError"],
    ])("a refusal is an error of its class before the reply (%s, %i)", async (method, status, name) => {
      const { error } = await outcome(method, { refusal: { status } });
      expect(error).toMatchObject({
        name,
        message: expect.stringMatching(/\d{3}.* [A-Z]/),
        requestID: expect.any(String),
      });
    });

    test.each(
      ["raw", "helper", "whole"].flatMap((method) => [
        [method, "length", "length"] as const,
        [method, "contentFilter", "content_filter"] as const,
        [method, "refusal", "content_filter"] as const,
      ]),
    )("an end by its reason is said (%s, %s)", async (method, finishReason, finish) => {
      const seen = await outcome(method, { text: "Half", ending: { finishReason } });
      const { name } = (seen.error ?? {}) as { readonly name?: string };
      // The helper for Python has an error of its own for either.
      if (name !== undefined && method === "helper") expect(name).toMatch(/^(Length|ContentFilter)FinishReasonError$/);
      else expect([seen.error, seen.text, seen.finish]).toEqual([undefined, "Half", finish]);
    });

    test.each(["raw", "helper"])("comments before and inside a slow reply change nothing (%s)", async (method) => {
      await using site = await pausingSite(testGateway([{ text: ["Hel", "lo"] }]));
      const seen = await call(method, { origin: site.origin, key: KEY, params });
      expect(seen).toMatchObject({ text: "Hello", finish: "stop" });
    });

    testFailures(call, params, { code: "invalid_api_key" });

    test("models are listed, and found by a name with a slash", async () => {
      const models = { "vendor/one": scriptedClient([]), two: scriptedClient([]) };
      await using site = await gatewaySite(createGateway({ models, authorize: bearerKey(KEY) }));
      expect(await call("models", { origin: site.origin, key: KEY, model: "vendor/one" })).toEqual({
        ids: ["vendor/one", "two"],
        one: "vendor/one",
      });
    });

    test("an unknown model is not found", async () => {
      const models = { one: scriptedClient([]) };
      await using site = await gatewaySite(createGateway({ models, authorize: bearerKey(KEY) }));
      const { error } = await call("whole", { origin: site.origin, key: KEY, params });
      expect(error).toMatchObject({ name: "NotFoundError", code: "model_not_found" });
    });
  });
});
