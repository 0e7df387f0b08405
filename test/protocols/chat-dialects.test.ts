/** What goes out over Chat Completions to each of its vendors: what one of them lacks is refused by name, or left out. */

import type { ContentPart, Message, SendOptions } from "cloudllm";
import { describe, expect, test } from "vitest";
import { type ClientName, useRequestRecorder } from "../support/sent-requests.ts";

const recorder = useRequestRecorder();

const HI: Message = { role: "user", content: "hi" };
const LOOK = { name: "look" };

async function bodyOf(client: ClientName, model: string, options: SendOptions, messages: readonly Message[] = [HI]) {
  return (await recorder.sent(client, model, messages, options)).body;
}

async function expectRefusal(client: ClientName, model: string, options: SendOptions, name: RegExp) {
  const before = recorder.requests.length;
  const failure = bodyOf(client, model, options);
  await expect(failure).rejects.toMatchObject({ kind: "unsupported", model });
  await expect(failure).rejects.toThrow(name);
  expect(recorder.requests).toHaveLength(before);
  return bodyOf(client, model, { ...options, unsupported: "ignore" });
}

describe("reasoning is asked for in each vendor's way", () => {
  test.each<[ClientName, string, SendOptions["reasoning"], object]>([
    ["openai chat", "gpt-5", "low", { reasoning_effort: "low" }],
    ["openai chat", "gpt-5.1", "none", { reasoning_effort: "none" }],
    ["openai chat", "gpt-4.1", "none", {}],
    ["grok chat", "grok-4.3", "none", { reasoning_effort: "none" }],
    ["grok chat", "grok-4.6", "high", { reasoning_effort: "high" }],
    ["gemini chat", "gemini-2.5-flash", "none", { reasoning_effort: "none" }],
    ["gemini chat", "gemini-3.5-flash", "none", { reasoning_effort: "minimal" }],
    ["gemini chat", "gemini-3.5-flash", "high", { reasoning_effort: "high" }],
    [
      "gemini chat",
      "gemini-2.5-flash",
      { maxTokens: 500 },
      { extra_body: { google: { thinking_config: { thinking_budget: 500 } } } },
    ],
    ["openrouter", "anthropic/claude-sonnet-4.5", "medium", { reasoning: { enabled: true, effort: "medium" } }],
    [
      "openrouter",
      "anthropic/claude-sonnet-4.5",
      { maxTokens: 2_000 },
      { reasoning: { enabled: true, max_tokens: 2_000 } },
    ],
    ["openrouter", "openai/gpt-5.1", "none", { reasoning: { effort: "none" } }],
    ["deepseek", "deepseek-v4", "low", { thinking: { type: "enabled" }, reasoning_effort: "low" }],
    ["deepseek", "deepseek-v4", "xhigh", { thinking: { type: "enabled" }, reasoning_effort: "max" }],
    ["deepseek", "deepseek-v4", "none", { thinking: { type: "disabled" } }],
    ["groq", "openai/gpt-oss-120b", "medium", { reasoning_effort: "medium" }],
    ["groq", "qwen/qwen3-32b", "none", { reasoning_effort: "none" }],
    ["groq", "qwen/qwen3-32b", "high", { reasoning_effort: "default", reasoning_format: "parsed" }],
    ["groq", "qwen/qwen3.8-27b", "low", { reasoning_effort: "low", reasoning_format: "parsed" }],
    ["groq", "llama-3.3-70b-versatile", "none", {}],
    ["mistral", "mistral-medium-latest", "high", { reasoning_effort: "high" }],
    ["mistral", "mistral-small-latest", "none", { reasoning_effort: "none" }],
    ["mistral", "magistral-medium-latest", "high", { prompt_mode: "reasoning" }],
    ["mistral", "mistral-large-latest", "medium", { reasoning_effort: "medium" }],
    ["mistral", "mistral-large-2411", "none", {}],
    ["ollama", "gpt-oss:20b", "low", { reasoning_effort: "low" }],
    ["compatible", "m", "medium", { reasoning_effort: "medium" }],
  ])("%s %s %j", async (client, model, reasoning, due) => {
    const {
      model: _model,
      messages: _messages,
      stream: _stream,
      stream_options: _options,
      ...rest
    } = await bodyOf(client, model, { reasoning });
    expect(rest).toEqual(due);
  });

  test.each<[ClientName, string, SendOptions["reasoning"], RegExp]>([
    ["openai chat", "gpt-4.1", "low", /`reasoning`/],
    ["openai chat", "gpt-5", "none", /`reasoning: "none"`/],
    ["openai chat", "gpt-5", { maxTokens: 500 }, /`reasoning\.maxTokens`/],
    ["grok chat", "grok-4.5", "none", /`reasoning: "none"`/],
    ["grok chat", "grok-4.20-reasoning", "low", /`reasoning: "low"`/],
    ["claude chat", "claude-opus-5", "low", /`reasoning`.*api: "messages"/],
    ["gemini chat", "gemini-2.0-flash", "low", /`reasoning`/],
    ["gemini chat", "gemini-2.5-pro", "none", /`reasoning: "none"`/],
    ["gemini chat", "gemini-3.5-flash", { maxTokens: 500 }, /`reasoning\.maxTokens`/],
    ["deepseek", "deepseek-v4", { maxTokens: 500 }, /`reasoning\.maxTokens`/],
    ["deepseek", "deepseek-reasoner", "none", /`reasoning: "none"`/],
    ["groq", "openai/gpt-oss-120b", "none", /`reasoning: "none"`/],
    ["groq", "llama-3.3-70b-versatile", "low", /`reasoning`/],
    ["mistral", "mistral-medium-latest", "low", /`reasoning: "low"`/],
    ["mistral", "magistral-medium-latest", "none", /`reasoning: "none"`/],
    ["mistral", "mistral-large-latest", "none", /`reasoning: "none"`/],
    ["mistral", "mistral-large-2411", "high", /`reasoning`/],
    ["compatible", "m", { maxTokens: 500 }, /`reasoning\.maxTokens`/],
  ])("%s %s %j cannot be said", async (client, model, reasoning, name) => {
    const body = await expectRefusal(client, model, { reasoning }, name);
    expect(Object.keys(body)).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/reason|think|prompt_mode|extra/)]),
    );
  });
});

