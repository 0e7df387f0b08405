/** Where a key travels: in the one header that its provider reads, and nowhere else. */

import { inspect } from "node:util";
import {
  AzureClient,
  BedrockClient,
  ClaudeClient,
  type ClientOptions,
  CompatibleClient,
  GeminiClient,
  GrokClient,
  OpenAIClient,
  OpenRouterClient,
  type ProviderClient,
  SendError,
  VertexClient,
} from "cloudllm";
import { startProviderServer } from "cloudllm/testing";
import { describe, expect, test } from "vitest";

const KEY = "key-nobody-may-see";
const HI = [{ role: "user", content: "hi" }] as const;

type Make = (options: ClientOptions & { readonly baseUrl: string }) => ProviderClient;

/** Each client in each of its protocols: the header its key goes into, and the path of its base URL. */
const CLIENTS: readonly (readonly [string, string, string, Make])[] = [
  ["OpenAI, Responses", "authorization", "/v1", (options) => new OpenAIClient(options)],
  ["OpenAI, Chat Completions", "authorization", "/v1", (options) => new OpenAIClient({ ...options, api: "chat" })],
  ["Grok, Responses", "authorization", "/v1", (options) => new GrokClient(options)],
  ["Grok, Chat Completions", "authorization", "/v1", (options) => new GrokClient({ ...options, api: "chat" })],
  ["Claude, Messages", "x-api-key", "", (options) => new ClaudeClient(options)],
  ["Claude, Chat Completions", "authorization", "/v1", (options) => new ClaudeClient({ ...options, api: "chat" })],
  ["Gemini", "x-goog-api-key", "", (options) => new GeminiClient(options)],
  [
    "Gemini, Chat Completions",
    "authorization",
    "/v1beta/openai",
    (options) => new GeminiClient({ ...options, api: "chat" }),
  ],
  ["Azure", "api-key", "/openai/v1", (options) => new AzureClient(options)],
  ["Azure, Claude", "x-api-key", "/anthropic", (options) => new AzureClient({ ...options, api: "messages" })],
  ["Bedrock", "authorization", "/openai/v1", (options) => new BedrockClient({ ...options, region: "eu-west-1" })],
  ["Vertex, express mode", "x-goog-api-key", "", (options) => new VertexClient(options)],
  ["OpenRouter", "authorization", "/v1", (options) => new OpenRouterClient(options)],
  ["any compatible server", "authorization", "/v1", (options) => new CompatibleClient(options)],
];

const TRANSPORTS: readonly (readonly [string, Pick<ClientOptions, "fetch">])[] = [
  ["node:http", {}],
  ["fetch", { fetch: (input, init) => fetch(input, init) }],
];

const METHODS = ["sendMessageStream", "sendMessage"] as const;

describe.each(TRANSPORTS)("over %s", (_transport, given) => {
  describe.each(CLIENTS)("the key of %s", (_name, header, path, make) => {
    const clientAt = (origin: string) =>
      make({ ...given, model: "m", apiKey: KEY, baseUrl: origin + path, retries: 0 });

    test.each(METHODS)(`travels as ${header}, and nowhere else (%s)`, async (method) => {
      await using server = await startProviderServer();
      const reply = await clientAt(server.origin)[method](HI);
      if ("finalMessage" in reply) await reply.finalMessage();
      const [request] = server.requests;
      const carriers = Object.entries(request?.headers ?? {}).filter(([, value]) => String(value).includes(KEY));
      expect(carriers).toEqual([[header, header === "authorization" ? `Bearer ${KEY}` : KEY]]);
      expect(request?.path).not.toContain(KEY);
      expect(JSON.stringify(request?.body)).not.toContain(KEY);
    });

    test.each([301, 302, 303, 307, 308])(
      "does not follow a redirect with status %i to another server",
      async (status) => {
        await using thief = await startProviderServer();
        const location = `${thief.origin}${path}/stolen`;
        await using server = await startProviderServer(() => ({ status, headers: { location }, body: "" }));
        for (const method of METHODS) {
          const failure: unknown = await clientAt(server.origin)
            [method](HI)
            .catch((error: unknown) => error);
          expect(failure).toBeInstanceOf(SendError);
          expect(inspect(failure, { depth: null })).not.toContain(KEY);
        }
        expect(server.requests).toHaveLength(METHODS.length);
        expect(thief.connections.opened).toBe(0);
      },
    );

    test("is not in an error, for any text of the server", async () => {
      const error = { message: `Incorrect API key provided: ${KEY}.`, code: KEY };
      await using server = await startProviderServer(({ index }) =>
        index % 3 === 0 ? { refusal: { status: 401, ...error } } : { text: "Half", ending: { error } },
      );
      for (const method of [...METHODS, ...METHODS]) {
        const failure: unknown = await clientAt(server.origin)
          [method](HI)
          .then((reply) => ("finalMessage" in reply ? reply.finalMessage() : reply))
          .catch((reason: unknown) => reason);
        expect(failure).toBeInstanceOf(SendError);
        expect((failure as SendError).message).toContain("Incorrect API key provided: [key].");
        expect(inspect(failure, { depth: null, showHidden: true })).not.toContain(KEY);
        expect(JSON.stringify(failure)).not.toContain(KEY);
      }
    });

    test("is not shown by the client itself", () => {
      const client = clientAt("http://127.0.0.1:9");
      expect(inspect(client, { depth: null, showHidden: true }) + JSON.stringify(client)).not.toContain(KEY);
    });
  });
});

test("the version of a protocol is no secret: what the server says of it stays readable", async () => {
  const message = "anthropic-version: 2023-06-01 is too old.";
  await using server = await startProviderServer([{ refusal: { status: 400, message } }]);
  const client = new ClaudeClient({ model: "m", apiKey: KEY, baseUrl: server.origin });
  await expect(client.sendMessage(HI)).rejects.toThrow(message);
});
