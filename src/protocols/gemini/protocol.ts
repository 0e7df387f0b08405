/** Gemini's `generateContent` as a `Protocol`. */

import { objectIn } from "../common/wire-values.ts";
import type { Protocol } from "../protocol.ts";
import { GeminiDecoder } from "./decoder.ts";
import { geminiError } from "./errors.ts";
import { buildGeminiRequest } from "./request.ts";
import { geminiTokenCounting } from "./token-counting.ts";

/** Gemini's `generateContent`, for the `protocol` of a `ProviderDefinition`. */
export const gemini: Protocol = {
  buildRequest: buildGeminiRequest,
  createDecoder: (facts) => new GeminiDecoder(facts),
  decodeComplete(body, facts, chunks) {
    const decoder = new GeminiDecoder(facts);
    decoder.push(objectIn(body as object) ?? {}, "", chunks);
    decoder.end(false, chunks);
  },
  readError: geminiError,
  counting: geminiTokenCounting,
};
