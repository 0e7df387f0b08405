/**
 * Tokens by one definition, from each provider's own arithmetic: input includes cached input, output includes thinking. The
 * figures are those of recorded replies (named where they are) and of the providers' documents.
 */

import type { TokenUsage } from "cloudllm";
import { describe, expect, test } from "vitest";
import { anthropicUsageOf, mergedUsage } from "../../src/protocols/anthropic-messages/usage.ts";
import { usageOf as chatUsageOf } from "../../src/protocols/chat-completions/usage.ts";
import { geminiUsageOf } from "../../src/protocols/gemini/usage.ts";
import { responsesUsageOf } from "../../src/protocols/responses/usage.ts";
import { bodiesOf, recordingsMissing, recordingsOf } from "../support/recordings.ts";
import { type ClientName, events, useRequestRecorder } from "../support/sent-requests.ts";

const recorder = useRequestRecorder();

/** input, output, total; cached, written, thinking. */
type Figures = readonly [number, number, number, (number | undefined)?, (number | undefined)?, (number | undefined)?];

function figuresOf(usage: TokenUsage | undefined): Figures | undefined {
  if (!usage) return undefined;
  const { inputTokens, outputTokens, totalTokens, cachedInputTokens, cacheWriteTokens, reasoningTokens } = usage;
  return [inputTokens, outputTokens, totalTokens, cachedInputTokens, cacheWriteTokens, reasoningTokens];
}

const anthropic = (raw: object) => anthropicUsageOf(raw);

