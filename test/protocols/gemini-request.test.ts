/** What goes out to Gemini: every option and attachment as `generateContent` takes it, or refused before anything is sent. */

import type { ContentPart, Message, SendOptions } from "cloudllm";
import { describe, expect, test } from "vitest";
import { geminiCapabilitiesOf } from "../../src/protocols/capabilities/gemini.ts";
import { useRequestRecorder } from "../support/sent-requests.ts";

const recorder = useRequestRecorder();

const HI: Message = { role: "user", content: "hi" };
const LOOK = { name: "look", description: "Looks.", parameters: { type: "object", properties: { at: {} } } };
const FLASH = "gemini-2.5-flash";
const FLASH_3 = "gemini-3.5-flash";

async function bodyOf(options: SendOptions, model: string = FLASH, messages: readonly Message[] = [HI]) {
  return (await recorder.sent("gemini", model, messages, options)).body;
}

async function configOf(options: SendOptions, model?: string) {
  return (await bodyOf(options, model)).generationConfig ?? {};
}

/** Refused before anything is sent, by name; left out when the caller says so. */
async function expectRefusal(options: SendOptions, model: string, name: RegExp) {
  const before = recorder.requests.length;
  const failure = bodyOf(options, model);
  await expect(failure).rejects.toMatchObject({ kind: "unsupported", provider: "gemini", model });
  await expect(failure).rejects.toThrow(name);
  expect(recorder.requests).toHaveLength(before);
  return bodyOf({ ...options, unsupported: "ignore" }, model);
}

test("nothing is sent that was not asked for, and the key stays out of the address", async () => {
  const { path, headers, body } = await recorder.sent("gemini", FLASH, [{ role: "system", content: "Be brief." }, HI]);
  expect(path).toBe("/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse");
  expect(headers).toMatchObject({ "x-goog-api-key": "k" });
  expect(headers).not.toHaveProperty("authorization");
  expect(body).toEqual({
    systemInstruction: { parts: [{ text: "Be brief." }] },
    contents: [{ role: "user", parts: [{ text: "hi" }] }],
  });
});

test.each([
  ["models/gemini-2.5-flash", "/v1beta/models/gemini-2.5-flash:"],
  ["tunedModels/mine", "/v1beta/tunedModels/mine:"],
])("a model named %s is not put in a folder twice", async (model, due) => {
  expect((await recorder.sent("gemini", model, [HI])).path).toContain(due);
});

test("options are named as the wire names them", async () => {
  const body = await bodyOf({
    maxOutputTokens: 99,
    temperature: 0.5,
    topP: 0.9,
    stop: ["END"],
    seed: 7,
    tools: [LOOK, { name: "now" }],
    toolChoice: { name: "look" },
    promptCache: true,
  });
  expect(body).toMatchObject({
    generationConfig: { maxOutputTokens: 99, temperature: 0.5, topP: 0.9, stopSequences: ["END"], seed: 7 },
    tools: [
      {
        functionDeclarations: [
          { name: "look", description: "Looks.", parametersJsonSchema: { type: "object", properties: { at: {} } } },
          { name: "now" },
        ],
      },
    ],
    toolConfig: { functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["look"] } },
  });
  expect(JSON.stringify(body)).not.toContain('"parameters"');
});

test.each([
  ["auto", "AUTO"],
  ["none", "NONE"],
  ["required", "ANY"],
] as const)("a tool choice of %s", async (toolChoice, mode) => {
  expect((await bodyOf({ tools: [LOOK], toolChoice })).toolConfig).toEqual({ functionCallingConfig: { mode } });
});

test("a tool choice without functions, which the server refuses, stays out", async () => {
  expect(await bodyOf({ toolChoice: "none" })).not.toHaveProperty("toolConfig");
  expect(await bodyOf({ toolChoice: "none", search: {} })).not.toHaveProperty("toolConfig");
});

test("providerOptions win, field by field", async () => {
  const body = await bodyOf({
    temperature: 0.5,
    seed: 1,
    providerOptions: { generationConfig: { topK: 40, seed: 2 }, safetySettings: [{ category: "c", threshold: "OFF" }] },
  });
  expect(body).toMatchObject({
    generationConfig: { temperature: 0.5, topK: 40, seed: 2 },
    safetySettings: [{ category: "c", threshold: "OFF" }],
  });
});

