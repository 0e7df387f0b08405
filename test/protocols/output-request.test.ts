/** How each provider is asked for a value of a certain shape: the body that goes out, as each documents it. */

import {
  ClaudeClient,
  CompatibleClient,
  GeminiClient,
  GrokClient,
  type JsonSchema,
  OpenAIClient,
  OpenRouterClient,
  type ProviderClient,
  type Schema,
  type SendOptions,
} from "cloudllm";
import { describe, expect, test } from "vitest";
import * as z from "zod";

const QUESTION = [{ role: "user", content: "Which city?" }] as const;

/** The body of the one request that a client sends, which is refused. */
async function bodyOf(
  clientOf: (options: { readonly apiKey: string; readonly fetch: typeof fetch }) => ProviderClient,
  options: SendOptions,
  messages: Parameters<ProviderClient["sendMessage"]>[0] = QUESTION,
): Promise<Record<string, unknown>> {
  let body = "";
  const client = clientOf({
    apiKey: "none",
    fetch: async (_url, init) => {
      body = String(init?.body);
      return new Response("{}", { status: 400 });
    },
  });
  await expect(client.sendMessage(messages, { retries: 0, ...options })).rejects.toMatchObject({ status: 400 });
  return JSON.parse(body) as Record<string, unknown>;
}

const CITY = { type: "object", properties: { city: { type: "string" } }, required: ["city"] } as const;
const CLOSED = { ...CITY, additionalProperties: false };
const OPTIONAL = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer" } },
  required: ["city"],
} as const;

const ZOD = z.object({
  city: z.string().min(2).describe("Its name."),
  kind: z.literal("city"),
  days: z.array(z.int().min(1)).max(7),
  note: z.string().nullable(),
});

const CLIENTS = {
  openai: (options) => new OpenAIClient({ model: "gpt-6-luna", ...options }),
  openaiChat: (options) => new OpenAIClient({ api: "chat", model: "gpt-6-luna", ...options }),
  grok: (options) => new GrokClient({ model: "grok-4.3", ...options }),
  grokChat: (options) => new GrokClient({ api: "chat", model: "grok-4.3", ...options }),
  claude: (options) => new ClaudeClient({ model: "claude-sonnet-4-5", ...options }),
  claudeOld: (options) => new ClaudeClient({ model: "claude-3-5-haiku-latest", ...options }),
  claudeChat: (options) => new ClaudeClient({ api: "chat", model: "claude-sonnet-4-5", ...options }),
  gemini: (options) => new GeminiClient({ model: "gemini-3.5-flash", ...options }),
  gemini25: (options) => new GeminiClient({ model: "gemini-2.5-flash", ...options }),
  geminiChat: (options) => new GeminiClient({ api: "chat", model: "gemini-3.5-flash", ...options }),
  openrouter: (options) => new OpenRouterClient({ model: "a/b", ...options }),
  mistral: (options) => new CompatibleClient({ preset: "mistral", model: "m", ...options }),
  ollama: (options) => new CompatibleClient({ preset: "ollama", model: "m", ...options }),
  deepseek: (options) => new CompatibleClient({ preset: "deepseek", model: "m", ...options }),
} as const satisfies Record<string, Parameters<typeof bodyOf>[0]>;

type Name = keyof typeof CLIENTS;

