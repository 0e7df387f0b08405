/**
 * The public face of `cloudllm/protocols`: the wire formats, for clients of other providers. Programs may also call
 * them without a client, so they bring the engine of schemas along.
 */

import { checkArgument } from "../contract/argument.ts";
import { anthropicMessages as anthropic } from "./anthropic-messages/protocol.ts";
import type { ChatDialect } from "./chat-completions/dialects.ts";
import { chatCompletions as chat } from "./chat-completions/protocol.ts";
import { gemini as google } from "./gemini/protocol.ts";
import { ollama as ollamaApi } from "./ollama/protocol.ts";
import type { Protocol } from "./protocol.ts";
import type { ResponsesDialect } from "./responses/dialects.ts";
import { responses as openai } from "./responses/protocol.ts";
import { withSchemas } from "./with-schemas.ts";

export type { ChatDialect } from "./chat-completions/dialects.ts";
export { OPENAI_RESPONSES, type ResponsesDialect } from "./responses/dialects.ts";

/**
 * Anthropic's Messages API, for the `protocol` of a `ProviderDefinition`. Its dialect follows from the model's name.
 */
export const anthropicMessages: Protocol = /* @__PURE__ */ withSchemas(anthropic);

/** Gemini's `generateContent`, for the `protocol` of a `ProviderDefinition`. */
export const gemini: Protocol = /* @__PURE__ */ withSchemas(google);

/** Ollama's `POST /api/chat`, for the `protocol` of a `ProviderDefinition`. */
export const ollama: Protocol = /* @__PURE__ */ withSchemas(ollamaApi);

/**
 * Returns OpenAI's Chat Completions in one vendor's dialect, for the `protocol` of a `ProviderDefinition`. The least
 * dialect is `{ maxTokensField: "max_tokens" }`.
 */
export function chatCompletions(dialect: ChatDialect): Protocol {
  checkArgument("dialect", dialect);
  return withSchemas(chat(dialect));
}

/**
 * Returns OpenAI's Responses in one vendor's dialect, for the `protocol` of a `ProviderDefinition`. `OPENAI_RESPONSES`
 * is OpenAI's own dialect.
 */
export function responses(dialect: ResponsesDialect): Protocol {
  checkArgument("dialect", dialect);
  return withSchemas(openai(dialect));
}
