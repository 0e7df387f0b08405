import {
  ClaudeClient,
  type ClientOptions,
  CompatibleClient,
  GeminiClient,
  GrokClient,
  OpenAIClient,
  OpenRouterClient,
  type ProviderClient,
} from "cloudllm";
import { contractSuite, startProviderServer } from "cloudllm/testing";
import { describe, test } from "vitest";

type GivenOptions = ClientOptions & { readonly baseUrl: string };

const CLIENTS: Readonly<Record<string, (options: GivenOptions) => ProviderClient>> = {
  OpenAIClient: (options) => new OpenAIClient(options),
  GrokClient: (options) => new GrokClient(options),
  OpenRouterClient: (options) => new OpenRouterClient(options),
  ClaudeClient: (options) => new ClaudeClient(options),
  GeminiClient: (options) => new GeminiClient(options),
  CompatibleClient: (options) => new CompatibleClient(options),
  "CompatibleClient, preset mistral": (options) => new CompatibleClient({ ...options, preset: "mistral" }),
  "CompatibleClient, preset deepseek": (options) => new CompatibleClient({ ...options, preset: "deepseek" }),
};

const TRANSPORTS = {
  "node:http": {},
  fetch: { fetch: (input: string, init: RequestInit) => fetch(input, init) },
} as const;

for (const [clientName, create] of Object.entries(CLIENTS)) {
  for (const [transport, options] of Object.entries(TRANSPORTS)) {
    describe(`the contract, on ${clientName} over ${transport}`, () => {
      const cases = contractSuite({
        async open(scripts) {
          const server = await startProviderServer(scripts);
          return {
            client: create({
              model: "model-under-test",
              apiKey: "key-under-test",
              baseUrl: server.baseUrl,
              ...options,
            }),
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
