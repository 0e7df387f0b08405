/** Anthropic Messages as a `Protocol`. */

import { errorOf } from "../common/error-kinds.ts";
import type { Protocol } from "../protocol.ts";
import { AnthropicDecoder } from "./decoder.ts";
import { buildAnthropicRequest } from "./request.ts";

/** The protocol. */
export const anthropicMessages: Protocol = {
  buildRequest: buildAnthropicRequest,
  createDecoder: (facts) => new AnthropicDecoder(facts),
  decodeWhole: (body, facts, chunks) => new AnthropicDecoder(facts).readWhole(body, chunks),
  readError: errorOf,
};
