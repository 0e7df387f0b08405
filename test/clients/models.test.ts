/** Model ids: typed suggestions, each once, each known to the list of models beside the project where there is one. */

import { existsSync, readFileSync } from "node:fs";
import { ClaudeModel, GeminiModel, GrokModel, OpenAIModel, type OpenAIModelId } from "cloudllm";
import { expect, test } from "vitest";

const LIST = new URL("../../../shared/wire/models.json", import.meta.url);
const IDS = [OpenAIModel, ClaudeModel, GeminiModel, GrokModel].flatMap((models) => Object.values(models));

test("names are those of the Rust library", () => {
  expect(OpenAIModel).toMatchObject({
    GPT5Nano: "gpt-5-nano",
    GPT4oMini: "gpt-4o-mini",
    O3: "o3",
    GPT56Sol: "gpt-5.6-sol",
  });
  expect(ClaudeModel).toMatchObject({ ClaudeHaiku45: "claude-haiku-4-5", ClaudeOpus5: "claude-opus-5" });
  expect(GeminiModel).toMatchObject({ Gemini25Pro: "gemini-2.5-pro", Gemini35FlashLite: "gemini-3.5-flash-lite" });
  expect(GrokModel).toMatchObject({ Grok43: "grok-4.3", GrokBuild01: "grok-build-0.1" });
});

test("any other id is accepted", () => {
  const id: OpenAIModelId = "gpt-of-tomorrow";
  expect(id).toBe("gpt-of-tomorrow");
});

test("no id stands twice", () => expect(new Set(IDS).size).toBe(IDS.length));

test.skipIf(!existsSync(LIST))(
  `every id is in the list of models${existsSync(LIST) ? "" : " (../shared/wire is not beside this checkout)"}`,
  () => {
    const { providers, newerThanSnapshots } = JSON.parse(readFileSync(LIST, "utf8")) as {
      providers: Record<string, { id: string }[]>;
      newerThanSnapshots: { id: string }[];
    };
    const known = new Set([...Object.values(providers).flat(), ...newerThanSnapshots].map(({ id }) => id));
    expect(IDS.filter((id) => !known.has(id))).toEqual([]);
  },
);
