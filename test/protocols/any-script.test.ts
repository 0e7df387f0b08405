/** Whatever a reply consists of, in whatever order: every protocol tells the same, streamed and whole. */

import {
  ClaudeClient,
  type ClientOptions,
  CompatibleClient,
  GeminiClient,
  OpenAIClient,
  type ProviderClient,
} from "cloudllm";
import { type ReplyScript, type ScriptStep, startProviderServer } from "cloudllm/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

const HI = [{ role: "user", content: "hi" }] as const;

type Make = (options: ClientOptions & { readonly baseUrl: string }) => ProviderClient;

const CLIENTS: readonly (readonly [string, string, string, Make])[] = [
  ["Chat Completions", "/v1", "m", (options) => new CompatibleClient(options)],
  ["Responses", "/v1", "gpt-6-luna", (options) => new OpenAIClient(options)],
  ["Anthropic Messages", "", "claude-sonnet-4-5", (options) => new ClaudeClient(options)],
  ["Gemini", "", "gemini-3-pro-preview", (options) => new GeminiClient(options)],
];

const text = fc.oneof(
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }),
  fc.constantFrom("🌍", "\r\n", "data: [DONE]\n\n", "\u2028", "{", '"', "é"),
);
const pieces = fc.array(text, { minLength: 1, maxLength: 4 });

const step: fc.Arbitrary<ScriptStep> = fc.oneof(
  fc.record({ text: pieces }),
  fc.record({ reasoning: pieces }),
  fc.record({
    toolCall: fc.record({ name: fc.constantFrom("look", "add_up"), arguments: fc.dictionary(text, fc.jsonValue()) }),
  }),
  fc.record({ media: fc.record({ mediaType: fc.constant("image/png"), data: fc.base64String({ minLength: 16 }) }) }),
  fc.record({ citation: fc.record({ url: fc.webUrl(), title: fc.constantFrom("A title", "Another") }) }),
);

const script = fc.record({
  steps: fc.array(step, { maxLength: 7 }),
  ending: fc.record({ finishReason: fc.constantFrom("length" as const, undefined) }),
});

/** What must come of it. */
function due(steps: readonly ScriptStep[]) {
  const calls = steps.flatMap((each) => ("toolCall" in each ? [each.toolCall] : []));
  const join = (name: "text" | "reasoning") =>
    steps
      .map((each) => (name in each ? [...((each as Record<string, Iterable<string>>)[name] ?? [])].join("") : ""))
      .join("");
  const media = steps.flatMap((each) => ("media" in each && "data" in each.media ? [each.media] : []));
  return {
    ...(media.length > 0 && { media: media.map(({ mediaType, data }) => ({ mediaType, data })) }),
    content: join("text"),
    reasoning: join("reasoning"),
    toolCalls: calls.map((call, index) => ({
      id: `call_${index + 1}`,
      name: call.name,
      arguments: "arguments" in call ? JSON.parse(JSON.stringify(call.arguments)) : {},
    })),
  };
}

describe.each(CLIENTS)("%s", (_name, path, model, make) => {
  test("reports what any script says, streamed and non-streamed", async () => {
    const replies: ReplyScript[] = [];
    await using server = await startProviderServer(() => replies.shift() ?? { text: "nothing was asked" }, {
      strict: true,
    });
    const client = make({ model, apiKey: "k", baseUrl: server.origin + path, retries: 0 });
    await fc.assert(
      fc.asyncProperty(script, async ({ steps, ending }) => {
        const { finishReason } = ending;
        const reply: ReplyScript = { steps, ending: finishReason === undefined ? {} : { finishReason } };
        replies.push(reply, reply);
        const expected = due(steps);
        const streamed = await (await client.sendMessageStream(HI)).finalMessage();
        expect(streamed).toMatchObject(expected);
        expect(streamed.finishReason).toBe(finishReason ?? (expected.toolCalls.length > 0 ? "toolCalls" : "stop"));
        const { finishReason: whole, ...rest } = await client.sendMessage(HI).catch((error) => error.partial);
        // Cut at its end by a limit, a whole reply of Anthropic's does not say whether its last call is whole.
        if (whole === "interrupted" && finishReason === "length") return;
        expect(rest).toMatchObject(expected);
        expect(whole).toBe(streamed.finishReason);
        expect(rest.citations).toEqual(streamed.citations);
      }),
      { numRuns: 100 },
    );
  });
});
