/** Models that end: nobody who follows the documents, or gives no `--model`, is led to one. And the small ones answer at once. */

import { readdirSync, readFileSync } from "node:fs";
import { ClaudeModel, GeminiModel, GrokModel, OpenAIModel } from "cloudllm";
import { startProviderServer } from "cloudllm/testing";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { chooseClient } from "../../src/cli/choose-client.ts";
import { HOSTED, PROVIDERS, type ProviderName } from "../../src/cli/providers.ts";
import type { Settings } from "../../src/cli/settings.ts";
import { modelInfoOf } from "../../src/models/index.ts";

const ROOT = new URL("../../", import.meta.url);
const LISTS = { OpenAIModel, ClaudeModel, GeminiModel, GrokModel };
const ASK = [{ role: "user", content: "?" }] as const;

/** Retired, and not in the list: it holds no models without prices. */
const ENDED = ["deepseek-chat", "deepseek-reasoner", "grok-build-0.1"];

function endOf(id: string): string | undefined {
  if (ENDED.includes(id)) return id;
  const providers = ["openai", "anthropic", "gemini", "xai", "deepseek", "mistral", "groq"];
  return providers.map((provider) => modelInfoOf({ provider, model: id })?.retired).find(Boolean);
}

test.each(HOSTED)("the model that %s answers with, unless one is named, has no end", (name) => {
  expect(endOf(PROVIDERS[name].defaultModel ?? "")).toBeUndefined();
});

test.each([
  ["openai", "gpt-6-luna"],
  ["anthropic", "claude-haiku-5-5"],
] as const)("what a reply of %s's default costs can be said", (provider, model) => {
  expect(PROVIDERS[provider].defaultModel).toBe(model);
  expect(modelInfoOf({ provider, model })?.prices).toMatchObject({ input: 0.1, output: 0.5 });
});

function texts(folder: string, ending: string): readonly (readonly [string, string])[] {
  return readdirSync(new URL(folder, ROOT), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => [`${folder}${name}`, readFileSync(new URL(`${folder}${name}`, ROOT), "utf8")] as const);
}

test("no document, example or docstring names a model that ends", () => {
  const docstrings = texts("src/", ".ts")
    .filter(([name]) => !/models|capabilities/.test(name))
    .map(
      ([name, text]) =>
        [
          name,
          text
            .split("\n")
            .filter((line) => /^\s*\*|\/\*\*/.test(line))
            .join("\n"),
        ] as const,
    );
  const readme = ["README.md", readFileSync(new URL("README.md", ROOT), "utf8")] as const;
  for (const [file, text] of [readme, ...texts("docs/", ".md"), ...texts("examples/", ".ts"), ...docstrings]) {
    const ids: string[] =
      text.match(/\b(gpt|claude|gemini|grok|deepseek|o[134])-?[a-z0-9.-]*\d[a-z0-9.-]*|deepseek-\w+/g) ?? [];
    for (const [, list = "", name = ""] of text.matchAll(/\b(\w+Model)\.(\w+)/g)) {
      const id = Object.entries<string>(LISTS[list as keyof typeof LISTS] ?? {}).find(([each]) => each === name)?.[1];
      if (id !== undefined) ids.push(id);
    }
    for (const id of ids) expect(endOf(id), `${file}: ${id}`).toBeUndefined();
  }
});

describe("a small model that thinks by default, and was not named, answers at once", () => {
  const settings: Settings = { quiet: true, nonStreamed: true };
  const keys = Object.fromEntries(
    HOSTED.flatMap((name) => PROVIDERS[name].keyNames.map((key) => [key, "sk-0123456789"])),
  );

  beforeEach(() => {
    for (const [name, key] of Object.entries(keys)) vi.stubEnv(name, key);
  });
  afterEach(() => void vi.unstubAllEnvs());

  async function bodyOf(provider: ProviderName, more: Partial<Settings>, other?: string) {
    await using server = await startProviderServer([{ text: "OK" }]);
    const choice = await chooseClient({ ...settings, provider, baseUrl: server.baseUrl, ...more }, keys, []);
    await (other === undefined ? choice.client : choice.withModel(other)).sendMessage(ASK);
    return server.requests[0]?.body;
  }

  const QUICK: readonly (readonly [ProviderName, object])[] = [
    ["openai", { model: "gpt-6-luna", reasoning: { effort: "none" } }],
    ["xai", { model: "grok-4.3", reasoning: { effort: "none" } }],
    ["anthropic", { model: "claude-haiku-5-5", thinking: { type: "disabled" } }],
    ["gemini", { generationConfig: { thinkingConfig: { thinkingLevel: "MINIMAL" } } }],
    ["groq", { model: "openai/gpt-oss-20b", reasoning_effort: "low" }],
    ["deepseek", { model: "deepseek-flash", thinking: { type: "disabled" } }],
  ];

  test.each(QUICK)("%s", async (provider, fields) => expect(await bodyOf(provider, {})).toMatchObject(fields));

  const asked = /"(reasoning|reasoning_effort|thinking|thinkingConfig)":/;

  test.each(["openrouter", "mistral"] as const)(
    "%s is asked nothing: it may be unable, or need not",
    async (provider) => {
      expect(JSON.stringify(await bodyOf(provider, {}))).not.toMatch(asked);
    },
  );

  test.each(QUICK)("%s: a model that was named thinks as it likes", async (provider) => {
    const model = PROVIDERS[provider].defaultModel ?? "";
    const held = /"(none|disabled|low|MINIMAL)"/;
    expect(JSON.stringify(await bodyOf(provider, { model }))).not.toMatch(held);
    expect(JSON.stringify(await bodyOf(provider, {}, model))).not.toMatch(held);
  });
});
