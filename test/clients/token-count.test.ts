/** The tokens of a request, before it is sent. */

import {
  ClaudeClient,
  type ClientWrapper,
  CompatibleClient,
  type ContentPart,
  estimateTokens,
  fallback,
  GeminiClient,
  GrokClient,
  hedge,
  type Message,
  OpenAIClient,
  rateLimit,
  type SendOptions,
} from "cloudllm";
import { type ProviderServer, type ProviderServerOptions, scriptedClient, startProviderServer } from "cloudllm/testing";
import { afterEach, describe, expect, test, vi } from "vitest";

const servers: ProviderServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function serverOf(options: ProviderServerOptions = {}): Promise<ProviderServer> {
  const server = await startProviderServer(undefined, options);
  servers.push(server);
  return server;
}

const KEY = { apiKey: "sk-test", retries: 0 };
const openai = ({ baseUrl }: ProviderServer) => new OpenAIClient({ ...KEY, baseUrl, model: "gpt-5.4" });
const claude = ({ origin }: ProviderServer) =>
  new ClaudeClient({ ...KEY, baseUrl: origin, model: "claude-sonnet-4-6" });
const gemini = ({ origin }: ProviderServer) => new GeminiClient({ ...KEY, baseUrl: origin, model: "gemini-3.5-flash" });

type JsonObject = Readonly<Record<string, unknown>>;

function without(body: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(body).filter(([name]) => !names.includes(name)));
}

/** Each protocol whose provider counts: its client, and what of a message's body the endpoint refuses. */
const COUNTING = [
  {
    name: "Responses",
    client: openai,
    path: "/v1/responses/input_tokens",
    counted: (body: JsonObject) =>
      without(body, [
        "stream",
        "stream_options",
        "background",
        "store",
        "include",
        "max_output_tokens",
        "metadata",
        "prompt_cache_key",
        "temperature",
        "top_p",
        "service_tier",
        "novelty",
      ]),
  },
  {
    name: "Anthropic Messages",
    client: claude,
    path: "/v1/messages/count_tokens",
    counted: (body: JsonObject) =>
      without(body, [
        "max_tokens",
        "stream",
        "metadata",
        "stop_sequences",
        "temperature",
        "top_p",
        "service_tier",
        "novelty",
      ]),
  },
  {
    name: "Gemini",
    client: gemini,
    path: "/v1beta/models/gemini-3.5-flash:countTokens",
    counted: (body: JsonObject) => ({ generateContentRequest: { model: "models/gemini-3.5-flash", ...body } }),
  },
];

const SYSTEM: Message = { role: "system", content: "Be brief." };
const HI: readonly Message[] = [{ role: "user", content: "hi" }];
const PICTURE: readonly Message[] = [
  SYSTEM,
  {
    role: "user",
    content: [
      { type: "image", data: "iVBORw0KGgo=", mediaType: "image/png" },
      { type: "text", text: "What?" },
    ],
  },
];
const WITH_TOOL: readonly Message[] = [
  ...HI,
  { role: "assistant", content: "", toolCalls: [{ id: "call_1", name: "look", arguments: { at: "sky" } }] },
  { role: "tool", toolCallId: "call_1", content: "blue" },
];

const TOOLS: SendOptions["tools"] = [
  { name: "look", description: "Looks.", parameters: { type: "object", properties: { at: { type: "string" } } } },
];

