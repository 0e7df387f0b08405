/** What a provider's own usage object (`usage.raw`) says of the bill, beside the tokens. */

interface WireBill {
  /** OpenRouter: US dollars. With the caller's own key at the maker, only OpenRouter's fee. */
  readonly cost?: number | null;
  readonly is_byok?: boolean | null;
  readonly cost_details?: { readonly upstream_inference_cost?: number | null } | null;
  /** xAI: in units of 1e-10 US dollars. */
  readonly cost_in_usd_ticks?: number | null;
  /** Anthropic. */
  readonly service_tier?: string | null;
  readonly inference_geo?: string | null;
  readonly cache_creation?: { readonly ephemeral_1h_input_tokens?: number | null } | null;
  readonly iterations?: readonly { readonly type?: string }[] | null;
  /** Gemini. */
  readonly serviceTier?: string | null;
  readonly promptTokensDetails?: readonly { readonly modality?: string; readonly tokenCount?: number }[] | null;
}

/** In US dollars; `undefined` where the provider does not say. What its tools cost is in it. */
export function statedCostOf(provider: string, raw: unknown): number | undefined {
  const { cost, is_byok, cost_details, cost_in_usd_ticks } = billOf(raw);
  if (provider === "openrouter" && typeof cost === "number") {
    return cost + ((is_byok && cost_details?.upstream_inference_cost) || 0);
  }
  if (provider === "xai" && typeof cost_in_usd_ticks === "number") return cost_in_usd_ticks / 1e10;
  return undefined;
}

/** Whether the prices for everybody hold: not where another service, place, model or kind of input was billed. */
export function isListPriced(raw: unknown): boolean {
  const { service_tier, serviceTier, inference_geo, iterations, promptTokensDetails } = billOf(raw);
  const tier = (service_tier ?? serviceTier ?? "standard").toLowerCase();
  return (
    ["standard", "default", "auto", ""].includes(tier) &&
    // Anthropic adds a tenth where only the United States may answer.
    inference_geo !== "us" &&
    // An adviser's part, and that of a model that stepped in, have prices of their own.
    !iterations?.some(({ type }) => type === "advisor_message" || type === "fallback_message") &&
    // Google's price for sound is another one.
    !promptTokensDetails?.some(({ modality, tokenCount = 0 }) => modality === "AUDIO" && tokenCount > 0)
  );
}

/** How many of the tokens written to Anthropic's cache stay there for an hour. */
export function hourWritesOf(raw: unknown): number {
  return billOf(raw).cache_creation?.ephemeral_1h_input_tokens ?? 0;
}

function billOf(raw: unknown): WireBill {
  return typeof raw === "object" && raw !== null ? raw : {};
}
