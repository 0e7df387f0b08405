/** The list of models: that it is looked up by every name of a model, and that each number in it has a source. */

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { MODELS, SOURCES } from "../../src/models/data.ts";
import { type ModelInfo, modelInfoOf } from "../../src/models/index.ts";

const COLLECTION = new URL("../../../shared/wire/models.json", import.meta.url);

test("limits, prices, and who says so when", () => {
  expect(modelInfoOf({ provider: "openai", model: "gpt-5-nano" })).toMatchObject({
    provider: "openai",
    id: "gpt-5-nano",
    contextWindow: 400_000,
    maxOutputTokens: 128_000,
    prices: { input: 0.05, cachedInput: 0.005, output: 0.4 },
    retired: "2026-12-11",
    sources: {
      contextWindow: expect.arrayContaining([{ name: expect.stringMatching(/^TanStack\/ai /), date: "2026-08-22" }]),
      output: expect.arrayContaining([{ name: expect.stringMatching(/^badlogic\/pi-mono /), date: "2026-03-15" }]),
    },
  });
});

describe("a model is found by", () => {
  test.each([
    ["its name", "anthropic", "claude-opus-5", "claude-opus-5"],
    ["a dated snapshot", "anthropic", "claude-sonnet-4-5-20250929", "claude-sonnet-4-5"],
    ["a snapshot that is not listed yet", "anthropic", "claude-opus-5-5-20261001", "claude-opus-5-5"],
    ["a date with dashes", "openai", "gpt-5-mini-2025-08-07", "gpt-5-mini"],
    ["a date as Google Cloud writes it", "anthropic", "claude-sonnet-4-6@20260217", "claude-sonnet-4-6"],
    ["an alias", "xai", "grok-4.3-latest", "grok-4.3"],
    ["the name that Google's lists give it", "gemini", "models/gemini-2.5-flash", "gemini-2.5-flash"],
    ["a snapshot with facts of its own", "openai", "gpt-4o-2024-05-13", "gpt-4o-2024-05-13"],
    ["a name that ends in latest and is one model", "openai", "gpt-5-chat-latest", "gpt-5-chat-latest"],
  ])("%s", (_by, provider, model, id) => expect(modelInfoOf({ provider, model })?.id).toBe(id));

  test.each([
    ["", "openai", ""],
    ["a number that is no date", "openai", "gpt-5-2025"],
    ["a date alone", "openai", "-2025-08-07"],
    ["another spelling", "openai", "GPT-5"],
    ["a maker before it", "openai", "openai/gpt-5"],
  ])("nothing else: %s", (_by, provider, model) => expect(modelInfoOf({ provider, model })).toBeUndefined());
});

describe.each(Object.entries(MODELS))("the list of %s", (provider, rows) => {
  test("has every model once", () => {
    expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
  });

  test.each(rows.map(({ id }) => id))("%s: every fact has a source, and is no nonsense", (id) => {
    const info = modelInfoOf({ provider, model: id });
    const { provider: _provider, id: _id, sources = {}, prices, ...facts } = info ?? {};
    for (const name of Object.keys({ ...facts, ...prices })) {
      const stated = sources[name as keyof typeof sources] ?? [];
      expect(stated.length, name).toBeGreaterThan(0);
      for (const { date } of stated) expect(date).toMatch(/^2026-\d\d-\d\d$/);
    }
    if (!prices) return;
    const { input, output, cachedInput = input, cacheWrite = input, cacheWriteHour = cacheWrite } = prices;
    expect(input).toBeGreaterThan(0);
    expect(output).toBeGreaterThan(input);
    expect(cachedInput).toBeLessThanOrEqual(input);
    expect(cacheWrite).toBeGreaterThanOrEqual(input);
    expect(cacheWriteHour).toBeGreaterThanOrEqual(cacheWrite);
  });
});

test("the list is what the script writes", ({ skip }) => {
  if (!existsSync(COLLECTION)) skip("the list of models (../shared/wire) is not beside this checkout");
  const folder = mkdtempSync(join(tmpdir(), "cloudllm-models-"));
  try {
    const script = fileURLToPath(new URL("../../scripts/models.mjs", import.meta.url));
    execFileSync(process.execPath, [script, fileURLToPath(COLLECTION), join(folder, "data.ts")]);
    const committed = new URL("../../src/models/data.ts", import.meta.url);
    expect(readFileSync(join(folder, "data.ts"), "utf8")).toBe(readFileSync(committed, "utf8"));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("every source is used", () => {
  const facts = Object.values(MODELS).flatMap((rows) => rows.flatMap(({ id: _id, ...row }) => Object.values(row)));
  const used = new Set(facts.flatMap(([, letters]) => [...letters]));
  expect(Object.keys(SOURCES).filter((letter) => !used.has(letter))).toEqual([]);
});

test("the list says what the collection says that it was written from", ({ skip }) => {
  if (!existsSync(COLLECTION)) skip("the list of models (../shared/wire) is not beside this checkout");
  const collection = JSON.parse(readFileSync(COLLECTION, "utf8")) as Collection;
  const names: Readonly<Record<string, string>> = {
    openai: "openai",
    anthropic: "anthropic",
    google: "gemini",
    xai: "xai",
  };
  let compared = 0;
  for (const [provider, models] of Object.entries(collection.providers)) {
    for (const { id, contextWindow, maxOutput, price } of models) {
      const info = modelInfoOf({ provider: names[provider] ?? "", model: id });
      if (!info || !price || isYounger(info)) continue;
      compared += 1;
      expect(info.contextWindow, id).toBe(contextWindow?.value);
      expect(info.maxOutputTokens, id).toBe(maxOutput?.value);
      expect(info.prices, id).toMatchObject({ input: price.input.value, output: price.output.value });
      // A snapshot that differs from its family in what is read from the cache alone has no row of its own.
      if (info.id === id) expect(info.prices?.cachedInput, id).toBe(price.cachedInput?.value);
    }
  }
  expect(compared).toBeGreaterThan(60);
});

/** Whether a list of prices is younger than the collection, and takes its place. */
function isYounger({ sources }: ModelInfo): boolean {
  return sources.input?.every(({ date }) => date > "2026-11-24") ?? false;
}

interface Collection {
  readonly providers: Readonly<
    Record<
      string,
      readonly {
        readonly id: string;
        readonly contextWindow?: { readonly value: number };
        readonly maxOutput?: { readonly value: number };
        readonly price?: Readonly<Record<"input" | "output", { readonly value: number }>> & {
          readonly cachedInput?: { readonly value: number };
        };
      }[]
    >
  >;
}
