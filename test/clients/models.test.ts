/** Model ids: what they are called, and that they are ids. */

import { existsSync, readFileSync } from "node:fs";
import { describe, expect, expectTypeOf, test } from "vitest";
import {
  ClaudeModel,
  type ClaudeModelId,
  GeminiModel,
  type GeminiModelId,
  GrokModel,
  type GrokModelId,
  OpenAIModel,
  type OpenAIModelId,
} from "../../src/clients/models.ts";

const MODELS = { OpenAIModel, ClaudeModel, GeminiModel, GrokModel };
const KNOWN = new URL("../../../shared/wire/models.json", import.meta.url);
/** Ids that the Rust library listed and that fail: misspelt, made up, or retired by xAI. */
const DEAD = [
  ["o4-mini-high", "gpt-5.5-mini", "gpt-5.5-nano", "gpt-5-codex-mini"],
  ["claude-haiku-3-5-haiku-latest", "claude-sonnet-3-7-sonnet-latest"],
  ["gemini-2.5-pro-latest", "gemini-2.5-flash-latest"],
  ["grok-4-fast-nonreasoning", "grok-3", "grok-4-0709", "grok-code-fast-1"],
].flat();

test.each([
  [OpenAIModel.GPT5Nano, "gpt-5-nano"],
  [OpenAIModel.GPT56Sol, "gpt-5.6-sol"],
  [OpenAIModel.GPT4oMini, "gpt-4o-mini"],
  [OpenAIModel.O3, "o3"],
  [ClaudeModel.ClaudeOpus5, "claude-opus-5"],
  [ClaudeModel.ClaudeHaiku45, "claude-haiku-4-5"],
  [GeminiModel.Gemini35FlashLite, "gemini-3.5-flash-lite"],
  [GrokModel.Grok43, "grok-4.3"],
])("%s is %s", (actual, expected) => expect(actual).toBe(expected));

describe.each(Object.entries(MODELS))("%s", (_name, models) => {
  test("names say what the ids say", () => {
    for (const [name, id] of Object.entries(models)) {
      // The original leaves out Anthropic's `.0`.
      expect([id, id.replace(/-0$/, "")].map((text) => text.replace(/[-.]/g, ""))).toContain(name.toLowerCase());
    }
  });

  test("no id is there twice, and none that is known to fail", () => {
    const ids: string[] = Object.values(models);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => DEAD.includes(id))).toEqual([]);
  });

  test("every id is one that a provider or its SDK lists", ({ skip }) => {
    if (!existsSync(KNOWN)) skip("the list of models (../shared/wire) is not beside this checkout");
    const known = readFileSync(KNOWN, "utf8");
    for (const id of Object.values<string>(models)) {
      expect(known).toContain(`"id": "${id}"`);
    }
  });
});

test("any other string is an id too, and the known ones complete", () => {
  expectTypeOf<"my-fine-tune">().toExtend<OpenAIModelId & ClaudeModelId & GeminiModelId & GrokModelId>();
  expectTypeOf(OpenAIModel.GPT5Nano).toEqualTypeOf<"gpt-5-nano">();
});
