/** The cost of a reply. */

import { checkArgument } from "../contract/argument.ts";
import type { TokenUsage } from "../contract/usage.ts";
import { type ModelName, modelInfoOf } from "./model-info.ts";
import { hourWritesOf, isListPriced, isSum, statedCostOf } from "./reported-cost.ts";
import type { Prices } from "./row.ts";

/**
 * Returns the cost of tokens, in US dollars. If the provider reports the cost (OpenRouter and xAI, in `usage.raw`),
 * that is the answer, including fees for its tools. Otherwise it is computed from the provider's list prices for the
 * standard service. New input, input read from the cache, input written to the cache and output each have a price. The
 * prices of long input apply to all of them once `usage.inputTokens` reaches the threshold. Charges that are not per
 * token (searches, stored caches) are not included then.
 *
 * A sum over several requests of one model (a session's tools) is priced as one where that makes no difference;
 * otherwise price its `steps`. `usage.serviceTier` reports a service other than the standard one. Only `usage.raw`
 * reports the provider's bill, and which cache writes were for an hour; without it they count as writes for five
 * minutes.
 *
 * @param model `{ provider, model }`: a reply, a client, a turn of `session.tokenUsage()`, or an attempt in
 * `metrics.attempts`
 * @param at the time of the request, for prices that change; default: now
 * @returns `undefined` when the price of any part is unknown: of an unknown model, of another service tier, of pictures
 * and audio that a model made, of tokens without a price in any source. Never a guess.
 * @example
 * ```ts
 * import type { AssistantMessage, LLMSession } from "cloudllm";
 * import { costOf } from "cloudllm/models";
 *
 * export function printCost(reply: AssistantMessage, session: LLMSession): void {
 *   const cost = reply.usage && costOf(reply.usage, reply);
 *   console.log(cost === undefined ? "cost unknown" : `$${cost.toFixed(6)}`);
 *   for (const turn of session.tokenUsage().turns) console.log(turn.model, turn.usage && costOf(turn.usage, turn));
 * }
 * ```
 */
export function costOf(usage: TokenUsage, model: ModelName, at: Date = new Date()): number | undefined {
  checkArgument("usage", usage);
  checkArgument("model", model, { provider: "string", model: "string" });
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

/** Returns the prices for a request of this size on this day. The sizes of the single requests in a sum are unknown. */
function pricesFor(model: ModelName, usage: TokenUsage, at: Date): Prices | undefined {
  const { prices, longInput, pricesUntil } = modelInfoOf(model) ?? {};
  const isLong = longInput !== undefined && usage.inputTokens >= longInput.fromTokens;
  if (isLong && isSum(usage)) return undefined;
  if (pricesUntil && at.toISOString().slice(0, 10) > pricesUntil.day) return isLong ? undefined : pricesUntil.later;
  return isLong ? longInput.prices : prices;
}