/** Every option with values that change a body; the compiler finds an option that is missing. */
const OPTIONS: { readonly [Name in keyof Required<SendOptions>]: readonly SendOptions[] } = {
  signal: [{ signal: new AbortController().signal }],
  timeouts: [{ timeouts: { total: 20_000 } }],
  retries: [{ retries: 1 }],
  recover: [{ recover: "resume" }],
  maxReplyBytes: [{ maxReplyBytes: 1_000_000 }],
  headers: [{ headers: { "x-team": "a" } }],
  maxOutputTokens: [{ maxOutputTokens: 4_000 }],
  temperature: [{ temperature: 0.3 }],
  topP: [{ topP: 0.5 }],
  stop: [{ stop: ["END"] }],
  seed: [{ seed: 7 }],
  tools: [{ tools: TOOLS }],
  toolChoice: [
    { tools: TOOLS, toolChoice: "required" },
    { tools: TOOLS, toolChoice: { name: "look" } },
  ],
  invalidArguments: [{ invalidArguments: "deliver", tools: TOOLS }],
  reasoning: [{ reasoning: "high" }, { reasoning: { maxTokens: 2_048 } }],
  output: [{ output: { type: "object", properties: { a: { type: "string" } }, required: ["a"] } }],
  invalidOutput: [{ invalidOutput: "deliver", output: { type: "object" } }],
  search: [{ search: {} }, { search: { allowedDomains: ["a.com"] } }],
  promptCache: [{ promptCache: true }, { promptCache: { key: "c", ttl: "1h" } }],
  metadata: [{ metadata: { user_id: "a" } }],
  unsupported: [{ unsupported: "ignore" }],
  raw: [{ raw: true }],
  providerOptions: [{ providerOptions: { service_tier: "flex", novelty: 1 } }],
};

describe.each(COUNTING)("$name", ({ client, path, counted }) => {
  const cases = Object.entries(OPTIONS).flatMap(([name, all]) => all.map((options) => [name, options] as const));

  test.each(cases)("what is counted with `%s` is what is sent", async (_name, options) => {
    const server = await serverOf({ countTokens: () => 42 });
    const its = { unsupported: "ignore", ...options } as const;
    const asked = client(server);
    expect(await asked.countTokens([SYSTEM, ...HI], its)).toMatchObject({ inputTokens: 42, source: "provider" });
    await asked.sendMessage([SYSTEM, ...HI], its).catch(() => undefined); // its text is not the `output`
    const [count, sent] = [server.counts[0], server.requests[0]];
    expect(count?.path).toBe(path);
    expect(count?.body).toEqual(counted(sent?.body as JsonObject));
    expect(without({ ...count?.headers }, ["content-length", "accept"])).toEqual(
      without({ ...sent?.headers }, ["content-length", "accept"]),
    );
  });

  test.each([
    ["a picture", PICTURE, {}],
    ["calls and their results", WITH_TOOL, { tools: TOOLS }],
    [
      "every option at once",
      [SYSTEM, ...HI],
      Object.assign({}, ...Object.values(OPTIONS).flat(), { recover: undefined, unsupported: "ignore" }),
    ],
  ] as const)("%s are counted as they are sent", async (_name, messages, options) => {
    const server = await serverOf();
    const asked = client(server);
    expect((await asked.countTokens(messages, options)).inputTokens).toBeGreaterThan(0);
    await asked.sendMessage(messages, options).catch(() => undefined);
    expect(server.counts[0]?.body).toEqual(counted(server.requests[0]?.body as JsonObject));
  });

  test("a strict server takes the count of a request with tools, and no reply is used up", async () => {
    const server = await serverOf({ strict: true });
    const asked = client(server);
    const { source } = await asked.countTokens([SYSTEM, ...WITH_TOOL], { tools: TOOLS, maxOutputTokens: 2_000 });
    expect(source).toBe("provider");
    expect([server.counts.length, server.requests.length]).toEqual([1, 0]);
  });

  test("a server without the endpoint gives an estimate that says so", async () => {
    const server = await serverOf({ countTokens: false });
    const count = await client(server).countTokens([SYSTEM, ...HI], { tools: TOOLS });
    expect(count.source).toBe("estimate");
    expect(count.inputTokens).toBeGreaterThan(10);
  });

  test("a request that cannot be sent cannot be counted", async () => {
    const server = await serverOf();
    await expect(client(server).countTokens([])).rejects.toMatchObject({ kind: "invalidRequest" });
    const signal = AbortSignal.abort("enough");
    await expect(client(server).countTokens(HI, { signal })).rejects.toMatchObject({ kind: "aborted" });
    expect(server.counts).toEqual([]);
  });

  test("a server that fails is a failure, not an estimate", async () => {
    const server = await serverOf({ countTokens: () => Number.NaN });
    await expect(client(server).countTokens(HI)).rejects.toMatchObject({ kind: "protocol" });
  });
});

