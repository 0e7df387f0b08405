/** What the constructors take and refuse, and where keys come from. */

import {
  ClaudeClient,
  CompatibleClient,
  GeminiClient,
  GrokClient,
  OpenAIClient,
  OpenRouterClient,
  type ProviderClient,
} from "cloudllm";
import { startProviderServer } from "cloudllm/testing";
import { afterEach, describe, expect, test, vi } from "vitest";
import { GOOD_END, httpChunk, LAST_CHUNK, rawServer, STREAM_HEAD, textEvent } from "../support/raw-server.ts";

afterEach(() => vi.unstubAllEnvs());

type Make = (options: { apiKey?: string; baseUrl?: string }) => ProviderClient;

const PROVIDERS: readonly [string, Make, readonly string[]][] = [
  [
    "openai",
    (o) => new OpenAIClient({ model: "m", ...o }),
    ["CLOUDLLM_OPENAI_API_KEY", "OPENAI_API_KEY", "OPEN_AI_SECRET"],
  ],
  ["xai", (o) => new GrokClient({ model: "m", ...o }), ["CLOUDLLM_XAI_API_KEY", "XAI_API_KEY"]],
  ["anthropic", (o) => new ClaudeClient({ model: "m", ...o }), ["CLOUDLLM_ANTHROPIC_API_KEY", "ANTHROPIC_API_KEY"]],
  [
    "gemini",
    (o) => new GeminiClient({ model: "m", ...o }),
    ["CLOUDLLM_GEMINI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY"],
  ],
  [
    "openrouter",
    (o) => new OpenRouterClient({ model: "m", ...o }),
    ["CLOUDLLM_OPENROUTER_API_KEY", "OPENROUTER_API_KEY"],
  ],
  [
    "groq",
    (o) => new CompatibleClient({ preset: "groq", model: "m", ...o }),
    ["CLOUDLLM_GROQ_API_KEY", "GROQ_API_KEY"],
  ],
  [
    "deepseek",
    (o) => new CompatibleClient({ preset: "deepseek", model: "m", ...o }),
    ["CLOUDLLM_DEEPSEEK_API_KEY", "DEEPSEEK_API_KEY"],
  ],
  [
    "mistral",
    (o) => new CompatibleClient({ preset: "mistral", model: "m", ...o }),
    ["CLOUDLLM_MISTRAL_API_KEY", "MISTRAL_API_KEY"],
  ],
];

describe.each(PROVIDERS)("%s", (provider, make, keyNames) => {
  test("is called by its name", () => expect(make({ apiKey: "k" }).provider).toBe(provider));

  test("takes its key from the option, else from the environment in a fixed order", async () => {
    await using server = await startProviderServer();
    const sentKey = async (apiKey?: string) => {
      await make({ baseUrl: server.baseUrl, ...(apiKey && { apiKey }) }).sendMessage([{ role: "user", content: "hi" }]);
      const { authorization, ...headers } = server.requests.at(-1)?.headers ?? {};
      return headers["x-api-key"] ?? headers["x-goog-api-key"] ?? authorization?.replace("Bearer ", "");
    };
    for (const name of keyNames) vi.stubEnv(name, "");
    for (const name of [...keyNames].reverse()) {
      vi.stubEnv(name, `from-${name}`);
      expect(await sentKey()).toBe(`from-${name}`);
    }
    expect(await sentKey("given")).toBe("given");
  });

  test("without a key fails at its first use and names what was tried", async () => {
    for (const name of keyNames) vi.stubEnv(name, "");
    const failure = make({}).sendMessageStream([{ role: "user", content: "hi" }]);
    await expect(failure).rejects.toMatchObject({ kind: "authentication", provider });
    for (const name of keyNames) await expect(failure).rejects.toThrow(name);
  });
});

test.each(["ollama", "lmstudio", "llamacpp", "vllm"] as const)("%s needs no key", (preset) => {
  expect(new CompatibleClient({ preset, model: "m" }).provider).toBe(preset);
});

