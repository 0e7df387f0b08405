/** The tokens of a Gemini request, as the provider counts them. */

import { countIn } from "../common/usage-counts.ts";
import type { TokenCounting } from "../protocol.ts";

/**
 * Asks for the tokens of the complete request: the shorter form, `contents` alone, leaves out the system instruction
 * and the tools.
 * @see https://ai.google.dev/api/tokens#method:-models.counttokens
 */
export const geminiTokenCounting: TokenCounting = {
  countRequest({ url, headers, body }, { model }) {
    const name = model.includes("/") ? model : `models/${model}`;
    return {
      url: url.replace(/:[a-zA-Z]+(?:\?.*)?$/, ":countTokens"),
      ...(headers && { headers }),
      body: { generateContentRequest: { model: name, ...body } },
    };
  },
  readCount({ totalTokens, cachedContentTokenCount }) {
    const inputTokens = countIn(totalTokens);
    const cached = countIn(cachedContentTokenCount);
    if (inputTokens === undefined) return undefined;
    return { inputTokens, ...(cached !== undefined && { cachedInputTokens: cached }) };
  },
};
