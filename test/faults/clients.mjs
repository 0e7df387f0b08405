/** The clients by their protocol, over the built package, for processes of their own. */
import {
  AzureClient,
  BedrockClient,
  ClaudeClient,
  CompatibleClient,
  GeminiClient,
  OllamaClient,
  OpenAIClient,
  VertexClient,
} from "cloudllm";

const CLIENTS = {
  "Chat Completions": (options, origin) => new CompatibleClient({ ...options, baseUrl: `${origin}/v1` }),
  "Anthropic Messages": (options, origin) => new ClaudeClient({ ...options, baseUrl: origin }),
  "OpenAI Responses": (options, origin) => new OpenAIClient({ ...options, baseUrl: `${origin}/v1` }),
  Gemini: (options, origin) => new GeminiClient({ ...options, baseUrl: origin }),
  Ollama: (options, origin) => new OllamaClient({ ...options, baseUrl: origin }),
  "Azure, OpenAI Responses": (options, origin) => new AzureClient({ ...options, baseUrl: `${origin}/openai/v1` }),
  "Azure, Chat Completions": ({ apiKey, ...options }, origin) =>
    new AzureClient({ ...options, apiKey: async () => apiKey, api: "chat", baseUrl: `${origin}/openai/v1` }),
  "Azure, Anthropic Messages": (options, origin) =>
    new AzureClient({ ...options, api: "messages", baseUrl: `${origin}/anthropic` }),
  "Bedrock, Anthropic Messages": ({ apiKey, ...options }, origin) =>
    new BedrockClient({
      ...options,
      region: "eu-west-1",
      api: "messages",
      baseUrl: `${origin}/anthropic`,
      credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: apiKey, sessionToken: apiKey },
    }),
  "Bedrock, OpenAI Responses": (options, origin) =>
    new BedrockClient({ ...options, api: "responses", baseUrl: `${origin}/openai/v1` }),
  "Bedrock, Chat Completions": (options, origin) =>
    new BedrockClient({ ...options, api: "chat", baseUrl: `${origin}/openai/v1` }),
  "Vertex, Gemini": ({ apiKey, ...options }, baseUrl) =>
    new VertexClient({ ...options, apiKey: () => apiKey, project: "p", baseUrl }),
  "Vertex, Anthropic Messages": ({ apiKey, ...options }, baseUrl) =>
    new VertexClient({ ...options, apiKey: () => apiKey, project: "p", api: "messages", baseUrl }),
  "Vertex, Chat Completions": ({ apiKey, ...options }, baseUrl) =>
    new VertexClient({ ...options, apiKey: () => apiKey, project: "p", api: "chat", baseUrl }),
};

/** Without retries, over the transport of this name. */
export function clientOf(name, transport, origin, apiKey) {
  const own = transport === "fetch" && { fetch: (input, init) => fetch(input, init) };
  return CLIENTS[name]({ model: "m-1", apiKey, retries: 0, ...own }, origin);
}
