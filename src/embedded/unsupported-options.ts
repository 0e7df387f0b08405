/** The options that a small model in this process does not support. */

import type { Message } from "../contract/message.ts";
import type { SendOptions } from "../contract/options.ts";
import { requestContext } from "../protocols/protocol.ts";

/** Options that only a provider on a network can have; each with the values that ask for nothing. */
const NOTHING_ASKED: { readonly [Name in keyof SendOptions]?: (value: never) => boolean } = {
  tools: (tools: readonly unknown[]) => tools.length === 0,
  toolChoice: (choice: unknown) => choice === "none" || choice === "auto",
  reasoning: (reasoning: unknown) => reasoning === "none",
  output: () => false,
  search: ({ mode }: { readonly mode?: string }) => mode === "off",
  promptCache: (cache: unknown) => cache === false,
  metadata: (metadata: object) => Object.keys(metadata).length === 0,
  providerOptions: (options: object) => Object.keys(options).length === 0,
};

/**
 * Validates a call before a reply is written.
 * @throws {SendError} kind `unsupported`, unless the caller wants such options left out
 */
export function reportUnsupported(messages: readonly Message[], options: SendOptions, model: string): void {
  const { unsupported } = requestContext(options, { provider: "embedded", model, baseUrl: "" }, {});
  for (const [name, asksNothing] of Object.entries(NOTHING_ASKED)) {
    const value = options[name as keyof SendOptions];
    if (value !== undefined && !asksNothing(value as never)) unsupported(`\`${name}\``);
  }
  for (const message of messages) {
    if (message.role === "tool" || (message.role === "assistant" && message.toolCalls?.length))
      unsupported("tool calls");
    if (message.role !== "user" || typeof message.content === "string") continue;
    for (const part of message.content) if (part.type !== "text") unsupported(`${part.type}s`);
  }
}
