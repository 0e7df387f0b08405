/**
 * The protocols of the providers everywhere but on Node: at once, since a further file may be a network away. Only the
 * protocol that a client does not have by default is a file of its own.
 */

import { anthropicMessages } from "./anthropic-messages/protocol.ts";
import { withContentFilter } from "./azure/content-filter.ts";
import { withBedrockErrors } from "./bedrock/errors.ts";
import { mantleMessages as claudeAtMantle, bedrockMessages as claudeOnBedrock } from "./bedrock/messages.ts";
import { gemini } from "./gemini/protocol.ts";
import { ollama } from "./ollama/protocol.ts";
import type { Protocol } from "./protocol.ts";
import { BEDROCK_RESPONSES, OPENAI_RESPONSES, XAI_RESPONSES } from "./responses/dialects.ts";
import { responses } from "./responses/protocol.ts";
import { vertexGemini as geminiOnVertex } from "./vertex/gemini.ts";
import { vertexMessages as claudeOnVertex } from "./vertex/messages.ts";

export * from "./load-static-chat.ts";

export const claudeMessages = (): Protocol => anthropicMessages;
export const geminiContent = (): Protocol => gemini;
export const ollamaApi = (): Protocol => ollama;
export const openaiResponses = (): Protocol => responses(OPENAI_RESPONSES);
export const xaiResponses = (): Protocol => responses(XAI_RESPONSES);
export const openaiChat = async (): Promise<Protocol> => (await import("./alternatives/openai-chat.ts")).openaiChat;
export const xaiChat = async (): Promise<Protocol> => (await import("./alternatives/xai-chat.ts")).xaiChat;
export const anthropicChat = async (): Promise<Protocol> =>
  (await import("./alternatives/anthropic-chat.ts")).anthropicChat;
export const geminiChat = async (): Promise<Protocol> => (await import("./alternatives/gemini-chat.ts")).geminiChat;
export const bedrockResponses = (): Protocol => withBedrockErrors(responses(BEDROCK_RESPONSES));
export const bedrockMessages = (): Protocol => claudeOnBedrock;
export const mantleMessages = (): Protocol => claudeAtMantle;
export const vertexGemini = (): Protocol => geminiOnVertex;
export const vertexMessages = (): Protocol => claudeOnVertex;
export const azureChat = async (): Promise<Protocol> => withContentFilter(await openaiChat());
export const azureResponses = (): Protocol => withContentFilter(openaiResponses());
