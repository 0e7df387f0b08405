/** The estimated tokens of a program's request: messages, calls, tools and pictures. */

import type { Message } from "../contract/message.ts";
import type { MachineRequest } from "../dialects/machine-dialect.ts";
import { estimateInputTokens, estimateTokens } from "../tokens/estimate.ts";

/**
 * Tokens of a picture or file, about. Pictures cost 85 to 1,600 at the large providers, and pages of a PDF 1,500 to
 * 3,000, so this is an order of magnitude.
 */
const TOKENS_PER_ATTACHMENT = 1_500;

export function requestTokens({ messages, options }: Pick<MachineRequest, "messages" | "options">): number {
  const { tools = [], output } = options;
  const definitions = tools.map(({ name, description, parameters }) =>
    JSON.stringify({ name, description, parameters }),
  );
  const schema = output === undefined ? [] : [JSON.stringify(output)];
  const calls = messages.flatMap((message) => (message.role === "assistant" ? (message.toolCalls ?? []) : []));
  const texts = [...definitions, ...schema, ...calls.map((call) => JSON.stringify([call.name, call.arguments]))];
  const extra = texts.reduce((sum, text) => sum + estimateTokens(text), 0);
  return estimateInputTokens(messages) + extra + attachments(messages) * TOKENS_PER_ATTACHMENT;
}

function attachments(messages: readonly Message[]): number {
  return messages.reduce((sum, { content }) => {
    return typeof content === "string" ? sum : sum + content.filter(({ type }) => type !== "text").length;
  }, 0);
}
