/** The public face of `cloudllm/protocols`: the wire formats, for clients of other providers. */

export { anthropicMessages } from "./anthropic-messages/protocol.ts";
export type { ChatDialect } from "./chat-completions/dialects.ts";
export { chatCompletions } from "./chat-completions/protocol.ts";
export { gemini } from "./gemini/protocol.ts";
export { ollama } from "./ollama/protocol.ts";
export { OPENAI_RESPONSES, type ResponsesDialect } from "./responses/dialects.ts";
export { responses } from "./responses/protocol.ts";
