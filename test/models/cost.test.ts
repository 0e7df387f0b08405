/** What tokens cost: held against sums done by hand, and against what providers billed. */

import { describe, expect, test } from "vitest";
import type { TokenUsage } from "../../src/contract/usage.ts";
import { costOf } from "../../src/models/index.ts";
import { usageOf } from "../../src/protocols/chat-completions/usage.ts";
import { recordingsMissing, recordingsOf } from "../support/recordings.ts";

/** Prices change; these sums were done on that day. */
const DAY = new Date("2026-11-24T12:00:00Z");

function usage(inputTokens: number, outputTokens: number, more: Partial<TokenUsage> = {}): TokenUsage {
  return { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens, ...more };
}

describe("a sum done by hand, in millionths of a dollar", () => {
  test.each<[does: string, provider: string, model: string, usage: TokenUsage, millionths: number]>([
    // 1000 × 0.05 + 100 × 0.4
    ["input and output", "openai", "gpt-5-nano", usage(1_000, 100), 90],
    ["nothing costs nothing", "openai", "gpt-5-nano", usage(0, 0), 0],
    // 400 × 1.25 + 600 × 0.125 + 100 × 10
    ["cached input is part of the input", "openai", "gpt-5", usage(1_000, 100, { cachedInputTokens: 600 }), 1_575],
    // 20 × 1.25 + 500 × 10: the 450 are among the 500
    ["reasoning is part of the output", "openai", "gpt-5", usage(20, 500, { reasoningTokens: 450 }), 5_025],
    // 100 × 5 + 3000 × 6.25 + 10 × 30
    [
      "OpenAI's cache writes cost more since 5.6",
      "openai",
      "gpt-5.6-sol",
      usage(3_100, 10, { cacheWriteTokens: 3_000 }),
      15_600,
    ],
    // 3100 × 2.5 + 10 × 15
    ["and nothing more before", "openai", "gpt-5.4", usage(3_100, 10, { cacheWriteTokens: 3_000 }), 7_900],
    // 10 × 3 + 2000 × 0.3 + 500 × 3.75 + 40 × 15
    [
      "Anthropic's cache: read, written, neither",
      "anthropic",
      "claude-sonnet-4-6",
      usage(2_510, 40, { cachedInputTokens: 2_000, cacheWriteTokens: 500 }),
      3_105,
    ],
    // 10 × 1 + 200 × 1.25 + 300 × 2 + 5 × 5
    [
      "what is written for an hour costs more than for five minutes",
      "anthropic",
      "claude-haiku-4-5",
      usage(510, 5, {
        cacheWriteTokens: 500,
        raw: { cache_creation: { ephemeral_5m_input_tokens: 200, ephemeral_1h_input_tokens: 300 } },
      }),
      885,
    ],
    // 200000 × 1.25 + 10 × 10
    ["the last token below the tier", "gemini", "gemini-2.5-pro", usage(200_000, 10), 250_100],
    // 200001 × 2.5 + 10 × 15: all of it, not the part above
    ["the first token of the tier", "gemini", "gemini-2.5-pro", usage(200_001, 10), 500_152.5],
    // 199999 × 2 + 6, and 200000 × 4 + 12
    ["xAI's tier, below", "xai", "grok-4.6", usage(199_999, 1), 400_004],
    ["xAI's tier, from 200k on", "xai", "grok-4.6", usage(200_000, 1), 800_012],
    // 50000 × 4 + 150000 × 1
    ["cached input has a tier as well", "xai", "grok-4.6", usage(200_000, 0, { cachedInputTokens: 150_000 }), 350_000],
    // 10 × 5 + 1 × 15
    ["a snapshot with a price of its own", "openai", "gpt-4o-2024-05-13", usage(10, 1), 65],
    ["a snapshot with its family's", "openai", "gpt-4o-2024-11-20", usage(10, 1), 35],
  ])("%s (%s %s)", (_does, provider, model, tokens, millionths) => {
    expect(costOf(tokens, { provider, model }, DAY)).toBeCloseTo(millionths / 1e6, 12);
  });
});

