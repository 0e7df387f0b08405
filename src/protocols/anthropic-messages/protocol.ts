/** Anthropic Messages as a `Protocol`. */

import { errorOf } from "../common/error-kinds.ts";
import type { Protocol } from "../protocol.ts";
import { AnthropicDecoder } from "./decoder.ts";
import { buildAnthropicRequest } from "./request.ts";

/** The protocol. */
export const anthropicMessages: Protocol = {
  buildRequest: buildAnthropicRequest,
  createDecoder: (facts) => new AnthropicDecoder(facts),
  decodeComplete: (body, facts, chunks) => new AnthropicDecoder(facts).readComplete(body, chunks),
  readError: errorOf,
};