describe("a model's name decides its family", () => {
  test.each([
    ["gemini-2.0-flash", { thinking: "none", combinesTools: false }],
    ["gemini-2.5-flash-lite-preview-09-2025", { thinking: "budget", canStopThinking: true, wantsSignatures: false }],
    ["models/gemini-2.5-pro", { thinking: "budget", canStopThinking: false }],
    ["gemini-3-pro-preview", { thinking: "level", canStopThinking: false, wantsSignatures: true }],
    ["gemini-3.1-pro-preview-customtools", { thinking: "level", canStopThinking: false }],
    ["gemini-3.7-flash", { thinking: "level", canStopThinking: false }],
    ["gemini-3.8-flash", { thinking: "level", canStopThinking: false }],
    ["gemini-3.5-flash-lite", { thinking: "level", canStopThinking: true, combinesTools: true }],
    ["gemini-flash-latest", { thinking: "level", canStopThinking: true, wantsSignatures: true }],
    ["gemini-4-argon", { thinking: "level", canStopThinking: false, takesSampling: false }],
    ["gemma-3-27b-it", { thinking: "none", wantsSignatures: false, takesSampling: true }],
  ] as const)("%s", (model, due) => expect(geminiCapabilitiesOf(model)).toMatchObject(due));
});

describe("reasoning is asked for in each model's way", () => {
  test.each<[string, string, SendOptions["reasoning"], object]>([
    ["a budget by level", FLASH, "low", { includeThoughts: true, thinkingBudget: 2_048 }],
    ["a greater one", FLASH, "high", { includeThoughts: true, thinkingBudget: 24_576 }],
    ["a budget given", FLASH, { maxTokens: 700 }, { includeThoughts: true, thinkingBudget: 700 }],
    ["none", FLASH, "none", { thinkingBudget: 0 }],
    ["a level", FLASH_3, "medium", { includeThoughts: true, thinkingLevel: "MEDIUM" }],
    ["as little as can be", FLASH_3, "none", { thinkingLevel: "MINIMAL" }],
    ["a level of the newest", "gemini-4-argon", "high", { includeThoughts: true, thinkingLevel: "HIGH" }],
  ])("%s", async (_name, model, reasoning, due) => {
    expect(await configOf({ reasoning }, model)).toEqual({ thinkingConfig: due });
  });

  test("nothing unasked, nor where there is none", async () => {
    expect(await configOf({})).toEqual({});
    expect(await configOf({ reasoning: "none" }, "gemini-2.0-flash")).toEqual({});
  });

  test.each<[string, string, SendOptions, RegExp]>([
    ["never", "gemini-2.0-flash", { reasoning: "low" }, /`reasoning`/],
    ["by no budget", FLASH_3, { reasoning: { maxTokens: 2_000 } }, /`reasoning\.maxTokens`/],
    ["always: 2.5 Pro", "gemini-2.5-pro", { reasoning: "none" }, /`reasoning: "none"`/],
    ["always: 3.1 Pro", "gemini-3.1-pro-preview", { reasoning: "none" }, /`reasoning: "none"`/],
    ["always: 4", "gemini-4-argon", { reasoning: "none" }, /`reasoning: "none"`/],
  ])("%s, and says so", async (_name, model, options, name) => {
    expect(JSON.stringify(await expectRefusal(options, model, name))).not.toContain("thinkingConfig");
  });
});

describe("what a model lacks is refused by name, or left out", () => {
  test.each<[string, string, SendOptions, RegExp, string]>([
    ["warmth of a model that chooses itself", "gemini-4-argon", { temperature: 0 }, /`temperature`/, "temperature"],
    ["topP of one", "gemini-4-argon", { topP: 0.5 }, /`topP`/, "topP"],
    ["a sixth text to stop at", FLASH, { stop: ["a", "b", "c", "d", "e", "f"] }, /5 strings in `stop`/, '"f"'],
    ["labels", FLASH, { metadata: { team: "a" } }, /`metadata`/, "metadata"],
    ["a key for the cache", FLASH, { promptCache: { key: "c" } }, /`promptCache\.key`/, "cache"],
    ["a time for the cache", FLASH, { promptCache: { ttl: "1h" } }, /`promptCache\.ttl`/, "cache"],
    ["no cache", FLASH, { promptCache: false }, /`promptCache: false`/, "cache"],
    ["a search that must be", FLASH, { search: { mode: "on" } }, /`search\.mode: "on"`/, "toolConfig"],
    ["a number of results", FLASH, { search: { maxResults: 3 } }, /`search\.maxResults`/, "max"],
    ["some domains", FLASH, { search: { allowedDomains: ["a.com"] } }, /`search\.allowedDomains`/, "a.com"],
    ["without some", FLASH, { search: { blockedDomains: ["a.com"] } }, /`search\.blockedDomains`/, "a.com"],
    ["a country", FLASH, { search: { country: "DE" } }, /`search\.country`/, "DE"],
    ["news", FLASH, { search: { sources: ["news"] } }, /`search\.sources`/, "news"],
    ["no citations", FLASH, { search: { citations: false } }, /`search\.citations: false`/, "citations"],
    ["search next to functions", FLASH, { search: {}, tools: [LOOK] }, /`search` together with/, "googleSearch"],
  ])("%s", async (_name, model, options, name, leftOut) => {
    expect(JSON.stringify(await expectRefusal(options, model, name))).not.toContain(leftOut);
  });

  test("search next to an output", async () => {
    const failure = bodyOf({ search: {}, output: { type: "object" } });
    await expect(failure).rejects.toMatchObject({
      kind: "unsupported",
      message: expect.stringMatching(/`search` together with/),
    });
  });
});

