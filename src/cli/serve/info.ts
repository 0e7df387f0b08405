/** The facts about the server that the page shows, and the cost of a reply. */

import type { TokenUsage } from "../../index.ts";

/** The answer to `GET /info`. */
export interface ServerInfo {
  readonly version: string;
  readonly provider: string;
  readonly model: string;
  /** The names of the server's tools. */
  readonly tools: readonly string[];
  /** A note about the choice of the model, such as that it is a toy. */
  readonly note?: string;
}

/** The counts of a query, and their fields. */
const COUNTS = {
  input: "inputTokens",
  output: "outputTokens",
  cached: "cachedInputTokens",
  written: "cacheWriteTokens",
} as const;

type Count = (typeof COUNTS)[keyof typeof COUNTS];

/**
 * Resolves with the cost in US dollars of `?provider=&model=&input=&output=&cached=&written=&tier=`; with null
 * where a price is not known.
 */
export async function costAsked(query: URLSearchParams): Promise<number | null> {
  const counts = Object.entries(COUNTS).flatMap(([name, field]) => {
    const count = Number(query.get(name) ?? Number.NaN);
    return Number.isSafeInteger(count) && count >= 0 ? [[field, count] as const] : [];
  });
  const { inputTokens, outputTokens, ...others } = Object.fromEntries(counts) as { [Field in Count]?: number };
  if (inputTokens === undefined || outputTokens === undefined) return null;
  const tier = query.get("tier");
  const usage: TokenUsage = {
    inputTokens,
    outputTokens,
    totalTokens: inputTokens + outputTokens,
    ...others,
    ...(tier !== null && { serviceTier: tier }),
  };
  const { costOf } = await import("../../models/index.ts"); // large, and not needed before a reply has ended
  const cost = costOf(usage, { provider: query.get("provider") ?? "", model: query.get("model") ?? "" });
  return cost ?? null;
}
