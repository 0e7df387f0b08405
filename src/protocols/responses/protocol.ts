/** OpenAI's Responses as a `Protocol`, which xAI speaks as well. */

import { errorOf } from "../common/error-kinds.ts";
import type { BackgroundReplies, Protocol } from "../protocol.ts";
import { ResponsesDecoder } from "./decoder.ts";
import type { ResponsesDialect } from "./dialects.ts";
import { buildResponsesRequest } from "./request.ts";
import { responsesTokenCounting } from "./token-counting.ts";

/**
 * Returns OpenAI's Responses in one vendor's dialect, for the `protocol` of a `ProviderDefinition`. `OPENAI_RESPONSES`
 * is OpenAI's own dialect.
 */
export function responses(dialect: ResponsesDialect): Protocol {
  return {
    buildRequest: (messages, options, endpoint, stream) =>
      buildResponsesRequest(messages, options, endpoint, stream, dialect),
    createDecoder: (facts) => new ResponsesDecoder(facts, dialect),
    decodeComplete: (body, facts, chunks) => new ResponsesDecoder(facts, dialect).readComplete(body, chunks),
    readError: errorOf,
    ...(dialect.keepsReplies && { background: BACKGROUND }),
    ...(dialect.countsTokens && { counting: responsesTokenCounting }),
  };
}

/** @see https://platform.openai.com/docs/guides/background */
const BACKGROUND: BackgroundReplies = {
  resumeUrl: ({ id, after }, { baseUrl }) =>
    `${baseUrl}/responses/${encodeURIComponent(id)}?stream=true&starting_after=${after}`,
  cancelUrl: ({ id }, { baseUrl }) => `${baseUrl}/responses/${encodeURIComponent(id)}/cancel`,
};
