/** The tokens of an Anthropic Messages request, as the provider counts them. */

import { countRequestOf } from "../common/token-counting.ts";
import { countIn } from "../common/usage-counts.ts";
import type { TokenCounting } from "../protocol.ts";

/** The fields that the endpoint takes, those of its beta versions included: it refuses the others of a request. */
const FIELDS: readonly string[] = [
  "model",
  "messages",
  "system",
  "tools",
  "tool_choice",
  "thinking",
  "output_config",
  "cache_control",
  "speed",
  "context_management",
  "mcp_servers",
  "output_format",
];

/**
 * Asks Anthropic for the tokens of a request.
 * @see https://docs.claude.com/en/api/messages-count-tokens
 */
export const anthropicTokenCounting: TokenCounting = {
  countRequest: (request) => countRequestOf(request, "count_tokens", FIELDS),
  readCount: ({ input_tokens }) => {
    const inputTokens = countIn(input_tokens);
    return inputTokens === undefined ? undefined : { inputTokens };
  },
};