describe("not known, and not guessed", () => {
  const spent = usage(1_000, 100);
  test.each<[why: string, provider: string, model: string, usage: TokenUsage]>([
    ["an unknown model", "openai", "gpt-5-giga", spent],
    ["a fine-tune", "openai", "ft:gpt-4o-mini-2024-07-18:me::abc", spent],
    ["a name that only begins like a known one", "anthropic", "claude-opus-4-6-turbo", spent],
    ["a name that moves from model to model", "gemini", "gemini-flash-latest", spent],
    ["an unknown provider", "elsewhere", "gpt-5", spent],
    ["a provider named like a part of every object", "constructor", "gpt-5", spent],
    ["the same name on a server of one's own", "compatible", "gpt-5", spent],
    ["another provider's model", "anthropic", "gpt-5", spent],
    ["a model whose windows alone are known", "xai", "grok-latest", spent],
    ["cached input at an unknown price", "openai", "gpt-5-pro", usage(1_000, 100, { cachedInputTokens: 500 })],
    ["a tier with an unknown price", "openai", "gpt-5.4", usage(272_001, 10, { cacheWriteTokens: 1 })],
    ["more than the window, by a beta header", "anthropic", "claude-sonnet-4-5-20250929", usage(200_001, 10)],
    ["Google's flex tier", "gemini", "gemini-2.5-pro", usage(10, 10, { raw: { serviceTier: "flex" } })],
    ["Anthropic's batches", "anthropic", "claude-haiku-4-5", usage(10, 10, { raw: { service_tier: "batch" } })],
    [
      "Anthropic in the United States only",
      "anthropic",
      "claude-opus-5",
      usage(10, 10, { raw: { inference_geo: "us" } }),
    ],
    ["Anthropic in haste", "anthropic", "claude-opus-5", usage(10, 10, { raw: { speed: "fast" } })],
    [
      "a part that an adviser billed",
      "anthropic",
      "claude-opus-5",
      usage(10, 10, { raw: { iterations: [{ type: "message" }, { type: "advisor_message" }] } }),
    ],
    [
      "sound",
      "gemini",
      "gemini-2.5-flash",
      usage(300, 10, { raw: { promptTokensDetails: [{ modality: "AUDIO", tokenCount: 290 }] } }),
    ],
    [
      "a picture of Gemini's",
      "gemini",
      "gemini-2.5-flash",
      usage(9, 1_300, { raw: { candidatesTokensDetails: [{ modality: "IMAGE", tokenCount: 1_290 }] } }),
    ],
    [
      "spoken words",
      "openai",
      "gpt-5-nano",
      usage(9, 90, { raw: { completion_tokens_details: { audio_tokens: 80 } } }),
    ],
    [
      "a picture that another model of OpenAI's drew",
      "openai",
      "gpt-5-nano",
      usage(9, 90, { raw: { tool_usage: { image_gen: { total_tokens: 1_100 } } } }),
    ],
  ])("%s", (_why, provider, model, tokens) => expect(costOf(tokens, { provider, model }, DAY)).toBeUndefined());

  test("but what has no tokens needs no price", () => {
    const nothingCached = usage(1_000, 100, { cachedInputTokens: 0, cacheWriteTokens: 0 });
    expect(costOf(nothingCached, { provider: "openai", model: "gpt-5-pro" }, DAY)).toBeCloseTo(0.027, 12);
  });

  test("and the usual tier is the usual price", () => {
    const raw = {
      service_tier: "standard",
      inference_geo: "global",
      iterations: [{ type: "message" }, { type: "compaction" }],
    };
    expect(costOf(usage(1_000, 0, { raw }), { provider: "anthropic", model: "claude-opus-5" }, DAY)).toBeCloseTo(
      0.005,
      12,
    );
  });
});

test.each([
  ["nothing", null],
  ["a text", "usage"],
  ["a list", [1]],
  ["members of other kinds", { iterations: {}, promptTokensDetails: "AUDIO", cache_creation: 5, service_tier: null }],
  ["lists of nothing", { iterations: [null], promptTokensDetails: [undefined, 3] }],
  [
    "counts of nothing",
    { tool_usage: { image_gen: { total_tokens: 0 } }, completion_tokens_details: { audio_tokens: 0 } },
  ],
])("a usage object that is %s says nothing of the bill", (_what, raw) => {
  const tokens = usage(1_000, 0, { cacheWriteTokens: 400, raw });
  // 600 × 1 + 400 × 1.25
  expect(costOf(tokens, { provider: "anthropic", model: "claude-haiku-4-5" }, DAY)).toBeCloseTo(0.0011, 12);
});

describe("prices that end", () => {
  test.each<[when: string, model: string, day: string, cost: number | undefined]>([
    ["the last day", "gemini-3.8-flash", "2026-12-31T23:59:59Z", 0.75],
    ["the next", "gemini-3.8-flash", "2027-01-01T00:00:00Z", 1.5],
    ["while the model runs", "gemini-2.5-flash", "2026-11-30T12:00:00Z", 0.3],
    ["when another answers to its name", "gemini-2.5-flash", "2026-12-01T00:00:00Z", undefined],
  ])("%s of %s", (_when, model, day, cost) => {
    expect(costOf(usage(1_000_000, 0), { provider: "gemini", model }, new Date(day))).toBe(cost);
  });
});