describe("search, where there is one", () => {
  test.each<[ClientName, string, SendOptions["search"], object]>([
    ["openrouter", "m/m", {}, { plugins: [{ id: "web" }] }],
    ["openrouter", "m/m", { mode: "on", maxResults: 3 }, { plugins: [{ id: "web", max_results: 3 }] }],
    ["openrouter", "m/m", { allowedDomains: ["a.com"] }, { plugins: [{ id: "web", include_domains: ["a.com"] }] }],
    ["openrouter", "m/m", { blockedDomains: ["a.com"] }, { plugins: [{ id: "web", exclude_domains: ["a.com"] }] }],
    ["openai chat", "gpt-4o-search-preview", { mode: "on" }, { web_search_options: {} }],
    [
      "openai chat",
      "gpt-5-search-api",
      { country: "de" },
      { web_search_options: { user_location: { type: "approximate", approximate: { country: "DE" } } } },
    ],
  ])("%s %s %j", async (client, model, search, due) =>
    expect(await bodyOf(client, model, { search })).toMatchObject(due),
  );

  test.each<ClientName>([
    "claude chat",
    "openai chat",
    "grok chat",
    "gemini chat",
    "groq",
    "deepseek",
    "mistral",
    "ollama",
    "compatible",
  ])("%s has none, and says so; forbidden it is nobody's business", async (client) => {
    const body = await expectRefusal(client, "m", { search: { mode: "on" } }, /`search`/);
    expect(body).not.toHaveProperty("tools");
    await bodyOf(client, "m", { search: { mode: "off" } });
  });

  test.each<[ClientName, string, SendOptions["search"], RegExp]>([
    ["openrouter", "m/m", { fromDate: "2026-01-01" }, /`search\.fromDate`/],
    ["openrouter", "m/m", { toDate: "2026-01-01" }, /`search\.toDate`/],
    ["openrouter", "m/m", { country: "DE" }, /`search\.country`/],
    ["openrouter", "m/m", { sources: ["x"] }, /`search\.sources`/],
    ["openrouter", "m/m", { citations: false }, /`search\.citations: false`/],
    ["openai chat", "gpt-4o-search-preview", { maxResults: 3 }, /`search\.maxResults`/],
    ["openai chat", "gpt-4o-search-preview", { allowedDomains: ["a.com"] }, /`search\.allowedDomains`/],
  ])("%s %s cannot say %j", async (client, model, search, name) => {
    const body = await expectRefusal(client, model, { search }, name);
    expect(body).toHaveProperty(client === "openrouter" ? "plugins" : "web_search_options");
  });
});