describe("one definition from each arithmetic", () => {
  test.each<[string, (raw: object) => TokenUsage | undefined, object, Figures | undefined]>([
    [
      "Anthropic: input leaves both caches out",
      anthropic,
      { input_tokens: 10, cache_read_input_tokens: 100, cache_creation_input_tokens: 1_000, output_tokens: 5 },
      [1_110, 5, 1_115, 100, 1_000],
    ],
    [
      "Anthropic: a gateway that writes counts as strings",
      anthropic,
      { input_tokens: "10", cache_read_input_tokens: "100", output_tokens: "5" },
      [110, 5, 115, 100],
    ],
    [
      "Anthropic: thinking is in the output",
      anthropic,
      { input_tokens: 10, output_tokens: 50, output_tokens_details: { thinking_tokens: 40 } },
      [10, 50, 60, undefined, undefined, 40],
    ],
    [
      "Anthropic: compaction is billed beside the totals",
      anthropic,
      {
        input_tokens: 10,
        output_tokens: 5,
        iterations: [
          { type: "compaction", input_tokens: 100, output_tokens: 20 },
          { type: "message", input_tokens: 10, output_tokens: 5 },
          { type: "advisor_message", input_tokens: 7, output_tokens: 7 },
        ],
      },
      [110, 25, 135],
    ],
    [
      "Anthropic: where another model took over, the totals count",
      anthropic,
      {
        input_tokens: 10,
        output_tokens: 5,
        iterations: [
          { type: "compaction", input_tokens: 100, output_tokens: 20 },
          { type: "fallback_message", input_tokens: 10, output_tokens: 5 },
        ],
      },
      [10, 5, 15],
    ],
    [
      "OpenAI over Responses: cached and thinking are within",
      responsesUsageOf,
      {
        input_tokens: 100,
        input_tokens_details: { cached_tokens: 80, cache_write_tokens: 5 },
        output_tokens: 50,
        output_tokens_details: { reasoning_tokens: 40 },
        total_tokens: 150,
      },
      [100, 50, 150, 80, 5, 40],
    ],
    [
      "xAI over Responses: recorded, thinking is within",
      responsesUsageOf,
      {
        input_tokens: 8_397,
        output_tokens: 1_805,
        output_tokens_details: { reasoning_tokens: 580 },
        total_tokens: 10_202,
      },
      [8_397, 1_805, 10_202, undefined, undefined, 580],
    ],
    [
      "xAI over Responses: more cached than the rest is on top",
      responsesUsageOf,
      { input_tokens: 100, input_tokens_details: { cached_tokens: 300 }, output_tokens: 5 },
      [400, 5, 405, 300],
    ],
    [
      "OpenAI over Chat",
      chatUsageOf,
      {
        prompt_tokens: 100,
        completion_tokens: 50,
        total_tokens: 150,
        prompt_tokens_details: { cached_tokens: 80 },
        completion_tokens_details: { reasoning_tokens: 40 },
      },
      [100, 50, 150, 80, undefined, 40],
    ],
    [
      "xAI over Chat: recorded, thinking is on top",
      chatUsageOf,
      {
        prompt_tokens: 12,
        completion_tokens: 1,
        total_tokens: 303,
        completion_tokens_details: { reasoning_tokens: 290 },
      },
      [12, 291, 303, undefined, undefined, 290],
    ],
    [
      "xAI over Chat: more cached than the rest is on top",
      chatUsageOf,
      {
        prompt_tokens: 10,
        completion_tokens: 1,
        total_tokens: 31,
        prompt_tokens_details: { cached_tokens: 90 },
        completion_tokens_details: { reasoning_tokens: 20 },
      },
      [100, 21, 31, 90, undefined, 20],
    ],
    [
      "xAI over Chat: the same with all in its total",
      chatUsageOf,
      {
        prompt_tokens: 10,
        completion_tokens: 1,
        total_tokens: 121,
        prompt_tokens_details: { cached_tokens: 90 },
        completion_tokens_details: { reasoning_tokens: 20 },
      },
      [100, 21, 121, 90, undefined, 20],
    ],
    [
      "Gemini over Chat: thinking shows in the total alone",
      chatUsageOf,
      { prompt_tokens: 10, completion_tokens: 5, total_tokens: 115 },
      [10, 105, 115],
    ],
    [
      "DeepSeek: hits of the cache",
      chatUsageOf,
      {
        prompt_tokens: 10,
        completion_tokens: 5,
        total_tokens: 15,
        prompt_cache_hit_tokens: 8,
        prompt_cache_miss_tokens: 2,
      },
      [10, 5, 15, 8],
    ],
    [
      "Mistral: its own spelling",
      chatUsageOf,
      { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15, num_cached_tokens: 8, prompt_token_details: null },
      [10, 5, 15, 8],
    ],
    [
      "Azure's DeepSeek: thinking on top level",
      chatUsageOf,
      { prompt_tokens: 10, completion_tokens: 50, total_tokens: 60, reasoning_tokens: 40, prompt_tokens_details: null },
      [10, 50, 60, undefined, undefined, 40],
    ],
    [
      "OpenRouter: written to the cache",
      chatUsageOf,
      {
        prompt_tokens: 10,
        completion_tokens: 5,
        total_tokens: 15,
        prompt_tokens_details: { cached_tokens: 0, cache_write_tokens: 7 },
        cost: 0.1,
      },
      [10, 5, 15, 0, 7],
    ],
    [
      "Gemini: thoughts beside the answer, tools beside the prompt",
      geminiUsageOf,
      {
        promptTokenCount: 10,
        toolUsePromptTokenCount: 100,
        candidatesTokenCount: 5,
        thoughtsTokenCount: 50,
        totalTokenCount: 165,
        cachedContentTokenCount: 4,
      },
      [110, 55, 165, 4, undefined, 50],
    ],
    [
      "Gemini: without the answer's count the total tells",
      geminiUsageOf,
      { promptTokenCount: 10, toolUsePromptTokenCount: 100, thoughtsTokenCount: 50, totalTokenCount: 165 },
      [110, 55, 165, undefined, undefined, 50],
    ],
    ["nothing reported is nothing known (Anthropic)", anthropic, {}, undefined],
    ["nothing reported is nothing known (Responses)", responsesUsageOf, {}, undefined],
    ["nothing reported is nothing known (Chat)", chatUsageOf, {}, undefined],
    ["nothing reported is nothing known (Gemini)", geminiUsageOf, { trafficType: "x" }, undefined],
  ])("%s", (_name, read, raw, due) => {
    const usage = read(raw);
    const expected = due && [...due, undefined, undefined, undefined].slice(0, 6);
    expect(figuresOf(usage)).toEqual(expected);
    if (usage) expect(usage.raw).toEqual(raw);
  });

  test("Anthropic's later counts replace the earlier, but for what they leave open", () => {
    const first = { input_tokens: 2_050, cache_read_input_tokens: 3, output_tokens: 1 };
    const last = mergedUsage(first, { input_tokens: 31_772, cache_read_input_tokens: null, output_tokens: 200 });
    expect(figuresOf(anthropicUsageOf(last))).toEqual([31_775, 200, 31_975, 3, undefined, undefined]);
  });
});

