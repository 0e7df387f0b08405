/**
 * Chat Completions in its dialects, at once. The dialects are apart from `load-static.ts`: some bundlers load all that
 * a file imports, and a page with another protocol needs none of it.
 */

import { withBedrockErrors } from "./bedrock/errors.ts";
import {
  BEDROCK_CHAT,
  COMMON_CHAT,
  DEEPSEEK_CHAT,
  GROQ_CHAT,
  LLAMACPP_CHAT,
  MISTRAL_CHAT,
  OPENROUTER_CHAT,
  VLLM_CHAT,
} from "./chat-completions/dialects.ts";
import {
  CEREBRAS_CHAT,
  MINIMAX_CHAT,
  MOONSHOT_CHAT,
  PERPLEXITY_CHAT,
  ZAI_CHAT,
} from "./chat-completions/hosted-dialects.ts";
import { chatCompletions } from "./chat-completions/protocol.ts";
import type { Protocol } from "./protocol.ts";

export const commonChat = (): Protocol => chatCompletions(COMMON_CHAT);
export const openrouterChat = (): Protocol => chatCompletions(OPENROUTER_CHAT);
export const groqChat = (): Protocol => chatCompletions(GROQ_CHAT);
export const deepseekChat = (): Protocol => chatCompletions(DEEPSEEK_CHAT);
export const mistralChat = (): Protocol => chatCompletions(MISTRAL_CHAT);
export const llamacppChat = (): Protocol => chatCompletions(LLAMACPP_CHAT);
export const vllmChat = (): Protocol => chatCompletions(VLLM_CHAT);
export const cerebrasChat = (): Protocol => chatCompletions(CEREBRAS_CHAT);
export const minimaxChat = (): Protocol => chatCompletions(MINIMAX_CHAT);
export const moonshotChat = (): Protocol => chatCompletions(MOONSHOT_CHAT);
export const perplexityChat = (): Protocol => chatCompletions(PERPLEXITY_CHAT);
export const zaiChat = (): Protocol => chatCompletions(ZAI_CHAT);
export const bedrockChat = (): Protocol => withBedrockErrors(chatCompletions(BEDROCK_CHAT));