describe("what the provider says it billed goes before the list", () => {
  test.each<[says: string, provider: string, model: string, raw: unknown, cost: number | undefined]>([
    ["OpenRouter, in dollars, tools included", "openrouter", "openai/gpt-4o-mini", { cost: 0.0145476 }, 0.0145476],
    ["OpenRouter, for nothing", "openrouter", "a/free", { cost: 0 }, 0],
    [
      "OpenRouter with the caller's own key: its fee and the maker's bill",
      "openrouter",
      "openai/o3",
      { cost: 0.0001, is_byok: true, cost_details: { upstream_inference_cost: 0.002 } },
      0.0021,
    ],
    [
      "OpenRouter's cost is not there twice",
      "openrouter",
      "a/b",
      { cost: 0.5, cost_details: { upstream_inference_cost: 0.5 } },
      0.5,
    ],
    [
      "OpenRouter with the caller's own key, when the maker's bill is not there",
      "openrouter",
      "a/b",
      { cost: 0.1, is_byok: true },
      undefined,
    ],
    ["a bill that is no number", "openrouter", "a/b", { cost: "0.1", cost_details: null }, undefined],
    ["OpenRouter, when it says nothing", "openrouter", "openai/gpt-5", {}, undefined],
    ["xAI, in ticks", "xai", "grok-9", { cost_in_usd_ticks: 1_466_250 }, 0.000146625],
    ["a field of that name from another server", "openai", "gpt-9", { cost: 1, cost_in_usd_ticks: 1 }, undefined],
  ])("%s", (_says, provider, model, raw, cost) => {
    expect(costOf(usage(10, 10, { raw }), { provider, model }, DAY)).toEqual(cost);
  });
});

describe("a sum over several requests", () => {
  test.each<[name: string, provider: string, model: string, usage: TokenUsage, cost: number | undefined]>([
    ["is what was billed for all", "openrouter", "a/b", usage(20, 20, { raw: [{ cost: 0.5 }, { cost: 0.25 }] }), 0.75],
    [
      "is not known when a bill is missing",
      "openrouter",
      "a/b",
      usage(20, 20, { raw: [{ cost: 0.5 }, {}] }),
      undefined,
    ],
    ["nor by the list then", "xai", "grok-4.6", usage(20, 20, { raw: [{ cost_in_usd_ticks: 5 }, {}] }), undefined],
    [
      "counts the hour's cache writes of all",
      "anthropic",
      "claude-haiku-4-5",
      // 10 × 1 + 200 × 1.25 + 300 × 2 + 5 × 5
      usage(510, 5, {
        cacheWriteTokens: 500,
        raw: [100, 200].map((tokens) => ({ cache_creation: { ephemeral_1h_input_tokens: tokens } })),
      }),
      0.000885,
    ],
    [
      "is not by the list when one of them is not",
      "anthropic",
      "claude-opus-5",
      usage(20, 20, { raw: [{}, { speed: "fast" }] }),
      undefined,
    ],
    ["has no tier of its own", "gemini", "gemini-2.5-pro", usage(200_001, 10, { raw: [{}, {}] }), undefined],
    ["below the tier is priced", "gemini", "gemini-2.5-pro", usage(200_000, 10, { raw: [{}, {}] }), 0.2501],
    ["of one is that one", "gemini", "gemini-2.5-pro", usage(200_001, 10, { raw: [{}] }), 0.5001525],
  ])("%s", (_name, provider, model, tokens, cost) => {
    const said = costOf(tokens, { provider, model }, DAY);
    if (cost === undefined) expect(said).toBeUndefined();
    else expect(said).toBeCloseTo(cost, 12);
  });
});

describe("the list agrees with what was billed", () => {
  /** Bills of recorded replies: `[file, model as the list has it, what the provider says of the tokens alone]`. */
  const bills = recordingsOf("openai-chat").flatMap(({ file, expected }) =>
    (expected.responses ?? []).flatMap(({ model = "", usage: told }) => {
      const raw = told?.raw as Bill | undefined;
      const stated = raw?.cost_in_usd_ticks ? raw.cost_in_usd_ticks / 1e10 : upstreamOf(raw?.cost_details);
      const [maker, name] = model.includes("/") ? model.split("/") : ["x-ai", model];
      const provider = { "x-ai": "xai", openai: "openai" }[maker ?? ""];
      return provider && stated ? [{ file, provider, model: name ?? "", raw, stated }] : [];
    }),
  );

  test("there are bills", ({ skip }) => {
    if (recordingsMissing) skip(recordingsMissing);
    expect(bills.length).toBeGreaterThanOrEqual(7);
  });

  test.each(bills)("$file: $model", ({ provider, model, raw, stated }) => {
    const { raw: _bill, ...tokens } = usageOf(raw) ?? usage(0, 0);
    // Recorded before some of them were retired.
    expect(costOf(tokens, { provider, model }, new Date("2026-01-01"))).toBeCloseTo(stated, 12);
  });
});

interface Bill {
  readonly cost_in_usd_ticks?: number;
  readonly cost_details?: UpstreamBill;
}

interface UpstreamBill {
  readonly upstream_inference_prompt_cost?: number;
  readonly upstream_inference_completions_cost?: number;
}

function upstreamOf(bill: UpstreamBill = {}): number {
  return (bill.upstream_inference_prompt_cost ?? 0) + (bill.upstream_inference_completions_cost ?? 0);
}
