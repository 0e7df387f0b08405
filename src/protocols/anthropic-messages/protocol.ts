/** Anthropic Messages as a `Protocol`. */

import { errorOf } from "../common/error-kinds.ts";
import type { Protocol } from "../protocol.ts";
import { AnthropicDecoder } from "./decoder.ts";
import { buildAnthropicRequest } from "./request.ts";
import { anthropicTokenCounting } from "./token-counting.ts";

/**
 * Anthropic's Messages API, for the `protocol` of a `ProviderDefinition`. Its dialect follows from the model's name.
 */
export const anthropicMessages: Protocol = {
  buildRequest: buildAnthropicRequest,
  createDecoder: (facts) => new AnthropicDecoder(facts),
  decodeComplete: (body, facts, chunks) => new AnthropicDecoder(facts).readComplete(body, chunks),
  readError: errorOf,
  counting: anthropicTokenCounting,
};