describe("a constructor refuses", () => {
  test.each<[string, () => unknown]>([
    ["an empty key", () => new OpenAIClient({ model: "m", apiKey: "" })],
    ["a key with a line break", () => new OpenAIClient({ model: "m", apiKey: "a\nb" })],
    ["an empty model", () => new OpenAIClient({ model: "" })],
    ["a base URL that is none", () => new OpenAIClient({ model: "m", baseUrl: "api.example.com" })],
    ["a base URL of another scheme", () => new OpenAIClient({ model: "m", baseUrl: "ftp://example.com" })],
    ["a base URL with a password", () => new OpenAIClient({ model: "m", baseUrl: "https://u:p@example.com" })],
    ["a base URL with a query", () => new OpenAIClient({ model: "m", baseUrl: "https://example.com/v1?version=1" })],
    ["a negative limit", () => new OpenAIClient({ model: "m", timeouts: { idle: -1 } })],
    ["an option it does not know", () => new OpenAIClient({ model: "m", ...{ api_key: "k" } })],
    ["a preset it does not know", () => new CompatibleClient({ model: "m", preset: "nobody" as "groq" })],
    ["neither base URL nor preset", () => new CompatibleClient({ model: "m" } as { model: string; baseUrl: string })],
  ])("%s", (_name, make) => {
    expect(make).toThrow(TypeError);
    expect(make).not.toThrow(/a\nb|u:p/);
  });
});

test("a base URL may end in a slash, or be the complete address", async () => {
  const server = await rawServer(({ socket }) =>
    socket.write(STREAM_HEAD + httpChunk(textEvent("ok") + GOOD_END) + LAST_CHUNK),
  );
  for (const suffix of ["", "/", "/chat/completions"]) {
    await new CompatibleClient({ baseUrl: server.baseUrl + suffix, model: "m" }).sendMessage([
      { role: "user", content: "hi" },
    ]);
    expect(server.requests.at(-1)?.head).toMatch(/^POST \/v1\/chat\/completions /);
  }
  await server[Symbol.asyncDispose]();
});

test("a key from a file of secrets loses its line break; one that cannot be a key is named by its variable", async () => {
  await using server = await startProviderServer();
  const client = new OpenAIClient({ model: "m", baseUrl: server.baseUrl });
  for (const name of ["CLOUDLLM_OPENAI_API_KEY", "OPEN_AI_SECRET"]) vi.stubEnv(name, "");
  vi.stubEnv("OPENAI_API_KEY", "sk-good\n");
  await client.sendMessage([{ role: "user", content: "hi" }]);
  expect(server.requests[0]?.headers.authorization).toBe("Bearer sk-good");
  vi.stubEnv("OPENAI_API_KEY", "sk bad");
  await expect(client.sendMessage([{ role: "user", content: "hi" }])).rejects.toThrow("OPENAI_API_KEY");
});

describe("warm", () => {
  test("opens the connection that the first message then uses, without the key", async () => {
    const server = await rawServer(({ socket, head }) => {
      if (head.startsWith("HEAD")) socket.write("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
      else socket.write(STREAM_HEAD + httpChunk(textEvent("ok") + GOOD_END) + LAST_CHUNK);
    });
    const client = new CompatibleClient({ baseUrl: server.baseUrl, model: "m", apiKey: "secret" });
    expect(await client.warm()).toBe(true);
    await client.sendMessage([{ role: "user", content: "hi" }]);
    expect(server.requests).toHaveLength(2);
    expect(server.requests[0]?.head).not.toContain("secret");
    expect(server.requests[1]?.socket).toBe(server.requests[0]?.socket);
    await server[Symbol.asyncDispose]();
  });

  test("never rejects", async () => {
    expect(await new CompatibleClient({ baseUrl: "http://127.0.0.1:9/v1", model: "m" }).warm()).toBe(false);
  });
});
