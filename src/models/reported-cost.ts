/** The facts of a bill in addition to tokens, from a usage object, in particular the provider's own (`usage.raw`). */

import type { TokenUsage } from "../contract/usage.ts";

/** A bill on the wire. Any server may send anything: no field is trusted to have its type. */
interface WireBill {
  /** OpenRouter: US dollars. With the caller's own key at the maker, only OpenRouter's fee. */
  readonly cost?: unknown;
  readonly is_byok?: unknown;
  readonly cost_details?: { readonly upstream_inference_cost?: unknown } | null;
  /** xAI: in units of 1e-10 US dollars. */
  readonly cost_in_usd_ticks?: unknown;
  /** Anthropic. */
  readonly service_tier?: unknown;
  readonly inference_geo?: unknown;
  readonly speed?: unknown;
  readonly cache_creation?: { readonly ephemeral_1h_input_tokens?: unknown } | null;
  readonly iterations?: unknown;
  /** Gemini. */
  readonly serviceTier?: unknown;
  readonly promptTokensDetails?: unknown;
  readonly candidatesTokensDetails?: unknown;
  /** OpenAI: usage of its tools, billed apart from the tokens. */
  readonly tool_usage?: { readonly image_gen?: { readonly total_tokens?: unknown } | null } | null;
  readonly prompt_tokens_details?: Modalities;
  readonly completion_tokens_details?: Modalities;
}

/** Tokens with separate prices. */
type Modalities = { readonly audio_tokens?: unknown; readonly image_tokens?: unknown } | null;

/**
 * Returns the amount that the provider reports as billed, in US dollars, including its tools: for everything, or for
 * `some` of several requests, or for `none`.
 */
export function statedCostOf(provider: string, raw: unknown): number | "some" | "none" {
  const costs = billsOf(raw).map((bill) => statedBy(provider, bill));
  const known = costs.filter((cost) => cost !== undefined);
  if (known.length === 0) return "none";
  return known.length < costs.length ? "some" : known.reduce((sum, cost) => sum + cost, 0);
}

function statedBy(provider: string, { cost, is_byok, cost_details, cost_in_usd_ticks }: WireBill): number | undefined {
  if (provider === "openrouter" && isAmount(cost)) {
    const upstream = cost_details?.upstream_inference_cost;
    if (is_byok !== true) return cost;
    return isAmount(upstream) ? cost + upstream : undefined;
  }
  if (provider === "xai" && isAmount(cost_in_usd_ticks)) return cost_in_usd_ticks / 1e10;
  return undefined;
}

/** Whether list prices apply: false if another service, place, model or kind of input was billed. */
export function isListPriced({ raw, serviceTier }: TokenUsage): boolean {
  return billsOf(raw).every((bill) => hasListPrice(bill, serviceTier));
}

function hasListPrice(bill: WireBill, serviceTier: string | undefined): boolean {
  const { inference_geo, speed, iterations, promptTokensDetails, candidatesTokensDetails, ...wire } = bill;
  const tiers = String(serviceTier ?? wire.service_tier ?? wire.serviceTier ?? "standard").toLowerCase();
  return (
    tiers.split(", ").every((tier) => ["standard", "default", "auto", ""].includes(tier)) &&
    // Anthropic adds a tenth where only the United States may answer (its page on data residency).
    inference_geo !== "us" &&
    // Anthropic's fast mode costs a multiple.
    speed !== "fast" &&
    // An adviser's part, and the part of a fallback model, have separate prices.
    !listOf<{ type?: unknown }>(iterations).some((each) => /^(advisor|fallback)_message$/.test(String(each?.type))) &&
    // Audio has separate prices for input and output. So have pictures that a model makes.
    !hasModality(promptTokensDetails, ["AUDIO"]) &&
    !hasModality(candidatesTokensDetails, ["AUDIO", "IMAGE", "VIDEO"]) &&
    !isPositive(wire.prompt_tokens_details?.audio_tokens) &&
    !isPositive(wire.completion_tokens_details?.audio_tokens) &&
    !isPositive(wire.completion_tokens_details?.image_tokens) &&
    // OpenAI's pictures are made, and billed, by another model than the one that answers.
    !isPositive(wire.tool_usage?.image_gen?.total_tokens)
  );
}

function hasModality(details: unknown, modalities: readonly unknown[]): boolean {
  return listOf<{ modality?: unknown; tokenCount?: unknown }>(details).some(
    (each) => modalities.includes(each?.modality) && each?.tokenCount !== 0,
  );
}

function isPositive(count: unknown): boolean {
  return typeof count === "number" && count > 0;
}

/** Returns the number of tokens that were written to Anthropic's cache for an hour. */
export function hourWritesOf(raw: unknown): number {
  const tokens = billsOf(raw).map(({ cache_creation }) => cache_creation?.ephemeral_1h_input_tokens);
  return tokens.filter(isAmount).reduce((sum, count) => sum + count, 0);
}

/** Whether the usage is a sum over several requests. */
export function isSum({ raw }: TokenUsage): boolean {
  return billsOf(raw).length > 1;
}

/** Returns one bill for each request. */
function billsOf(raw: unknown): readonly WireBill[] {
  return (Array.isArray(raw) ? raw : [raw]).map((each) => (typeof each === "object" && each !== null ? each : {}));
}

function isAmount(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && Number.isFinite(value);
}

function listOf<T>(value: unknown): readonly (T | null | undefined)[] {
  return Array.isArray(value) ? value : [];
}
