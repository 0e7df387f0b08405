/** The tokens of a Responses request, as the provider counts them. */

import { countRequestOf } from "../common/token-counting.ts";
import { countIn } from "../common/usage-counts.ts";
import type { TokenCounting } from "../protocol.ts";

/** The fields that the endpoint takes: it refuses the others of a request. */
const FIELDS: readonly string[] = [
  "model",
  "input",
  "instructions",
  "tools",
  "tool_choice",
  "parallel_tool_calls",
  "reasoning",
  "text",
  "truncation",
  "previous_response_id",
  "conversation",
  "personality",
];

/**
 * Asks for the tokens of a request over Responses.
 * @see https://platform.openai.com/docs/api-reference/responses/input-tokens
 */
export const responsesTokenCounting: TokenCounting = {
  countRequest: (request) => countRequestOf(request, "input_tokens", FIELDS),
  readCount: ({ input_tokens }) => {
    const inputTokens = countIn(input_tokens);
    return inputTokens === undefined ? undefined : { inputTokens };
  },
};