describe("the form", () => {
  test.each<Name>(["openai", "grok"])("%s over Responses: text.format, flat", async (name) => {
    expect((await bodyOf(CLIENTS[name], { output: CITY })).text).toEqual({
      format: { type: "json_schema", name: "output", schema: CLOSED, strict: true },
    });
  });

  test.each<Name>(["openaiChat", "grokChat", "geminiChat", "openrouter", "mistral", "ollama"])(
    "%s over Chat Completions: response_format, nested",
    async (name) => {
      const body = await bodyOf(CLIENTS[name], { output: CITY });
      expect(body.response_format).toEqual({
        type: "json_schema",
        json_schema: { name: "output", schema: CLOSED, strict: true },
      });
      expect(body.messages).toHaveLength(1);
    },
  );

  test("deepseek knows only json_object: the model learns the shape", async () => {
    const body = await bodyOf(CLIENTS.deepseek, { output: CITY });
    expect(body.response_format).toEqual({ type: "json_object" });
    expect(body.messages).toEqual([
      { role: "system", content: expect.stringMatching(/^Answer with JSON alone.*\{"type":"object".*\}$/s) },
      { role: "user", content: "Which city?" },
    ]);
    const told = await bodyOf(CLIENTS.deepseek, { output: CITY }, [
      { role: "system", content: "Be brief." },
      ...QUESTION,
    ]);
    expect(told.messages).toEqual([
      { role: "system", content: expect.stringMatching(/^Be brief\.\n\nAnswer with JSON alone/) },
      { role: "user", content: "Which city?" },
    ]);
  });

  test("claude: output_config.format, next to the effort", async () => {
    expect((await bodyOf(CLIENTS.claude, { output: CITY })).output_config).toEqual({
      format: { type: "json_schema", schema: CLOSED },
    });
    const claude: (typeof CLIENTS)["claude"] = (options) => new ClaudeClient({ model: "claude-opus-5", ...options });
    expect((await bodyOf(claude, { output: CITY, reasoning: "low" })).output_config).toEqual({
      effort: "low",
      format: { type: "json_schema", schema: CLOSED },
    });
  });

  test("gemini: responseJsonSchema with its media type", async () => {
    expect((await bodyOf(CLIENTS.gemini, { output: CITY })).generationConfig).toEqual({
      responseMimeType: "application/json",
      responseJsonSchema: CITY,
    });
  });
});

describe("a schema of Zod", () => {
  const properties = {
    kind: { type: "string", const: "city" },
    note: { type: ["string", "null"] },
  };
  const required = ["city", "kind", "days", "note"];

  test("openai: strict; what its grammar cannot say stands in the description", async () => {
    expect((await bodyOf(CLIENTS.openai, { output: ZOD })).text).toEqual({
      format: {
        type: "json_schema",
        name: "output",
        strict: true,
        schema: {
          type: "object",
          properties: {
            ...properties,
            city: { type: "string", description: "Its name.\n\n{minLength: 2}" },
            days: { type: "array", items: { type: "integer", minimum: 1, maximum: 9007199254740991 }, maxItems: 7 },
          },
          required,
          additionalProperties: false,
        },
      },
    });
  });

  test("claude: without bounds, and several types as alternatives", async () => {
    expect((await bodyOf(CLIENTS.claude, { output: ZOD })).output_config).toEqual({
      format: {
        type: "json_schema",
        schema: {
          type: "object",
          properties: {
            ...properties,
            note: { anyOf: [{ type: "string" }, { type: "null" }] },
            city: { type: "string", description: "Its name.\n\n{minLength: 2}" },
            days: {
              type: "array",
              items: { type: "integer", description: "{minimum: 1}" },
              description: "{maxItems: 7}",
            },
          },
          required,
          additionalProperties: false,
        },
      },
    });
  });

  test("gemini: a constant is a list of one", async () => {
    const { generationConfig } = await bodyOf(CLIENTS.gemini, { output: ZOD });
    expect(generationConfig).toMatchObject({
      responseJsonSchema: { properties: { ...properties, kind: { type: "string", enum: ["city"] } }, required },
    });
  });
});

describe("what OpenAI's strict mode cannot say is asked for without it, as it stands", () => {
  test.each<[string, JsonSchema]>([
    ["an optional property", OPTIONAL],
    [
      "an optional property deep inside",
      { type: "object", properties: { a: { type: "array", items: OPTIONAL } }, required: ["a"] },
    ],
    ["properties of any name", { type: "object", additionalProperties: { type: "number" } }],
    ["a property of any shape", { type: "object", properties: { any: {} }, required: ["any"] }],
    [
      "a tuple",
      { type: "object", properties: { a: { type: "array", prefixItems: [{ type: "string" }] } }, required: ["a"] },
    ],
    ["a condition", { ...CITY, if: { required: ["city"] } }],
    ["a denial", { ...CITY, not: { required: ["town"] } }],
    ["several at once", { type: "object", allOf: [CITY] }],
  ])("%s", async (_name, output) => {
    expect((await bodyOf(CLIENTS.openai, { output })).text).toEqual({
      format: { type: "json_schema", name: "output", schema: output, strict: false },
    });
    expect((await bodyOf(CLIENTS.openaiChat, { output })).response_format).toEqual({
      type: "json_schema",
      json_schema: { name: "output", schema: output },
    });
  });

  test.each<[string, JsonSchema, JsonSchema]>([
    [
      "one of several becomes any of them",
      { oneOf: [{ type: "string" }, { type: "null" }] },
      { anyOf: [{ type: "string" }, { type: "null" }] },
    ],
    ["a reference stands alone", { $ref: "#/$defs/a", description: "x" }, { $ref: "#/$defs/a" }],
    ["a default is said in words", { type: "integer", default: 3 }, { type: "integer", description: "{default: 3}" }],
    ["a format it knows stays", { type: "string", format: "date" }, { type: "string", format: "date" }],
    ["another is said in words", { type: "string", format: "uri" }, { type: "string", description: '{format: "uri"}' }],
    [
      "an object that takes anything is closed",
      { type: "object", properties: {}, additionalProperties: true },
      { type: "object", properties: {}, additionalProperties: false },
    ],
  ])("but %s", async (_name, property, asked) => {
    const output: JsonSchema = {
      type: "object",
      properties: { a: property },
      required: ["a"],
      $defs: { a: { type: "string" } },
    };
    expect((await bodyOf(CLIENTS.openai, { output })).text).toEqual({
      format: {
        type: "json_schema",
        name: "output",
        strict: true,
        schema: { ...output, properties: { a: asked }, additionalProperties: false },
      },
    });
  });
});

