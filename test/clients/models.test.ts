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
import { modelInfoOf } from "../../src/models/index.ts";

const MODELS = { OpenAIModel, ClaudeModel, GeminiModel, GrokModel };
const PROVIDERS: Readonly<Record<string, string>> = {
  OpenAIModel: "openai",
  ClaudeModel: "anthropic",
  GeminiModel: "gemini",
  GrokModel: "xai",
};
const KNOWN = new URL("../../../shared/wire/models.json", import.meta.url);
/** What came later. */
const LATER = new URL("../../../shared/wire/models-2026-11-29.md", import.meta.url);
const SOURCE = readFileSync(new URL("../../src/clients/models.ts", import.meta.url), "utf8");
/** The day of the lists. */
const LISTED = "2026-11-29";
/** Ids that fail: misspelt, made up, or shut down before the Rust library's last list. */
const DEAD = [
  ["o4-mini-high", "gpt-5.5-mini", "gpt-5.5-nano", "gpt-5-codex-mini", "o1-preview", "o1-mini", "gpt-4.5-preview"],
  ["claude-haiku-3-5-haiku-latest", "claude-sonnet-3-7-sonnet-latest", "claude-sonnet-4-0", "claude-opus-4-0"],
  ["gemini-2.5-pro-latest", "gemini-2.5-flash-latest", "gemini-3-pro-preview"],
  [
    "grok-4-fast-nonreasoning",
    "grok-3",
    "grok-4",
    "grok-4-latest",
    "grok-4-0709",
    "grok-code-fast-1",
    "grok-build-0.1",
  ],
].flat();

test.each([
  [OpenAIModel.GPT5Nano, "gpt-5-nano"],
  [OpenAIModel.GPT6Luna, "gpt-6-luna"],
  [OpenAIModel.GPT61Terra, "gpt-6.1-terra"],
  [OpenAIModel.GPT56Sol, "gpt-5.6-sol"],
  [OpenAIModel.GPT4oMini, "gpt-4o-mini"],
  [OpenAIModel.O3, "o3"],
  [ClaudeModel.ClaudeOpus5, "claude-opus-5"],
  [ClaudeModel.ClaudeHaiku45, "claude-haiku-4-5"],
  [ClaudeModel.ClaudeHaiku55, "claude-haiku-5-5"],
  [ClaudeModel.ClaudeFable52, "claude-fable-5-2"],
  [GeminiModel.Gemini4Hydrogen, "gemini-4-hydrogen"],
  [GeminiModel.Gemini35FlashLite, "gemini-3.5-flash-lite"],
  [GrokModel.Grok43, "grok-4.3"],
])("%s is %s", (actual, expected) => expect(actual).toBe(expected));

test("what the collection has for Responses alone is said to be so", ({ skip }) => {
  if (!existsSync(KNOWN)) skip("the list of models (../shared/wire) is not beside this checkout");
  const { openai } = (JSON.parse(readFileSync(KNOWN, "utf8")) as Collection).providers;
  const isForResponsesAlone = ({ inUnions = [] }: Listed) =>
    inUnions.length > 0 && inUnions.every((union) => union.includes("Responses"));
  const ids = openai.filter(isForResponsesAlone).map(({ id }) => id);
  const names = Object.entries<string>(OpenAIModel).flatMap(([name, id]) => (ids.includes(id) ? [name] : []));
  const said = /`(.*)` answer over Responses only/
    .exec(SOURCE)?.[1]
    ?.split(/\W+/)
    .filter((word) => word !== "and");
  expect(said?.sort()).toEqual(names.sort());
});

interface Listed {
  readonly id: string;
  readonly inUnions?: readonly string[];
}

interface Collection {
  readonly providers: { readonly openai: readonly Listed[] };
}

describe.each(Object.entries(MODELS))("%s", (list, models) => {
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

  test("an editor shows when a model stops, or that it has", () => {
    for (const id of Object.values<string>(models)) {
      const day = modelInfoOf({ provider: PROVIDERS[list] ?? "", model: id })?.retired;
      const note =
        day === undefined
          ? ""
          : day > LISTED
            ? `/** Shuts down on ${day}. */`
            : `/** @deprecated Shut down on ${day}. */`;
      const [, said = ""] = new RegExp(`(/\\*\\*.*\\*/)?\\n  \\w+: "${id}",`).exec(SOURCE) ?? [];
      expect(said, id).toBe(note);
    }
  });

  test("every id is one that a provider or its SDK lists", ({ skip }) => {
    if (!existsSync(KNOWN)) skip("the list of models (../shared/wire) is not beside this checkout");
    const known = readFileSync(KNOWN, "utf8");
    const later = existsSync(LATER) ? readFileSync(LATER, "utf8") : "";
    for (const id of Object.values<string>(models)) {
      expect(known.includes(`"id": "${id}"`) || later.includes(`\`${id}\``), id).toBe(true);
    }
  });
});

test("any other string is an id too, and the known ones complete", () => {
  expectTypeOf<"my-fine-tune">().toExtend<OpenAIModelId & ClaudeModelId & GeminiModelId & GrokModelId>();
  expectTypeOf(OpenAIModel.GPT5Nano).toEqualTypeOf<"gpt-5-nano">();
});
