/** The clients by their protocol, over the built package, for processes of their own. */
import { ClaudeClient, CompatibleClient, GeminiClient, OllamaClient, OpenAIClient } from "cloudllm";

const CLIENTS = {
  "Chat Completions": (options, origin) => new CompatibleClient({ ...options, baseUrl: `${origin}/v1` }),
  "Anthropic Messages": (options, origin) => new ClaudeClient({ ...options, baseUrl: origin }),
  "OpenAI Responses": (options, origin) => new OpenAIClient({ ...options, baseUrl: `${origin}/v1` }),
  Gemini: (options, origin) => new GeminiClient({ ...options, baseUrl: origin }),
  Ollama: (options, origin) => new OllamaClient({ ...options, baseUrl: origin }),
};

/** Without retries, over the transport of this name. */
export function clientOf(protocol, transport, origin, apiKey) {
  const own = transport === "fetch" && { fetch: (input, init) => fetch(input, init) };
  return CLIENTS[protocol]({ model: "m-1", apiKey, retries: 0, ...own }, origin);
}
