/** Every provider client under the contract, against the loopback server. One file for each transport, so that they run side by side. */

import {
  ClaudeClient,
  type ClientOptions,
  CompatibleClient,
  type FetchLike,
  GeminiClient,
  GrokClient,
  OpenAIClient,
  OpenRouterClient,
  type ProviderClient,
} from "cloudllm";
import { type ContractSubject, contractSuite, type ProviderServerOptions, startProviderServer } from "cloudllm/testing";
import { describe, test } from "vitest";

/** A client, and how it is reached. */
export interface Candidate {
  readonly name: string;
  readonly server?: ProviderServerOptions;
  /** The base URL's path; default `/v1`. */
  readonly path?: string;
  readonly cannot?: ContractSubject["cannot"];
  create(options: ClientOptions & { readonly baseUrl: string }): ProviderClient;
}

/** What Gemini's protocol cannot show. */
export const WHOLE_CALLS: NonNullable<ContractSubject["cannot"]> = {
  toolCallDeltas: "calls come whole, so that nothing is known of one that was cut",
};

const CANDIDATES: readonly Candidate[] = [
  { name: "OpenAIClient (responses)", create: (options) => new OpenAIClient(options) },
  { name: "OpenAIClient (chat)", create: (options) => new OpenAIClient({ ...options, api: "chat" }) },
  { name: "GrokClient (responses)", create: (options) => new GrokClient(options) },
  { name: "GrokClient (chat)", create: (options) => new GrokClient({ ...options, api: "chat" }) },
  { name: "ClaudeClient (messages)", path: "", create: (options) => new ClaudeClient(options) },
  { name: "ClaudeClient (chat)", create: (options) => new ClaudeClient({ ...options, api: "chat" }) },
  {
    name: "GeminiClient (gemini)",
    path: "",
    cannot: WHOLE_CALLS,
    create: (options) => new GeminiClient(options),
  },
  {
    name: "GeminiClient (chat)",
    path: "/v1beta/openai",
    create: (options) => new GeminiClient({ ...options, api: "chat" }),
  },
  { name: "OpenRouterClient", create: (options) => new OpenRouterClient(options) },
  { name: "CompatibleClient", create: (options) => new CompatibleClient(options) },
  ...(["ollama", "lmstudio", "llamacpp", "vllm", "groq", "deepseek"] as const).map((preset) => ({
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
  const { server: serverOptions, path = "/v1", cannot = {}, create } = candidate;
  const cases = contractSuite({
    cannot,
    async open(scripts) {
      const server = await startProviderServer(scripts, serverOptions);
      const baseUrl = server.origin + path;
      const options = { model: "model-under-test", apiKey: "key-under-test", baseUrl, retries: 0 };
      return {
        client: create(fetch ? { ...options, fetch } : options),
        requests: () => server.requests.length,
        closed: async (call) => (await server.request(call)).closed,
        sent: (call) => server.requests[call]?.sent.packets ?? 0,
        dispose: () => server.close(),
      };
    },
  });
  for (const { name, skip, run } of cases) test.skipIf(skip !== undefined)(name, run);
}
