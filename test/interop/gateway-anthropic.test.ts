/** Anthropic's own libraries, old and new and for Python, against a gateway: every reply, call, error and end as from Anthropic. */

import { bearerKey, createGateway } from "cloudllm/server";
import { type ReplyScript, scriptedClient } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { anthropicMessages } from "../../src/dialects/anthropic/dialect.ts";
import { gatewaySite, KEY, pausingSite, testGateway } from "../support/gateway.ts";
import { testFailures } from "./gateway-failures.ts";
import { libraryOf, pythonLibrary } from "./library.ts";

const LIBRARIES = [
  libraryOf("anthropic", "anthropic-sdk-0"),
  libraryOf("anthropic", "@anthropic-ai/sdk"),
  libraryOf("anthropic", "anthropic-sdk-1.14"),
  pythonLibrary("anthropic"),
];

const messages = [{ role: "user", content: "Hello" }];
const params = { model: "claude-sonnet-5-5", max_tokens: 1_000, messages };
const TOOL = { name: "weather", input_schema: { type: "object", properties: { city: { type: "string" } } } };
const CALL: ReplyScript = {
  steps: [
    { reasoning: "Where?" },
    { text: "Let me see." },
    { toolCall: { id: "toolu_a", name: "weather", fragments: ['{"city":', '"Oslo"}'] } },
    { toolCall: { id: "toolu_b", name: "weather", arguments: { city: "Rome" } } },
  ],
};