describe("the rest of a request", () => {
  test.each<[string, ClientName, string, SendOptions, object]>([
    [
      "OpenAI's own names",
      "openai chat",
      "gpt-4.1",
      { maxOutputTokens: 9, seed: 1, metadata: { a: "b" } },
      { max_completion_tokens: 9, seed: 1, metadata: { a: "b" } },
    ],
    ["OpenAI's cache key", "openai chat", "gpt-4.1", { promptCache: { key: "c" } }, { prompt_cache_key: "c" }],
    ["Mistral's seed", "mistral", "m", { seed: 1 }, { random_seed: 1 }],
    ["Mistral's word for required", "mistral", "m", { tools: [LOOK], toolChoice: "required" }, { tool_choice: "any" }],
    ["Groq's limit", "groq", "m", { maxOutputTokens: 9 }, { max_completion_tokens: 9 }],
    [
      "a cache that works by itself",
      "deepseek",
      "m",
      { promptCache: true, temperature: 2, stop: ["a"] },
      { temperature: 2, stop: ["a"] },
    ],
    ["sampling of a thinking Grok", "grok chat", "grok-4.6", { temperature: 0 }, { temperature: 0 }],
    ["sampling of a model that need not think", "openai chat", "gpt-5.1", { temperature: 0 }, { temperature: 0 }],
    [
      "providerOptions, field by field",
      "openrouter",
      "m/m",
      { reasoning: "low", providerOptions: { reasoning: { exclude: true }, provider: { order: ["x"] } } },
      { reasoning: { enabled: true, effort: "low", exclude: true }, provider: { order: ["x"] } },
    ],
  ])("%s", async (_name, client, model, options, due) =>
    expect(await bodyOf(client, model, options)).toMatchObject(due),
  );

  test("xAI's conversation is named in a header", async () => {
    const { headers, body } = await recorder.sent("grok chat", "grok-4.6", [HI], { promptCache: { key: "c" } });
    expect(headers["x-grok-conv-id"]).toBe("c");
    expect(body).not.toHaveProperty("prompt_cache_key");
  });

  test.each<[string, ClientName, string, SendOptions, RegExp, string]>([
    ["warmth while it thinks", "openai chat", "gpt-5", { temperature: 0 }, /`temperature`/, "temperature"],
    [
      "warmth of GPT-6, thinking or not",
      "openai chat",
      "gpt-6-luna",
      { temperature: 0, reasoning: "none" },
      /`temperature`/,
      "temperature",
    ],
    ["topP while it thinks", "openai chat", "gpt-5.1", { topP: 0.5, reasoning: "low" }, /`topP`/, "top_p"],
    ["stopping while it thinks", "grok chat", "grok-4.6", { stop: ["a"] }, /`stop`/, "stop"],
    ["stopping of one that does not", "openai chat", "o4-mini", { stop: ["a"] }, /`stop`/, "stop"],
    ["warmth of a search", "openai chat", "gpt-4o-search-preview", { temperature: 0 }, /`temperature`/, "temperature"],
    ["a seed that is ignored", "claude chat", "claude-opus-5", { seed: 1 }, /`seed`/, "seed"],
    ["too warm", "claude chat", "claude-opus-5", { temperature: 1.5 }, /`temperature`/, "temperature"],
    ["labels", "groq", "m", { metadata: { a: "b" } }, /`metadata`/, "metadata"],
    ["a key for the cache", "deepseek", "m", { promptCache: { key: "c" } }, /`promptCache\.key`/, "prompt_cache_key"],
    ["a time for the cache", "openai chat", "m", { promptCache: { ttl: "1h" } }, /`promptCache\.ttl`/, "cache_control"],
    ["no cache", "mistral", "m", { promptCache: false }, /`promptCache: false`/, "cache_control"],
  ])("%s", async (_name, client, model, options, name, leftOut) => {
    expect(await expectRefusal(client, model, options, name)).not.toHaveProperty(leftOut);
  });

  test.each(["openai chat", "claude chat", "deepseek", "ollama"] as const)(
    "%s gets no empty list of stops",
    async (client) => {
      expect(await bodyOf(client, "m", { stop: [] })).not.toHaveProperty("stop");
    },
  );

  test("OpenAI stops at four texts at most", async () => {
    const body = await expectRefusal("openai chat", "gpt-4.1", { stop: ["a", "b", "c", "d", "e"] }, /`stop`/);
    expect(body.stop).toEqual(["a", "b", "c", "d"]);
  });
});