test("running totals are not added up: the last counts", async () => {
  const usage = (completion_tokens: number) => ({
    prompt_tokens: 5,
    completion_tokens,
    total_tokens: 5 + completion_tokens,
  });
  const chunk = (delta: object, count: number, finish_reason: string | null = null) => ({
    id: "c",
    choices: [{ index: 0, delta, finish_reason }],
    usage: usage(count),
  });
  const body = `${events(chunk({ content: "a" }, 1), chunk({ content: "b" }, 2), chunk({}, 3, "stop"))}data: [DONE]\n\n`;
  expect((await recorder.replied("compatible", "m", body)).usage).toMatchObject({
    inputTokens: 5,
    outputTokens: 3,
    totalTokens: 8,
  });

  const part = (text: string, usageMetadata: object) => ({
    candidates: [{ content: { parts: [{ text }] } }],
    usageMetadata,
  });
  const gemini = events(part("a", { promptTokenCount: 257, candidatesTokenCount: 9, totalTokenCount: 266 }), {
    ...part("b", { promptTokenCount: 55, candidatesTokenCount: 4, totalTokenCount: 59 }),
    candidates: [{ finishReason: "STOP" }],
  });
  expect((await recorder.replied("gemini", "m", gemini)).usage).toMatchObject({
    inputTokens: 55,
    outputTokens: 4,
    totalTokens: 59,
  });
});

describe.skipIf(recordingsMissing)(`recorded figures${recordingsMissing ? ` (${recordingsMissing})` : ""}`, () => {
  const all = ["anthropic-messages", "openai-responses", "gemini", "openai-chat"].flatMap(recordingsOf);
  test.each<[string, ClientName, Figures]>([
    [
      "anthropic-messages/anthropic__anthropic-code-execution-20260120-prompt-cache.1.chunks.txt",
      "claude",
      [9_632, 198, 9_830, 6_289, 3_337, 0],
    ],
    [
      "anthropic-messages/anthropic__anthropic-claude-opus-5-reasoning-high.1.json",
      "claude",
      [51, 1_699, 1_750, 0, 0, 139],
    ],
    [
      "anthropic-messages/anthropic__anthropic.anthropic_web_search_tool_stream.0.sse",
      "claude",
      [31_772, 644, 32_416, 0, 0],
    ],
    ["anthropic-messages/anthropic__anthropic-fallback.json", "claude", [412, 264, 676, 0, 0]],
    [
      "anthropic-messages/anthropic__anthropic.anthropic_compaction_usage_with_cache_streaming.0.sse",
      "claude",
      [55_377, 91, 55_468, 55_096, 0],
    ],
    [
      "openai-responses/deepseek__deepseek_responses.deepseek_responses-function_tool_stream.0.sse",
      "openai",
      [366, 59, 425, 256, undefined, 14],
    ],
    [
      "openai-responses/bedrock-mantle__bedrock_mantle.reused_tool_call_ids-stream.0.sse",
      "openai",
      [88, 14, 102, 0, 0, 0],
    ],
    ["openai-responses/xai__xai-x-search-tool.1.json", "grok", [8_397, 1_805, 10_202, 608, undefined, 580]],
    ["gemini/google__code_execution.code_execution_stream.0.sse", "gemini", [507, 276, 783, undefined, undefined, 168]],
    ["gemini/google__google.google_model_safety_settings.0.json", "gemini", [14, 0, 14]],
    ["gemini/google__google.google_streaming_tool_call_thought_signature.1.sse", "gemini", [257, 8, 265]],
    ["openai-chat/xai__xai-text.chunks.txt", "grok chat", [12, 291, 303, 11, undefined, 290]],
    ["openai-chat/xai__compat-xai-tool-call.json", "grok chat", [307, 281, 588, 244, undefined, 255]],
    [
      "openai-chat/openrouter__openrouter.openrouter_stream_with_native_options.0.sse",
      "openrouter",
      [687, 187, 874, 679, undefined, 118],
    ],
    [
      "openai-chat/azure__azure-deepseek-reasoning.1.chunks.txt",
      "compatible",
      [19, 1_720, 1_739, undefined, undefined, 0],
    ],
    [
      "openai-chat/deepseek__deepseek.deepseek_model_thinking_stream.0.sse",
      "deepseek",
      [6, 212, 218, 0, undefined, 198],
    ],
  ])("%s", async (file, client, due) => {
    const recording = all.find((one) => one.file === file);
    if (!recording) throw new Error(`There is no recording ${file}.`);
    const [body] = bodiesOf(recording);
    const outcome = recorder.replied(client, "m", body ?? "", { whole: recording.format === "json" });
    // A prompt that was blocked is an error, and billed.
    const { usage } = await outcome.catch((error: unknown) => (error as { partial: { usage?: TokenUsage } }).partial);
    expect(figuresOf(usage)).toEqual([...due, undefined, undefined, undefined].slice(0, 6));
  });
});

