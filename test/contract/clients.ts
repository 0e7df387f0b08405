/** Every provider client under the contract, against the loopback server. One file for each transport, so that they run side by side. */

import {
  AzureClient,
  BedrockClient,
  ClaudeClient,
  type ClientOptions,
  CompatibleClient,
  type FetchLike,
  GeminiClient,
  GrokClient,
  OllamaClient,
  OpenAIClient,
  OpenRouterClient,
  type ProviderClient,
  VertexClient,
} from "cloudllm";
import {
  type ContractSubject,
  contractSuite,
  type ProviderServer,
  type ProviderServerOptions,
  type ReplyScript,
  startProviderServer,
} from "cloudllm/testing";
import { describe } from "vitest";
import { registerCases } from "../support/contract-tests.ts";

/** A client, and how it is reached. */
export interface Candidate {
  readonly name: string;
  /** One whose habits the client knows, where it knows any. Default: `model-under-test`. */
  readonly model?: string;
  readonly server?: ProviderServerOptions;
  /** The base URL's path; default `/v1`. */
  readonly path?: string;
  readonly cannot?: ContractSubject["cannot"];
  /** Whether it sends a request again with new credentials after a 401. */
  readonly asksAgain?: true;
  create(options: ClientOptions & { readonly baseUrl: string }): ProviderClient;
}

/** What Gemini's protocol cannot say. */
export const GEMINI_CANNOT: NonNullable<ContractSubject["cannot"]> = {
  toolCallDeltas: "calls come whole, so that nothing is known of one that was cut",
  refusalReason: "a refusal is a text like any other",
  cacheWrites: "they are not counted",
};

/** What Ollama's protocol cannot say. */
const OLLAMA_CANNOT: NonNullable<ContractSubject["cannot"]> = {
  toolCallDeltas: "calls come whole, so that nothing is known of one that was cut",
  citations: "it has none",
  media: "it has none",
  refusalReason: "a refusal is a text like any other",
  cacheWrites: "they are not counted",
  reasoningTokens: "they are not counted apart from the answer",
  providerCodes: "an error is a text without a code",
};

const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "a-secret-of-aws", sessionToken: "a-token-of-aws" };

