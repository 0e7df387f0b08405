/**
 * The protocols of the providers on Node (export condition `node`). Each of the five is a file that is read when a
 * client needs it: to compile all of them would cost every program a quarter of its start.
 */

import type { Protocol } from "./protocol.ts";

type ChatDialect = keyof typeof import("./chat-completions/dialects.ts");
type HostedDialect = keyof typeof import("./chat-completions/hosted-dialects.ts");
type ResponsesDialect = keyof typeof import("./responses/dialects.ts");

async function chat(dialect: ChatDialect | HostedDialect): Promise<Protocol> {
  const modules = await import("./chat-completions/with-dialects.ts");
  return modules.chatCompletions(modules[dialect]);
}

async function responses(dialect: ResponsesDialect): Promise<Protocol> {
  const modules = await import("./responses/with-dialects.ts");
  return modules.responses(modules[dialect]);
}

export const claudeMessages = async (): Promise<Protocol> =>
  (await import("./anthropic-messages/protocol.ts")).anthropicMessages;
export const geminiContent = async (): Promise<Protocol> => (await import("./gemini/protocol.ts")).gemini;
export const ollamaApi = async (): Promise<Protocol> => (await import("./ollama/protocol.ts")).ollama;
export const openaiResponses = (): Promise<Protocol> => responses("OPENAI_RESPONSES");
export const xaiResponses = (): Promise<Protocol> => responses("XAI_RESPONSES");
export const commonChat = (): Promise<Protocol> => chat("COMMON_CHAT");
export const openaiChat = (): Promise<Protocol> => chat("OPENAI_CHAT");
export const xaiChat = (): Promise<Protocol> => chat("XAI_CHAT");
export const anthropicChat = (): Promise<Protocol> => chat("ANTHROPIC_CHAT");
export const geminiChat = (): Promise<Protocol> => chat("GEMINI_CHAT");
export const openrouterChat = (): Promise<Protocol> => chat("OPENROUTER_CHAT");
export const groqChat = (): Promise<Protocol> => chat("GROQ_CHAT");
export const deepseekChat = (): Promise<Protocol> => chat("DEEPSEEK_CHAT");
export const mistralChat = (): Promise<Protocol> => chat("MISTRAL_CHAT");
export const llamacppChat = (): Promise<Protocol> => chat("LLAMACPP_CHAT");
export const vllmChat = (): Promise<Protocol> => chat("VLLM_CHAT");
export const cerebrasChat = (): Promise<Protocol> => chat("CEREBRAS_CHAT");
export const minimaxChat = (): Promise<Protocol> => chat("MINIMAX_CHAT");
export const moonshotChat = (): Promise<Protocol> => chat("MOONSHOT_CHAT");
export const perplexityChat = (): Promise<Protocol> => chat("PERPLEXITY_CHAT");
export const zaiChat = (): Promise<Protocol> => chat("ZAI_CHAT");
export const bedrockChat = (): Promise<Protocol> => onBedrock(chat("BEDROCK_CHAT"));
export const bedrockResponses = (): Promise<Protocol> => onBedrock(responses("BEDROCK_RESPONSES"));
export const bedrockMessages = async (): Promise<Protocol> => (await import("./bedrock/messages.ts")).bedrockMessages;
export const mantleMessages = async (): Promise<Protocol> => (await import("./bedrock/messages.ts")).mantleMessages;
export const vertexGemini = async (): Promise<Protocol> => (await import("./vertex/gemini.ts")).vertexGemini;
export const vertexMessages = async (): Promise<Protocol> => (await import("./vertex/messages.ts")).vertexMessages;
export const azureChat = (): Promise<Protocol> => onAzure(openaiChat());
export const azureResponses = (): Promise<Protocol> => onAzure(openaiResponses());

async function onAzure(protocol: Promise<Protocol>): Promise<Protocol> {
  const [{ withContentFilter }, loaded] = await Promise.all([import("./azure/content-filter.ts"), protocol]);
  return withContentFilter(loaded);
}

async function onBedrock(protocol: Promise<Protocol>): Promise<Protocol> {
  const [{ withBedrockErrors }, loaded] = await Promise.all([import("./bedrock/errors.ts"), protocol]);
  return withBedrockErrors(loaded);
}