describe("what is no number, or was not reported, is not billed", () => {
  test.each<[string, (raw: object) => TokenUsage | undefined, object, Figures | undefined]>([
    ["Chat Completions, digits as texts", chatUsageOf, { prompt_tokens: "5", completion_tokens: "7" }, [5, 7, 12]],
    ["Chat Completions, words", chatUsageOf, { prompt_tokens: "5 tokens", completion_tokens: "" }, undefined],
    ["Chat Completions, one word", chatUsageOf, { prompt_tokens: 5, completion_tokens: "many" }, undefined],
    ["Chat Completions, a debt", chatUsageOf, { prompt_tokens: -1, completion_tokens: 7 }, undefined],
    ["Chat Completions, input only", chatUsageOf, { prompt_tokens: 5 }, undefined],
    ["Chat Completions, the total", chatUsageOf, { prompt_tokens: 5, total_tokens: 9 }, [5, 4, 9]],
    ["Chat Completions, output and total", chatUsageOf, { completion_tokens: 4, total_tokens: 9 }, [5, 4, 9]],
    [
      "Chat Completions, a detail",
      chatUsageOf,
      { prompt_tokens: 5, completion_tokens: 7, prompt_tokens_details: { cached_tokens: "-3" } },
      [5, 7, 12],
    ],
    ["Responses, digits as text", responsesUsageOf, { input_tokens: 5, output_tokens: "7" }, [5, 7, 12]],
    ["Responses, a word", responsesUsageOf, { input_tokens: 5, output_tokens: "0x7" }, undefined],
    ["Responses, input only", responsesUsageOf, { input_tokens: 5 }, undefined],
    ["Responses, output and total", responsesUsageOf, { output_tokens: 5, total_tokens: 9 }, [4, 5, 9]],
    [
      "Gemini, digits as texts",
      geminiUsageOf,
      { promptTokenCount: "5", candidatesTokenCount: "7", thoughtsTokenCount: "2", cachedContentTokenCount: "1" },
      [5, 9, 14, 1, 2],
    ],
    ["Gemini, a word", geminiUsageOf, { promptTokenCount: 5, candidatesTokenCount: "1e3" }, undefined],
    ["Gemini, the total only", geminiUsageOf, { totalTokenCount: 9 }, undefined],
    ["Gemini, input only", geminiUsageOf, { promptTokenCount: 5 }, undefined],
    ["Gemini, nothing came out", geminiUsageOf, { promptTokenCount: 9, totalTokenCount: 9 }, [9, 0, 9]],
    ["Anthropic, a word", anthropic, { input_tokens: 5, output_tokens: "7.5" }, undefined],
    ["Anthropic, output only", anthropic, { output_tokens: 7 }, undefined],
    [
      "Anthropic, a detail",
      anthropic,
      { input_tokens: 5, output_tokens: 7, cache_read_input_tokens: "none" },
      [5, 7, 12],
    ],
  ])("%s", (_what, usageOf, raw, figures) => {
    expect(figuresOf(usageOf(raw))?.filter((count) => count !== undefined)).toEqual(figures);
  });
});