const CANDIDATES: readonly Candidate[] = [
  { name: "OpenAIClient (responses)", model: "gpt-6-luna", create: (options) => new OpenAIClient(options) },
  {
    name: "OpenAIClient (chat)",
    model: "gpt-6-luna",
    create: (options) => new OpenAIClient({ ...options, api: "chat" }),
  },
  { name: "GrokClient (responses)", model: "grok-4.3", create: (options) => new GrokClient(options) },
  { name: "GrokClient (chat)", model: "grok-4.3", create: (options) => new GrokClient({ ...options, api: "chat" }) },
  {
    name: "ClaudeClient (messages)",
    model: "claude-sonnet-4-5",
    path: "",
    create: (options) => new ClaudeClient(options),
  },
  {
    name: "ClaudeClient (chat)",
    model: "claude-sonnet-4-5",
    create: (options) => new ClaudeClient({ ...options, api: "chat" }),
  },
  {
    name: "GeminiClient (gemini)",
    model: "gemini-3-pro-preview",
    path: "",
    cannot: GEMINI_CANNOT,
    create: (options) => new GeminiClient(options),
  },
  {
    name: "GeminiClient (chat)",
    model: "gemini-3-pro-preview",
    path: "/v1beta/openai",
    create: (options) => new GeminiClient({ ...options, api: "chat" }),
  },
  {
    name: "AzureClient (responses)",
    model: "gpt-6-luna",
    path: "/openai/v1",
    create: (options) => new AzureClient(options),
  },
  {
    name: "AzureClient (chat)",
    model: "gpt-6-luna",
    path: "/openai/v1",
    create: (options) => new AzureClient({ ...options, api: "chat" }),
  },
  {
    name: "AzureClient (messages)",
    model: "claude-sonnet-4-5",
    path: "/anthropic",
    create: (options) => new AzureClient(options),
  },
  {
    name: "BedrockClient (messages, signed)",
    model: "anthropic.claude-sonnet-4-5-20250929-v1:0",
    path: "/anthropic",
    asksAgain: true,
    create: ({ apiKey: _none, ...options }) => new BedrockClient({ ...options, region: "us-east-1", credentials }),
  },
  {
    name: "BedrockClient (responses)",
    model: "openai.gpt-6-luna",
    path: "/openai/v1",
    create: (options) => new BedrockClient({ ...options, region: "us-east-1" }),
  },
  {
    name: "BedrockClient (chat)",
    path: "/openai/v1",
    create: (options) => new BedrockClient({ ...options, region: "us-east-1", api: "chat" }),
  },
  {
    name: "VertexClient (gemini, with tokens)",
    model: "gemini-3-pro-preview",
    path: "",
    cannot: GEMINI_CANNOT,
    asksAgain: true,
    create: (options) => new VertexClient({ ...options, project: "p", apiKey: async () => "a-token" }),
  },
  {
    name: "VertexClient (messages)",
    model: "claude-sonnet-4-5@20250929",
    path: "",
    create: (options) => new VertexClient({ ...options, project: "p" }),
  },
  {
    name: "VertexClient (chat)",
    path: "",
    create: (options) => new VertexClient({ ...options, project: "p", api: "chat" }),
  },
  { name: "OpenRouterClient", create: (options) => new OpenRouterClient(options) },
  { name: "OllamaClient", path: "", cannot: OLLAMA_CANNOT, create: (options) => new OllamaClient(options) },
  { name: "CompatibleClient", create: (options) => new CompatibleClient(options) },
  ...(["ollama", "lmstudio", "llamacpp", "vllm", "groq", "deepseek", "zai", "minimax"] as const).map((preset) => ({
    name: `CompatibleClient (${preset})`,
    create: (options: ClientOptions & { readonly baseUrl: string }) => new CompatibleClient({ ...options, preset }),
  })),
  {
    name: "CompatibleClient (mistral)",
    server: { usageUnasked: true }, // to ask would be refused
    create: (options) => new CompatibleClient({ ...options, preset: "mistral" }),
  },
];

/** Registers the suite for each client; `fetch` is the client's own connection when absent. */
export function testClients(fetch?: FetchLike): void {
  for (const candidate of CANDIDATES) describe(candidate.name, () => testClient(candidate, fetch));
}

/** Registers the suite for one client. */
export function testClient(candidate: Candidate, fetch?: FetchLike): void {
  const { model = "model-under-test", server: serverOptions, path = "/v1", cannot = {}, asksAgain, create } = candidate;
  const cases = contractSuite({
    cannot,
    async open(scripts) {
      const replies = asksAgain ? scripts.flatMap(twiceIfRefused) : scripts;
      const server = await startProviderServer(replies, { strict: true, ...serverOptions });
      const baseUrl = server.origin + path;
      const options = { model, apiKey: "key-under-test", baseUrl, retries: 0 };
      return {
        client: create(fetch ? { ...options, fetch } : options),
        requests: () => server.requests.length,
        closed: async (call) => server.requests[call]?.closed ?? noneOpen(server),
        sent: (call) => server.requests[call]?.sent.packets ?? 0,
        dispose: () => server.close(),
      };
    },
  });
  registerCases(cases);
}

function twiceIfRefused(script: ReplyScript): readonly ReplyScript[] {
  return "refusal" in script && script.refusal?.status === 401 ? [script, script] : [script];
}

/** A call may have ended before its request arrived, on a busy machine: then its connection is closed when none stands. */
async function noneOpen({ connections }: ProviderServer): Promise<void> {
  while (connections.open > 0) await new Promise<void>((resolve) => setImmediate(resolve));
}