test("the name of the dialect stays here", async () => {
  const output = { $schema: "https://json-schema.org/draft/2020-12/schema", ...CITY };
  for (const name of ["openai", "openaiChat", "claude", "gemini"] as const)
    expect(JSON.stringify(await bodyOf(CLIENTS[name], { output })), name).not.toContain("$schema");
});

describe("next to tools", () => {
  const tools = [{ name: "weather", parameters: CITY }];

  test("both are asked for where both can be", async () => {
    const openai = await bodyOf(CLIENTS.openai, { output: CITY, tools });
    expect(openai).toMatchObject({
      text: { format: { strict: true } },
      tools: [{ name: "weather", parameters: CLOSED, strict: true }],
    });
    const chat = await bodyOf(CLIENTS.openaiChat, { output: CITY, tools });
    expect(chat).toMatchObject({
      response_format: { type: "json_schema" },
      tools: [{ function: { name: "weather" } }],
    });
    const claude = await bodyOf(CLIENTS.claude, { output: CITY, tools });
    expect(claude).toMatchObject({
      output_config: { format: { type: "json_schema" } },
      tools: [{ name: "weather", input_schema: CITY }],
    });
    const gemini = await bodyOf(CLIENTS.gemini, { output: CITY, tools });
    expect(gemini).toMatchObject({
      generationConfig: { responseMimeType: "application/json" },
      tools: [{ functionDeclarations: [{ name: "weather", parametersJsonSchema: CITY }] }],
    });
  });
});

describe("what cannot be asked for fails before anything is sent, or is left out when the caller says so", () => {
  test.each<[string, Name, Schema, SendOptions, string]>([
    ["an older Claude", "claudeOld", CITY, {}, "`output`"],
    ["Anthropic's endpoint in OpenAI's format, which ignores it", "claudeChat", CITY, {}, "`output`"],
    [
      "keys of any name at Anthropic",
      "claude",
      z.object({ words: z.record(z.string(), z.number()) }),
      {},
      "objects with keys of any name in `output`",
    ],
    ["a value that is not an object at OpenAI", "openai", z.array(z.string()), {}, "an `output` that is not an object"],
    [
      "the same over Chat Completions",
      "openaiChat",
      z.union([z.object({ a: z.string() }), z.null()]),
      {},
      "an `output` that is not an object",
    ],
    [
      "tools next to it at Gemini 2.5",
      "gemini25",
      CITY,
      { tools: [{ name: "weather" }] },
      "`output` together with `tools`",
    ],
  ])("%s", async (_name, name, output, options, what) => {
    const client = CLIENTS[name]({ apiKey: "none", fetch: () => Promise.reject(new Error("was sent")) });
    await expect(client.sendMessage(QUESTION, { output, retries: 0, ...options })).rejects.toMatchObject({
      kind: "unsupported",
      message: expect.stringContaining(`does not support ${what}. Leave it out, or set`),
    });
    const body = await bodyOf(CLIENTS[name], { output, unsupported: "ignore", ...options });
    expect(JSON.stringify(body)).not.toMatch(/json_schema|json_object|responseMimeType/);
  });
});