test.each([
  ["Chat Completions", ({ baseUrl }: ProviderServer) => new CompatibleClient({ ...KEY, baseUrl, model: "m" })],
  [
    "OpenAI's Chat",
    ({ baseUrl }: ProviderServer) => new OpenAIClient({ ...KEY, baseUrl, model: "gpt-5.4", api: "chat" }),
  ],
  ["xAI's Responses", ({ baseUrl }: ProviderServer) => new GrokClient({ ...KEY, baseUrl, model: "grok-4.6" })],
] as const)("%s has no count: the estimate needs no request", async (_name, made) => {
  const server = await serverOf();
  const client: ClientWrapper = made(server);
  const alone = await client.countTokens?.(HI);
  const withTools = await client.countTokens?.(HI, { tools: TOOLS });
  const withPicture = await client.countTokens?.(PICTURE);
  expect(alone).toEqual({ inputTokens: expect.any(Number), source: "estimate" });
  expect(withTools?.inputTokens).toBeGreaterThan(alone?.inputTokens ?? Infinity);
  expect(withPicture?.inputTokens).toBeGreaterThan(1_000);
  await expect(client.countTokens?.([])).rejects.toMatchObject({ kind: "invalidRequest" });
  expect(server.connections.opened).toBe(0);
});

describe("a text file is estimated by its text, however it is given", () => {
  const words = "The ferry to the island leaves at nine, and the last one back at seven. ".repeat(2_000);
  const base64 = Buffer.from(words).toString("base64");

  test.each<readonly [string, object]>([
    ["bytes", { data: new TextEncoder().encode(words), mediaType: "text/plain" }],
    ["base64", { data: base64, mediaType: "text/markdown" }],
    ["a data: URL", { url: `data:text/plain;charset=utf-8;base64,${base64}` }],
  ])("%s", async (_name, source) => {
    const content = [{ type: "file", filename: "ferries.txt", ...source }] as ContentPart[];
    const client = new CompatibleClient({ ...KEY, baseUrl: "http://127.0.0.1:1/v1", model: "m" });
    const { inputTokens } = await client.countTokens([{ role: "user", content }]);
    expect(inputTokens - estimateTokens(words)).toBeLessThan(10);
    expect(inputTokens).toBeGreaterThanOrEqual(estimateTokens(words));
  });

  test("a file is decoded once", async () => {
    const decode = vi.spyOn(globalThis, "atob");
    const content: ContentPart[] = [{ type: "file", data: base64, mediaType: "text/plain" }];
    const client = new CompatibleClient({ ...KEY, baseUrl: "http://127.0.0.1:1/v1", model: "m" });
    await client.countTokens([{ role: "user", content }]);
    expect(decode).toHaveBeenCalledTimes(1);
    decode.mockRestore();
  });

  test("an aborted reply's estimate has it also", async () => {
    const content: ContentPart[] = [{ type: "file", data: base64, mediaType: "text/plain" }];
    const stream = await scriptedClient([{ text: "Nine.", ending: "hang" }]).sendMessageStream([
      { role: "user", content },
    ]);
    const { estimatedUsage } = await stream.stop();
    expect(estimatedUsage?.inputTokens).toBeGreaterThanOrEqual(estimateTokens(words));
  });
});

test("a count at a server that hangs ends after its own short limit, not after a reply's ten minutes", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  try {
    const client = new ClaudeClient({ apiKey: "k", model: "m", retries: 0, fetch: () => new Promise(() => undefined) });
    const counted = client.countTokens(HI).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(10_001);
    expect(await counted).toMatchObject({ kind: "timeout", phase: "headers" });
  } finally {
    vi.useRealTimers();
  }
});

test.each([
  ["fallback", (client: ClientWrapper) => fallback([client])],
  ["hedge", (client: ClientWrapper) => hedge(client, client, { afterMs: 1_000 })],
  ["rateLimit", (client: ClientWrapper) => rateLimit(client, { requestsPerMinute: 1 })],
] as const)("%s passes the count of its client on", async (_name, wrap) => {
  const server = await serverOf({ countTokens: () => 7 });
  const client: ClientWrapper = wrap(claude(server));
  expect(await client.countTokens?.(HI)).toMatchObject({ inputTokens: 7, source: "provider" });
  expect("countTokens" in wrap(scriptedClient([]))).toBe(false);
});
