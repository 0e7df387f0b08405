/** The estimated tokens of a complete request: messages, calls, schemas, pictures and files. */

import type { Message } from "../contract/message.ts";
import type { SendOptions } from "../contract/options.ts";
import type { JsonSchema, Schema } from "../contract/schema.ts";
import { optionsFault } from "../contract/validate.ts";
import { convertedSchema, isStandardSchema, withoutDialect } from "../schema/standard-schema.ts";
import { isAttachedText } from "./attached-text.ts";
import { estimateInputTokens, estimateTokens } from "./estimate.ts";

/**
 * Tokens of a picture or of a file without readable text, about. Pictures cost 85 to 1,600 at the large providers, and
 * pages of a PDF 1,500 to 3,000, so this is an order of magnitude.
 */
const TOKENS_PER_ATTACHMENT = 1_500;

/** Returns the estimated input tokens of a request with these messages and options. */
export function estimateRequestTokens(messages: readonly Message[], options: SendOptions): number {
  const calls = messages.flatMap((message) => (message.role === "assistant" ? (message.toolCalls ?? []) : []));
  const texts = [...schemaTexts(options), ...calls.map((call) => JSON.stringify([call.name, call.arguments]))];
  const extra = texts.reduce((sum, text) => sum + estimateTokens(text), 0);
  return estimateInputTokens(messages) + extra + attachments(messages) * TOKENS_PER_ATTACHMENT;
}

/**
 * Returns the schemas of a request as they are sent: the objects of a schema library are different, and may be
 * circular. Invalid options have none: the client refuses them.
 */
export function schemaTexts({ tools, output }: SendOptions): readonly string[] {
  if (optionsFault({ tools, output })) return [];
  const functions = (tools ?? []).map(({ name, description, parameters }) => {
    return { name, description, parameters: parameters && plainSchema(parameters) };
  });
  const sent = [...(functions.length > 0 ? [functions] : []), ...(output ? [plainSchema(output)] : [])];
  return sent.map((value) => JSON.stringify(value));
}

function plainSchema(schema: Schema): JsonSchema {
  if (!isStandardSchema(schema)) return withoutDialect(schema);
  try {
    return convertedSchema(schema) ?? {};
  } catch {
    return {}; // the client that sends it reports the fault
  }
}

function attachments(messages: readonly Message[]): number {
  return messages.reduce((sum, { content }) => {
    return typeof content === "string" ? sum : sum + content.filter((part) => !isAttachedText(part)).length;
  }, 0);
}