describe("search is Google's", () => {
  test.each<[string, SendOptions["search"], readonly object[] | undefined]>([
    ["at the model's choice", {}, [{ googleSearch: {} }]],
    ["as it is by itself", { mode: "auto", sources: ["web"], citations: true }, [{ googleSearch: {} }]],
    ["forbidden", { mode: "off", maxResults: 3 }, undefined],
    [
      "between two days",
      { fromDate: "2026-01-01", toDate: "2026-02-28" },
      [{ googleSearch: { timeRangeFilter: { startTime: "2026-01-01T00:00:00Z", endTime: "2026-03-01T00:00:00Z" } } }],
    ],
    [
      "from a day on: both ends must be given",
      { fromDate: "2026-01-01" },
      [{ googleSearch: { timeRangeFilter: { startTime: "2026-01-01T00:00:00Z", endTime: "2100-01-01T00:00:00Z" } } }],
    ],
    [
      "up to a day",
      { toDate: "2026-12-31" },
      [{ googleSearch: { timeRangeFilter: { startTime: "1990-01-01T00:00:00Z", endTime: "2027-01-01T00:00:00Z" } } }],
    ],
  ])("%s", async (_name, search, due) => expect((await bodyOf({ search })).tools).toEqual(due));

  test("together with functions newer models are asked to show both", async () => {
    expect(await bodyOf({ search: {}, tools: [LOOK], toolChoice: "auto" }, FLASH_3)).toMatchObject({
      tools: [{ functionDeclarations: [{ name: "look" }] }, { googleSearch: {} }],
      toolConfig: { functionCallingConfig: { mode: "VALIDATED" }, includeServerSideToolInvocations: true },
    });
  });
});

describe("an attachment goes in Gemini's form", () => {
  const data = new Uint8Array([1, 2, 3]);
  test.each<[string, ContentPart, object]>([
    [
      "an image's bytes",
      { type: "image", data, mediaType: "image/png" },
      { inlineData: { mimeType: "image/png", data: "AQID" } },
    ],
    [
      "a sound in base64",
      { type: "file", data: "AQID", mediaType: "audio/ogg" },
      { inlineData: { mimeType: "audio/ogg", data: "AQID" } },
    ],
    [
      "a PDF",
      { type: "file", data, mediaType: "application/pdf", filename: "a.pdf" },
      { inlineData: { mimeType: "application/pdf", data: "AQID" } },
    ],
    [
      "an image by URL",
      { type: "image", url: "https://a.com/b.PNG?c" },
      { fileData: { mimeType: "image/png", fileUri: "https://a.com/b.PNG?c" } },
    ],
    [
      "a file by URL and type",
      { type: "file", url: "https://a.com/b", mediaType: "video/mp4" },
      { fileData: { mimeType: "video/mp4", fileUri: "https://a.com/b" } },
    ],
    [
      "a film",
      { type: "file", url: "https://www.youtube.com/watch?v=x" },
      { fileData: { fileUri: "https://www.youtube.com/watch?v=x" } },
    ],
    [
      "an uploaded file by address",
      { type: "file", fileId: "https://g/v1beta/files/abc" },
      { fileData: { fileUri: "https://g/v1beta/files/abc" } },
    ],
  ])("%s", async (_name, part, due) => {
    const { contents } = await bodyOf({}, FLASH, [{ role: "user", content: [part, { type: "text", text: "?" }] }]);
    expect(contents).toEqual([{ role: "user", parts: [due, { text: "?" }] }]);
  });

  test("an uploaded file by name gets its address", async () => {
    const part: ContentPart = { type: "file", fileId: "files/abc", mediaType: "application/pdf" };
    const { contents } = await bodyOf({}, FLASH, [{ role: "user", content: [part] }]);
    expect(contents).toMatchObject([
      {
        parts: [
          { fileData: { mimeType: "application/pdf", fileUri: expect.stringMatching(/^http.*\/v1beta\/files\/abc$/) } },
        ],
      },
    ]);
  });

  test.each<[string, ContentPart, object]>([
    [
      "an image of another kind",
      { type: "image", data, mediaType: "image/svg+xml" },
      { kind: "unsupported", message: /svg/ },
    ],
    [
      "an address without a type",
      { type: "file", url: "https://a.com/b" },
      { kind: "invalidRequest", message: /mediaType/ },
    ],
  ])("%s is refused before anything is sent", async (_name, part, due) => {
    const before = recorder.requests.length;
    await expect(bodyOf({}, FLASH, [{ role: "user", content: [part] }])).rejects.toMatchObject(due);
    expect(recorder.requests).toHaveLength(before);
  });
});
