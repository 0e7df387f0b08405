/** What a reply costs. */

import type { TokenUsage } from "../contract/usage.ts";
import { hourWritesOf, isListPriced, isSum, statedCostOf } from "./bill.ts";
import { type ModelName, modelInfoOf } from "./model-info.ts";
import type { Prices } from "./row.ts";

/**
 * What tokens cost, in US dollars. Where the provider itself says so (OpenRouter and xAI, in `usage.raw`), that is the answer,
 * fees for their tools included. Else it is reckoned by the provider's list prices for its standard service: input afresh,
 * input from the cache, input written to the cache and output each at their own price, and all at that for long input where
 * `usage.inputTokens` reaches it. What is not charged by the token (searches, stored caches) is not in it then.
 *
 * A sum over several requests of one model (a session's tools) is priced as such, where that makes no difference; else price
 * its `steps`. Another service than the standard one is told by `usage.serviceTier`. Some of it only `usage.raw` tells: what the provider
 * billed, and which cache writes were for an hour; without it they count as those for five minutes.
 *
 * @param model `{ provider, model }`: a reply, a client, a turn of `session.tokenUsage()`, or an attempt in `metrics.attempts`
 * @param at when the request was made, for prices that change; default: now
 * @returns `undefined` when the price of any part is not known: of an unknown model, of another service tier, of pictures and sounds
 * that a model made, of tokens that no source gives a price for. Never a guess.
 * @example
 * ```ts
 * import type { AssistantMessage, LLMSession } from "cloudllm";
 * import { costOf } from "cloudllm/models";
 *
 * export function tell(reply: AssistantMessage, session: LLMSession): void {
 *   const cost = reply.usage && costOf(reply.usage, reply);
 *   console.log(cost === undefined ? "nobody knows what it cost" : `$${cost.toFixed(6)}`);
 *   for (const turn of session.tokenUsage().turns) console.log(turn.model, turn.usage && costOf(turn.usage, turn));
 * }
 * ```
 */
export function costOf(usage: TokenUsage, model: ModelName, at: Date = new Date()): number | undefined {
  const stated = statedCostOf(model.provider, usage.raw);
  if (stated === "some") return undefined;
  if (stated !== "none") return stated;
  const prices = pricesFor(model, usage, at);
  if (!prices || !isListPriced(usage)) return undefined;

  const { inputTokens, outputTokens, cachedInputTokens: cached = 0, cacheWriteTokens: written = 0 } = usage;
  const writtenForAnHour = Math.min(written, hourWritesOf(usage.raw));
  const parts: readonly (readonly [tokens: number, price: number | undefined])[] = [
    [Math.max(0, inputTokens - cached - written), prices.input],
    [cached, prices.cachedInput],
    [written - writtenForAnHour, prices.cacheWrite],
    [writtenForAnHour, prices.cacheWriteHour],
    [outputTokens, prices.output],
  ];
  let cost = 0;
  for (const [tokens, price] of parts) {
    if (tokens === 0) continue;
    if (price === undefined) return undefined;
    cost += tokens * price;
  }
  return cost / 1_000_000;
}

/** The prices for a request of this size on this day. How long the single requests of a sum were, nobody knows. */
function pricesFor(model: ModelName, usage: TokenUsage, at: Date): Prices | undefined {
  const { prices, longInput, pricesUntil } = modelInfoOf(model) ?? {};
  const isLong = longInput !== undefined && usage.inputTokens >= longInput.fromTokens;
  if (isLong && isSum(usage)) return undefined;
  if (pricesUntil && at.toISOString().slice(0, 10) > pricesUntil.day) return isLong ? undefined : pricesUntil.later;
  return isLong ? longInput.prices : prices;
}