describe.each(LIBRARIES)("$id", ({ call, missing }) => {
  describe.skipIf(missing)(missing ?? "installed", () => {
    /** Asks a gateway whose model plays one script. */
    async function outcome(method: string, script: ReplyScript, more: object = {}): Promise<Record<string, unknown>> {
      await using site = await gatewaySite(testGateway([script]));
      return await call(method, { origin: site.origin, key: KEY, params: { ...params, ...more } });
    }

    const usage = { inputTokens: 40, outputTokens: 20, cachedInputTokens: 30, cacheWriteTokens: 4 };
    const counted = {
      input_tokens: 6,
      cache_read_input_tokens: 30,
      cache_creation_input_tokens: 4,
      output_tokens: 20,
    };

    test("a reply is read complete by the raw iterator, with the size of the request in the first event", async () => {
      const seen = await outcome("raw", { text: ["Grüße ", "🌍", "!"], ending: { usage } });
      expect(seen).toMatchObject({ text: "Grüße 🌍!", stop: "end_turn", usage: counted });
      expect(seen.start).toMatchObject({ model: "script", usage: { input_tokens: expect.any(Number) } });
      expect((seen.start as { usage: { input_tokens: number } }).usage.input_tokens).toBeGreaterThan(0);
      expect(seen.events).toEqual([
        "message_start",
        "content_block_start",
        expect.stringMatching("content_block_delta"),
        ...(seen.events as string[]).slice(3, -3),
        "content_block_stop",
        "message_delta",
        "message_stop",
      ]);
    });

    test.each(["helper", "whole", "beta"])("a reply is read complete (%s)", async (method) => {
      const seen = await outcome(method, { text: ["Grüße ", "🌍", "!"], ending: { usage } });
      expect(seen).toMatchObject({
        content: [{ type: "text", text: "Grüße 🌍!" }],
        stop: "end_turn",
        usage: counted,
        model: "script",
      });
    });

    test.each(["helper", "whole"])("thinking, words and several calls are blocks of their own (%s)", async (method) => {
      const seen = await outcome(method, CALL, { tools: [TOOL] });
      expect(seen).toMatchObject({
        content: [
          { type: "thinking", thinking: "Where?", signature: expect.stringMatching(/./) },
          { type: "text", text: "Let me see." },
          { type: "tool_use", id: "toolu_a", name: "weather", input: { city: "Oslo" } },
          { type: "tool_use", id: "toolu_b", name: "weather", input: { city: "Rome" } },
        ],
        stop: "tool_use",
      });
    });

    test("results go back to the model with their calls, and thinking is taken back without a complaint", async () => {
      const gateway = testGateway([CALL, { text: "It rains." }]);
      await using site = await gatewaySite(gateway);
      const where = { origin: site.origin, key: KEY };
      const first = await call("whole", { ...where, params: { ...params, tools: [TOOL] } });
      const results = [
        { type: "tool_result", tool_use_id: "toolu_a", content: "Rain" },
        {
          type: "tool_result",
          tool_use_id: "toolu_b",
          content: [{ type: "text", text: "No such city" }],
          is_error: true,
        },
      ];
      const history = [
        ...messages,
        { role: "assistant", content: first.content },
        { role: "user", content: [...results, { type: "text", text: "In short." }] },
      ];
      const asked = { ...params, tools: [TOOL], messages: history };
      expect(await call("helper", { ...where, params: asked })).toMatchObject({ content: [{ text: "It rains." }] });
      expect(gateway.model.calls[1]?.messages).toEqual([
        { role: "user", content: "Hello" },
        {
          role: "assistant",
          content: "Let me see.",
          toolCalls: [
            { id: "toolu_a", name: "weather", arguments: { city: "Oslo" } },
            { id: "toolu_b", name: "weather", arguments: { city: "Rome" } },
          ],
        },
        { role: "tool", toolCallId: "toolu_a", content: "Rain" },
        { role: "tool", toolCallId: "toolu_b", content: "No such city", isError: true },
        { role: "user", content: "In short." },
      ]);
    });

    test("a schema is obeyed", async () => {
      const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
      const gateway = testGateway([{ text: '{"city":"Oslo"}' }]);
      await using site = await gatewaySite(gateway);
      const asked = { ...params, output_config: { format: { type: "json_schema", schema } } };
      await call("whole", { origin: site.origin, key: KEY, params: asked });
      expect(gateway.model.calls[0]?.options.output).toEqual(schema);
    });

    test("pictures and documents reach the model, also those in a tool's result", async () => {
      const gateway = testGateway([{ text: "A cat." }]);
      await using site = await gatewaySite(gateway);
      const image = { type: "image", source: { type: "base64", media_type: "image/png", data: "iVBORw0KGgo=" } };
      const history = [
        { role: "user", content: [image, { type: "text", text: "What is this?" }] },
        { role: "assistant", content: [{ type: "tool_use", id: "toolu_a", name: "look", input: {} }] },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_a", content: [image] }] },
      ];
      await call("whole", { origin: site.origin, key: KEY, params: { ...params, messages: history } });
      const picture = { type: "image", data: "iVBORw0KGgo=", mediaType: "image/png" };
      const sent = gateway.model.calls[0]?.messages ?? [];
      expect(sent[0]?.content).toEqual([picture, { type: "text", text: "What is this?" }]);
      expect(sent.slice(2)).toEqual([
        { role: "tool", toolCallId: "toolu_a", content: expect.stringContaining("attached") },
        { role: "user", content: [{ type: "text", text: expect.stringContaining("toolu_a") }, picture] },
      ]);
    });

    test.each(["raw", "helper"])("half a reply is an error, never a short answer (%s)", async (method) => {
      const seen = await outcome(method, { text: ["Half ", "a reply"], ending: "cut" });
      expect(seen.error).toMatchObject({ message: expect.stringContaining("ended before it was complete") });
      if (method === "raw") expect(seen).toMatchObject({ text: "Half a reply", error: { type: "api_error" } });
    });

    test.each([
      ["raw", 400, "BadRequestError", "invalid_request_error"],
      ["helper", 429, "RateLimitError", "rate_limit_error"],
      ["whole", 529, expect.stringMatching(/^(InternalServer|Overloaded)Error$/), "overloaded_error"],
      ["whole", 500, "InternalServerError", "api_error"],
    ])("a refusal is an error of its class before the reply (%s, %i)", async (method, status, name, type) => {
      const { error } = await outcome(method, { refusal: { status } });
      expect(error).toMatchObject({ name, type, requestID: expect.any(String) });
    });

    testFailures(call, params, { type: "authentication_error" });

    test("pings before and inside a slow reply change nothing", async () => {
      await using site = await pausingSite(
        testGateway(() => ({ text: "Hello" })),
        anthropicMessages.keepAlive,
      );
      expect(await call("helper", { origin: site.origin, key: KEY, params })).toMatchObject({
        content: [{ type: "text", text: "Hello" }],
        stop: "end_turn",
      });
      expect(await call("raw", { origin: site.origin, key: KEY, params })).toMatchObject({ text: "Hello" });
    });

    test.each(
      ["raw", "helper", "whole"].flatMap((method) => [
        [method, "length", "max_tokens"] as const,
        [method, "contentFilter", "refusal"] as const,
        [method, "refusal", "refusal"] as const,
      ]),
    )("an end by its reason is said (%s, %s)", async (method, finishReason, stop) => {
      const seen = await outcome(method, { text: "Half", ending: { finishReason } });
      expect([seen.error, seen.stop]).toEqual([undefined, stop]);
    });

    test("models are listed in Anthropic's form, and found by name", async () => {
      const models = { one: scriptedClient([]), two: scriptedClient([]) };
      await using site = await gatewaySite(createGateway({ models, authorize: bearerKey(KEY) }));
      expect(await call("models", { origin: site.origin, key: KEY, model: "two" })).toEqual({
        ids: ["one", "two"],
        one: "two",
      });
    });

    test("an unknown model is not found", async () => {
      const models = { one: scriptedClient([]) };
      await using site = await gatewaySite(createGateway({ models, authorize: bearerKey(KEY) }));
      const { error } = await call("whole", { origin: site.origin, key: KEY, params });
      expect(error).toMatchObject({ name: "NotFoundError", status: 404, type: "not_found_error" });
    });

    test("tokens are counted without a call of the model, and grow with the request", async () => {
      const gateway = testGateway([]);
      await using site = await gatewaySite(gateway);
      const count = async (more: object): Promise<number> => {
        const { max_tokens: _most, ...counted } = { ...params, ...more };
        const { input_tokens } = await call("countTokens", { origin: site.origin, key: KEY, params: counted });
        return input_tokens as number;
      };
      const few = await count({});
      expect(few).toBeGreaterThan(0);
      expect(await count({ system: "Be brief." })).toBeGreaterThan(few);
      expect(await count({ tools: [TOOL] })).toBeGreaterThan(few);
      expect(gateway.model.calls).toHaveLength(0);
    });
  });
});
