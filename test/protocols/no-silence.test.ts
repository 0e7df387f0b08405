/** No option is lost in silence: each client says it on the wire, or refuses it by name before anything is sent. */

import { type Message, SendError, type SendOptions } from "cloudllm";
import { describe, expect, test } from "vitest";
import { CLIENT_NAMES, type ClientName, useRequestRecorder } from "../support/sent-requests.ts";

const recorder = useRequestRecorder();

const HI: readonly Message[] = [{ role: "user", content: "hi" }];

/** Models of each client that differ in what they take. */
const MODELS: Readonly<Record<ClientName, readonly string[]>> = {
  claude: ["claude-3-5-haiku-latest", "claude-sonnet-4-5", "claude-sonnet-4-6", "claude-opus-5", "claude-fable-5", "m"],
  "claude chat": ["claude-opus-5"],
  openai: ["gpt-4.1", "gpt-5", "gpt-5.4", "gpt-5.5", "gpt-6.2-sol", "m"],
  "openai chat": ["gpt-4.1", "gpt-5", "gpt-5.4", "o4-mini", "gpt-4o-search-preview", "m"],
  grok: ["grok-3-mini", "grok-4.20-reasoning", "grok-4.20-non-reasoning", "grok-4.3", "grok-4.6"],
  "grok chat": ["grok-3-mini", "grok-4.20-non-reasoning", "grok-4.6"],
  gemini: [
    "gemini-2.0-flash",
    "gemini-2.5-pro",
    "gemini-2.5-flash",
    "gemini-3.5-flash",
    "gemini-4-argon",
    "gemma-3-27b-it",
  ],
  "gemini chat": ["gemini-2.0-flash", "gemini-2.5-flash", "gemini-3.5-flash"],
  openrouter: ["anthropic/claude-opus-5", "openai/gpt-5"],
  deepseek: ["deepseek-v4", "deepseek-reasoner"],
  mistral: ["mistral-large-latest", "mistral-medium-latest", "magistral-medium-latest"],
  groq: ["openai/gpt-oss-120b", "qwen/qwen3-32b", "llama-3.3-70b-versatile"],
  ollama: ["llama3.2"],
  "ollama own": ["llama3.2", "gpt-oss:20b"],
  llamacpp: ["m"],
  compatible: ["m"],
};

/** Each option, and the name that its refusal must tell. */
const OPTIONS: readonly (readonly [string, SendOptions, string])[] = [
  ["a limit", { maxOutputTokens: 2_000 }, "maxOutputTokens"],
  ["a temperature", { temperature: 0.3 }, "temperature"],
  ["a high temperature", { temperature: 1.7 }, "temperature"],
  ["topP", { topP: 0.5 }, "topP"],
  ["texts to stop at", { stop: ["END"] }, "stop"],
  ["many of them", { stop: ["a", "b", "c", "d", "e", "f"] }, "stop"],
  ["a seed", { seed: 7 }, "seed"],
  ["little thinking", { reasoning: "low" }, "reasoning"],
  ["some thinking", { reasoning: "medium" }, "reasoning"],
  ["much thinking", { reasoning: "high" }, "reasoning"],
  ["thinking by a budget", { reasoning: { maxTokens: 2_048 } }, "reasoning"],
  ["a search", { search: {} }, "search"],
  ["a forced search", { search: { mode: "on" } }, "search"],
  ["a number of results", { search: { maxResults: 3 } }, "search"],
  ["a first day", { search: { fromDate: "2026-01-01" } }, "search"],
  ["a last day", { search: { toDate: "2026-01-01" } }, "search"],
  ["domains", { search: { allowedDomains: ["a.com"] } }, "search"],
  ["domains left out", { search: { blockedDomains: ["a.com"] } }, "search"],
  ["a country", { search: { country: "DE" } }, "search"],
  ["posts", { search: { sources: ["x"] } }, "search"],
  ["news", { search: { sources: ["web", "news"] } }, "search"],
  ["no citations", { search: { citations: false } }, "search"],
  ["a key for the cache", { promptCache: { key: "c" } }, "promptCache.key"],
  ["a time for the cache", { promptCache: { ttl: "1h" } }, "promptCache.ttl"],
  ["a label", { metadata: { team: "a" } }, "metadata"],
  ["a tool", { tools: [{ name: "look" }] }, "tools"],
  ["a choice of tools", { tools: [{ name: "look" }], toolChoice: "required" }, "toolChoice"],
  ["a certain tool", { tools: [{ name: "look" }], toolChoice: { name: "look" } }, "toolChoice"],
  ["no tool", { tools: [{ name: "look" }], toolChoice: "none" }, "toolChoice"],
];

/** What an option that says more must differ from. */
function baselineOf({ search, toolChoice, tools, stop, promptCache }: SendOptions): SendOptions {
  if (search && Object.keys(search).length > 0) return { search: {} };
  if (toolChoice) return { tools };
  if (stop && stop.length > 1) return { stop: stop.slice(0, 5) };
  return promptCache ? { promptCache: true } : {};
}

async function sent(client: ClientName, model: string, options: SendOptions): Promise<string> {
  const { headers, body } = await recorder.sent(client, model, HI, options);
  const { "content-length": _length, ...named } = headers;
  return JSON.stringify([named, body]);
}

async function sentOrRefused(client: ClientName, model: string, options: SendOptions): Promise<string | SendError> {
  try {
    return await sent(client, model, options);
  } catch (error) {
    if (error instanceof SendError) return error;
    throw error;
  }
}

describe.each(CLIENT_NAMES.flatMap((client) => MODELS[client].map((model) => [client, model] as const)))(
  "%s %s",
  (client, model) => {
    test.each(OPTIONS)("%s", async (_name, options, option) => {
      const outcome = await sentOrRefused(client, model, options);
      const ignoring = { ...options, unsupported: "ignore" } as const;
      if (typeof outcome !== "string") {
        expect(outcome).toMatchObject({ kind: "unsupported", provider: expect.any(String), model });
        expect(outcome.message).toContain(`\`${option}`);
        await sent(client, model, ignoring);
        return;
      }
      const plain = await sentOrRefused(client, model, baselineOf(options));
      // OpenRouter's plugin searches with every request: there, to let it and to demand it are one.
      if (options.search?.mode === "on" && /"plugins"|"web_search_options"/.test(outcome)) return;
      expect(outcome).not.toBe(plain);
      expect(await sent(client, model, ignoring)).toBe(outcome);
    });
  },
);

test.each(CLIENT_NAMES)(
  "%s asks for a whole reply in the same words as for a stream, but for the stream",
  async (client) => {
    const options: SendOptions = { maxOutputTokens: 2_000, tools: [{ name: "look" }] };
    const model = MODELS[client][0] ?? "m";
    const streamed = await recorder.sent(client, model, HI, options);
    const before = recorder.requests.length;
    await recorder.client(client, model).sendMessage(HI, options);
    const whole = recorder.requests[before];
    const { stream, stream_options: _options, ...rest } = streamed.body;
    // Ollama streams unless it is told not to.
    expect(whole?.body).toEqual(client === "ollama own" ? { ...rest, stream: false } : rest);
    if (client === "gemini") expect(whole?.path).toMatch(/:generateContent$/);
    else expect(stream).toBe(true);
  },
);
