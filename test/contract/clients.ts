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
import { contractSuite, type ProviderServerOptions, startProviderServer } from "cloudllm/testing";
import { describe, test } from "vitest";

interface Candidate {
  readonly name: string;
  readonly server?: ProviderServerOptions;
  create(options: ClientOptions & { readonly baseUrl: string }): ProviderClient;
}

const CANDIDATES: readonly Candidate[] = [
  { name: "OpenAIClient", create: (options) => new OpenAIClient(options) },
  { name: "GrokClient", create: (options) => new GrokClient(options) },
  { name: "OpenRouterClient", create: (options) => new OpenRouterClient(options) },
  { name: "ClaudeClient", create: (options) => new ClaudeClient(options) },
  { name: "GeminiClient", create: (options) => new GeminiClient(options) },
  { name: "CompatibleClient", create: (options) => new CompatibleClient(options) },
  {
    name: "CompatibleClient (deepseek)",
    create: (options) => new CompatibleClient({ ...options, preset: "deepseek" }),
  },
  {
    name: "CompatibleClient (mistral)",
    server: { usageUnasked: true }, // to ask would be refused
    create: (options) => new CompatibleClient({ ...options, preset: "mistral" }),
  },
];

/** Registers the suite for each client; `fetch` is the client's own connection when absent. */
export function testClients(fetch?: FetchLike): void {
  for (const { name, server: serverOptions, create } of CANDIDATES) {
    describe(name, () => {
      const cases = contractSuite({
        async open(scripts) {
          const server = await startProviderServer(scripts, serverOptions);
          const options = { model: "model-under-test", apiKey: "key-under-test", baseUrl: server.baseUrl, retries: 0 };
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
    });
  }
}
