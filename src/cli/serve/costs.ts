/** The costs of replies, for the page. */

import type { TokenUsage } from "../../index.ts";

/** The counts of tokens that a question may hold. */
const COUNTS = ["inputTokens", "outputTokens", "totalTokens", "cachedInputTokens", "cacheWriteTokens"] as const;

/**
 * Resolves with the cost of each reply in US dollars, null where it is not known.
 * @param asked `[{ provider, model, usage }]`, as a page sends it
 */
export async function costsAsked(asked: unknown): Promise<readonly (number | null)[]> {
  if (!Array.isArray(asked)) return [];
  const { costOf } = await import("../../models/index.ts"); // large, and not needed before a reply has ended
  return asked.map((question: unknown) => {
    const { provider, model, usage } = fieldsOf(question);
    const counts = usageIn(usage);
    if (typeof provider !== "string" || typeof model !== "string" || !counts) return null;
    return costOf(counts, { provider, model }) ?? null;
  });
}

function usageIn(value: unknown): TokenUsage | undefined {
  const { serviceTier, ...fields } = fieldsOf(value);
  const counts: { [Field in (typeof COUNTS)[number]]?: number } = {};
  for (const name of COUNTS) {
    const count = fields[name];
    if (Number.isSafeInteger(count) && Number(count) >= 0) counts[name] = Number(count);
  }
  const { inputTokens, outputTokens, totalTokens } = counts;
  if (inputTokens === undefined || outputTokens === undefined || totalTokens === undefined) return undefined;
  return { ...counts, inputTokens, outputTokens, totalTokens, ...(typeof serviceTier === "string" && { serviceTier }) };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