describe("OpenRouter's Anthropic models", () => {
  const messages: readonly Message[] = [
    { role: "system", content: "Be brief." },
    { role: "user", content: "a" },
    { role: "assistant", content: "b", toolCalls: [{ id: "c1", name: "look", arguments: {} }] },
    { role: "tool", toolCallId: "c1", content: "seen" },
    { role: "user", content: "c" },
    {
      role: "user",
      content: [
        { type: "text", text: "d" },
        { type: "image", url: "https://a.com/b.png" },
      ],
    },
  ];

  test("have their prompt marked for the cache", async () => {
    const body = await bodyOf("openrouter", "anthropic/claude-opus-5", { promptCache: { ttl: "1h" } }, messages);
    const mark = { cache_control: { type: "ephemeral", ttl: "1h" } };
    expect(body.messages).toMatchObject([
      { role: "system", content: [{ type: "text", text: "Be brief.", ...mark }] },
      { role: "user", content: "a" },
      { role: "assistant" },
      { role: "tool" },
      { role: "user", content: [{ type: "text", text: "c", ...mark }] },
      { role: "user", content: [{ type: "text", text: "d", ...mark }, { type: "image_url" }] },
    ]);
  });

  test("others' is not", async () => {
    expect(JSON.stringify(await bodyOf("openrouter", "openai/gpt-5", { promptCache: true }, messages))).not.toContain(
      "cache_control",
    );
  });

  test("learns of tools once there were calls", async () => {
    expect(await bodyOf("openrouter", "anthropic/claude-opus-5", {}, messages)).toMatchObject({ tools: [] });
    expect(await bodyOf("openrouter", "openai/gpt-5", {}, messages)).not.toHaveProperty("tools");
  });
});

describe("attachments that a vendor or a model does not take are refused before anything is sent", () => {
  const data = new Uint8Array([1, 2, 3]);
  const image: ContentPart = { type: "image", data, mediaType: "image/png" };
  const pdf: ContentPart = { type: "file", data, mediaType: "application/pdf" };
  const sound: ContentPart = { type: "file", data, mediaType: "audio/wav" };

  test.each<[ClientName, string, ContentPart, RegExp]>([
    ["deepseek", "deepseek-v4", image, /images/],
    ["openai chat", "o3-mini", image, /images for o3-mini/],
    ["openai chat", "gpt-3.5-turbo", pdf, /files/],
    ["openai chat", "gpt-4.1", sound, /sounds for gpt-4\.1/],
    ["openai chat", "gpt-4o-audio-preview", { ...sound, mediaType: "audio/ogg" }, /audio\/ogg/],
    ["openai chat", "gpt-4.1", { type: "file", url: "https://a.com/b.pdf" }, /by URL/],
    ["openai chat", "gpt-4.1", { type: "image", fileId: "file-1" }, /file id/],
    [
      "openai chat",
      "gpt-4o-audio-preview",
      { type: "file", url: "https://a.com/b.mp3", mediaType: "audio/mpeg" },
      /bytes/,
    ],
    ["groq", "m", pdf, /files/],
    ["mistral", "m", sound, /sounds/],
    ["claude chat", "claude-opus-5", pdf, /files/],
    ["grok chat", "grok-4.6", pdf, /files/],
    ["gemini chat", "gemini-2.5-flash", pdf, /files/],
  ])("%s %s", async (client, model, part, name) => {
    const before = recorder.requests.length;
    const failure = bodyOf(client, model, {}, [{ role: "user", content: [part] }]);
    await expect(failure).rejects.toMatchObject({ kind: "unsupported", model });
    await expect(failure).rejects.toThrow(name);
    expect(recorder.requests).toHaveLength(before);
  });

  test.each<[ClientName, string, ContentPart, object]>([
    [
      "openai chat",
      "gpt-4o-audio-preview",
      sound,
      { type: "input_audio", input_audio: { data: "AQID", format: "wav" } },
    ],
    [
      "gemini chat",
      "gemini-2.5-flash",
      { ...sound, mediaType: "audio/flac" },
      { type: "input_audio", input_audio: { data: "AQID", format: "flac" } },
    ],
    [
      "openrouter",
      "m/m",
      pdf,
      { type: "file", file: { filename: "file", file_data: "data:application/pdf;base64,AQID" } },
    ],
    [
      "groq",
      "m",
      { type: "file", data, mediaType: "image/png" },
      { type: "image_url", image_url: { url: "data:image/png;base64,AQID" } },
    ],
    ["mistral", "m", pdf, { type: "document_url", document_url: "data:application/pdf;base64,AQID" }],
    [
      "mistral",
      "m",
      { type: "file", url: "https://a.com/b.pdf" },
      { type: "document_url", document_url: "https://a.com/b.pdf" },
    ],
  ])("%s %s takes its own", async (client, model, part, due) => {
    const { messages } = await bodyOf(client, model, {}, [{ role: "user", content: [part] }]);
    expect(messages).toEqual([{ role: "user", content: [due] }]);
  });
});

test("words put into the model's mouth are marked as such where the server wants it", async () => {
  const messages: Message[] = [HI, { role: "assistant", content: "{" }];
  expect((await bodyOf("mistral", "m", {}, messages)).messages).toEqual([
    { role: "user", content: "hi" },
    { role: "assistant", content: "{", prefix: true },
  ]);
  expect((await bodyOf("groq", "m", {}, messages)).messages).toEqual([
    { role: "user", content: "hi" },
    { role: "assistant", content: "{" },
  ]);
});
