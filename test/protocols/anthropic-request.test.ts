/** What goes out to Anthropic: every option and attachment as Messages takes it, or refused before anything is sent. */

import type { ContentPart, Message, SendOptions } from "cloudllm";
import { describe, expect, test } from "vitest";
import { claudeCapabilitiesOf } from "../../src/protocols/capabilities/claude.ts";
import { useRequestRecorder } from "../support/sent-requests.ts";

const recorder = useRequestRecorder();

const HI: Message = { role: "user", content: "hi" };
const LOOK = { name: "look", description: "Looks.", parameters: { type: "object", properties: { at: {} } } };
const SONNET = "claude-sonnet-4-5";

async function bodyOf(options: SendOptions, model: string = SONNET, messages: readonly Message[] = [HI]) {
  return (await recorder.sent("claude", model, messages, options)).body;
}

/** Refused before anything is sent, by name; left out when the caller says so. */
async function expectRefusal(options: SendOptions, model: string, name: RegExp) {
  const before = recorder.requests.length;
  const failure = bodyOf(options, model);
  await expect(failure).rejects.toMatchObject({ kind: "unsupported", provider: "anthropic", model });
  await expect(failure).rejects.toThrow(name);
  expect(recorder.requests).toHaveLength(before);
  return bodyOf({ ...options, unsupported: "ignore" }, model);
}

test("nothing is sent that was not asked for, but the limit that Anthropic demands and its version", async () => {
  const { path, headers, body } = await recorder.sent("claude", SONNET, [HI]);
  expect(path).toBe("/v1/messages");
  expect(headers).toMatchObject({ "x-api-key": "k", "anthropic-version": "2023-06-01" });
  expect(headers).not.toHaveProperty("authorization");
  expect(headers).not.toHaveProperty("anthropic-beta");
  expect(body).toEqual({
    model: SONNET,
    max_tokens: 64_000,
    messages: [{ role: "user", content: [{ type: "text", text: "hi" }] }],
    stream: true,
  });
});

test("options are named as the wire names them", async () => {
  const body = await bodyOf({
    maxOutputTokens: 99,
    temperature: 0.5,
    stop: ["END"],
    tools: [LOOK, { name: "now" }],
    toolChoice: { name: "look" },
    metadata: { user_id: "u1" },
  });
  expect(body).toMatchObject({
    max_tokens: 99,
    temperature: 0.5,
    stop_sequences: ["END"],
    tools: [
      { name: "look", description: "Looks.", input_schema: { type: "object", properties: { at: {} } } },
      { name: "now", input_schema: { type: "object", properties: {} } },
    ],
    tool_choice: { type: "tool", name: "look" },
    metadata: { user_id: "u1" },
  });
});

test.each([
  ["auto", { type: "auto" }],
  ["none", { type: "none" }],
  ["required", { type: "any" }],
] as const)("a tool choice of %s", async (toolChoice, due) => {
  expect((await bodyOf({ tools: [LOOK], toolChoice })).tool_choice).toEqual(due);
});

test("a tool choice without tools, which the server refuses, stays out", async () => {
  expect(await bodyOf({ toolChoice: "none" })).not.toHaveProperty("tool_choice");
  const own = { tools: [{ type: "bash_20250124", name: "bash" }] };
  expect(await bodyOf({ toolChoice: "none", providerOptions: own })).toMatchObject({ tool_choice: { type: "none" } });
});

test("providerOptions win, field by field", async () => {
  const body = await bodyOf({
    tools: [LOOK],
    toolChoice: "auto",
    providerOptions: { tool_choice: { disable_parallel_tool_use: true }, service_tier: "auto", max_tokens: 7 },
  });
  expect(body).toMatchObject({
    tool_choice: { type: "auto", disable_parallel_tool_use: true },
    service_tier: "auto",
    max_tokens: 7,
  });
});

describe("a model's name decides its family", () => {
  test.each([
    ["claude-3-haiku-20240307", { maxOutputTokens: 4_096, thinking: "none" }],
    ["claude-3-5-sonnet-20241022", { maxOutputTokens: 8_192, thinking: "none", takesSampling: true }],
    ["claude-3-7-sonnet-20250219", { maxOutputTokens: 64_000, thinking: "budget" }],
    ["claude-3-7-sonnet-latest", { maxOutputTokens: 64_000, thinking: "budget" }],
    ["claude-sonnet-4-20250514", { maxOutputTokens: 64_000, thinking: "budget" }],
    ["claude-sonnet-4-0", { maxOutputTokens: 64_000, thinking: "budget", takesOutputFormat: false }],
    ["claude-opus-4-1-20250805", { maxOutputTokens: 32_000, thinking: "budget", takesOutputFormat: true }],
    ["claude-opus-4-5", { maxOutputTokens: 64_000, thinking: "budget", takesBothSamplings: false }],
    ["claude-haiku-4-5@20251001", { maxOutputTokens: 64_000, thinking: "budget" }],
    ["us.anthropic.claude-sonnet-4-6-v1:0", { maxOutputTokens: 128_000, thinking: "either", takesSampling: true }],
    [
      "claude-opus-4-7",
      { maxOutputTokens: 128_000, thinking: "adaptive", takesSampling: false, thinksByDefault: false },
    ],
    [
      "claude-opus-5",
      { thinksByDefault: true, stopsThinking: "disabled", takesForcedTool: true, bindsThinking: false },
    ],
    ["claude-opus-5-fast", { thinking: "adaptive", thinksByDefault: true, stopsThinking: "disabled" }],
    ["claude-sonnet-5-20260630", { thinksByDefault: true, stopsThinking: "disabled", prefill: "refused" }],
    ["claude-fable-5", { thinksByDefault: true, stopsThinking: "never", takesForcedTool: false, bindsThinking: false }],
    ["claude-fable-5-1", { stopsThinking: "never", takesForcedTool: false, bindsThinking: true }],
    ["claude-mythos-preview", { thinksByDefault: true, stopsThinking: "never", takesForcedTool: false }],
    ["claude-opus-5-5", { stopsThinking: "never", takesForcedTool: false, bindsThinking: true, prefill: "refused" }],
    ["anthropic.claude-opus-5-5-v1:0", { stopsThinking: "never", takesForcedTool: false, bindsThinking: true }],
    ["claude-sonnet-5.5", { stopsThinking: "between_tools", takesForcedTool: false, bindsThinking: true }],
    ["claude-haiku-5-5", { stopsThinking: "disabled", takesForcedTool: true, bindsThinking: true }],
    ["claude-haiku-6", { stopsThinking: "never", takesForcedTool: false, bindsThinking: true }],
    ["claude-sonnet-9", { maxOutputTokens: 128_000, thinking: "adaptive", stopsThinking: "never" }],
    ["claude-opus-5-10", { stopsThinking: "never", takesForcedTool: false }],
    ["claude-next", { maxOutputTokens: 128_000, stopsThinking: "never", takesForcedTool: false, takesSampling: false }],
    ["someone-elses", { maxOutputTokens: 8_192, thinking: "budget", takesSampling: true }],
  ] as const)("%s", (model, due) => expect(claudeCapabilitiesOf(model)).toMatchObject(due));
});

describe("reasoning is asked for in each model's way", () => {
  const OFF = { thinking: { type: "disabled" } };

  test.each<[string, string, SendOptions, object]>([
    ["a budget by level", SONNET, { reasoning: "low" }, { thinking: { type: "enabled", budget_tokens: 4_096 } }],
    ["a greater one", SONNET, { reasoning: "high" }, { thinking: { type: "enabled", budget_tokens: 32_768 } }],
    ["a budget given", SONNET, { reasoning: { maxTokens: 2_000 } }, { thinking: { budget_tokens: 2_000 } }],
    [
      "a budget that leaves room for the answer",
      SONNET,
      { reasoning: "high", maxOutputTokens: 4_000 },
      { max_tokens: 4_000, thinking: { budget_tokens: 3_744 } },
    ],
    [
      "as the model sees fit",
      "claude-opus-4-7",
      { reasoning: "medium" },
      { thinking: { type: "adaptive", display: "summarized" }, output_config: { effort: "medium" } },
    ],
    ["either way: a level", "claude-sonnet-4-6", { reasoning: "low" }, { output_config: { effort: "low" } }],
    [
      "either way: a budget",
      "claude-sonnet-4-6",
      { reasoning: { maxTokens: 1_024 } },
      { thinking: { type: "enabled" } },
    ],
    ["off where it is on", "claude-opus-5", { reasoning: "none" }, OFF],
    ["off at models of other vendors, which think by default", "deepseek-v4-pro", { reasoning: "none" }, OFF],
    ["off at a newer one", "claude-haiku-5-5", { reasoning: "none" }, OFF],
    ["off between tools only", "claude-sonnet-5-5", { reasoning: "none" }, { thinking: { type: "between_tools" } }],
    ["beyond high", "claude-opus-4-7", { reasoning: "xhigh" }, { output_config: { effort: "xhigh" } }],
    ["as much as there is", "claude-sonnet-5", { reasoning: "max" }, { output_config: { effort: "max" } }],
    ["beyond high where only max is", "claude-opus-4-6", { reasoning: "xhigh" }, { output_config: { effort: "high" } }],
    ["max at 4.6", "claude-opus-4-6", { reasoning: "max" }, { output_config: { effort: "max" } }],
    ["max where budgets are", SONNET, { reasoning: "max" }, { thinking: { budget_tokens: 32_768 } }],
  ])("%s", async (_name, model, options, due) => expect(await bodyOf(options, model)).toMatchObject(due));

  test.each([
    ["not off where it is off", SONNET, { reasoning: "none" }],
    ["not at all unasked", "claude-opus-4-8", {}],
  ] as const)("%s", async (_name, model, options) => {
    expect(await bodyOf(options, model)).not.toHaveProperty("thinking");
  });

  // Between two calls these models say what they do as thinking alone, which is empty at the API's default.
  test.each([
    "claude-sonnet-5",
    "claude-opus-5-5",
    "claude-sonnet-5-5",
    "claude-haiku-5-5",
    "claude-fable-5-1",
    "claude-new",
  ])("a loop of tools does not go silent at %s", async (model) => {
    expect((await bodyOf({}, model)).thinking).toEqual({ type: "adaptive", display: "summarized" });
    const shown = { thinking: { display: "omitted" } };
    expect((await bodyOf({ providerOptions: shown }, model)).thinking).toEqual({
      type: "adaptive",
      display: "omitted",
    });
    const own = { thinking: { type: "between_tools" } };
    expect((await bodyOf({ providerOptions: own }, model)).thinking).toEqual({ type: "between_tools" });
  });

  test.each<[string, string, SendOptions, RegExp]>([
    ["never", "claude-3-5-haiku-latest", { reasoning: "low" }, /`reasoning`/],
    ["by no budget", "claude-opus-4-7", { reasoning: { maxTokens: 2_000 } }, /`reasoning\.maxTokens`/],
    ["always", "claude-fable-5", { reasoning: "none" }, /`reasoning: "none"`/],
    ["always, since 5.5", "claude-opus-5-5", { reasoning: "none" }, /`reasoning: "none"`/],
  ])("%s, and says so", async (_name, model, options, name) => {
    const { thinking = { type: "adaptive" } } = await expectRefusal(options, model, name);
    expect(thinking).toMatchObject({ type: "adaptive" }); // as if nothing had been said
  });

  test.each([
    ["below the smallest", { reasoning: { maxTokens: 1_000 } }],
    ["that takes all output", { reasoning: { maxTokens: 5_000 }, maxOutputTokens: 5_000 }],
    ["in too little output", { reasoning: "low", maxOutputTokens: 1_000 }],
  ] as const)("a budget %s is a mistake", async (_name, options) => {
    await expect(bodyOf(options)).rejects.toMatchObject({ kind: "invalidRequest", message: /budget/ });
  });
});

describe("what a model lacks is refused by name, or left out", () => {
  test.each<[string, string, SendOptions, RegExp, readonly string[]]>([
    ["a seed", SONNET, { seed: 1 }, /`seed`/, ["seed"]],
    ["too warm", SONNET, { temperature: 1.5 }, /`temperature`/, ["temperature"]],
    ["warmth of a model that chooses itself", "claude-opus-4-7", { temperature: 0 }, /`temperature`/, ["temperature"]],
    ["topP of one", "claude-opus-5", { topP: 0.5 }, /`topP`/, ["top_p"]],
    ["warmth while it thinks", SONNET, { temperature: 0, reasoning: "low" }, /`temperature`/, ["temperature"]],
    ["a narrow topP while it thinks", SONNET, { topP: 0.5, reasoning: "low" }, /`topP`/, ["top_p"]],
    ["both samplings", SONNET, { temperature: 0.5, topP: 0.5 }, /`topP` together with `temperature`/, ["top_p"]],
    ["white space to stop at", SONNET, { stop: ["\n"] }, /`stop`/, ["stop_sequences"]],
    ["other labels", SONNET, { metadata: { team: "a" } }, /`metadata\.team`/, ["metadata"]],
    ["a key for the cache", SONNET, { promptCache: { key: "c" } }, /`promptCache\.key`/, []],
    [
      "a forced call next to a budget",
      SONNET,
      { tools: [LOOK], toolChoice: "required", reasoning: "low" },
      /`toolChoice`/,
      ["tool_choice"],
    ],
    [
      "a forced call",
      "claude-fable-5",
      { tools: [LOOK], toolChoice: { name: "look" } },
      /`toolChoice`/,
      ["tool_choice"],
    ],
    [
      "a forced call, since 5.1",
      "claude-fable-5-1",
      { tools: [LOOK], toolChoice: "required" },
      /toolChoice/,
      ["tool_choice"],
    ],
    [
      "a forced call, since 5.5",
      "claude-opus-5-5",
      { tools: [LOOK], toolChoice: "required" },
      /toolChoice/,
      ["tool_choice"],
    ],
    ["a search at a newer one", "claude-sonnet-5-5", { search: { mode: "on" } }, /search\.mode/, ["tool_choice"]],
    ["a narrow topP at 5.5", "claude-haiku-5-5", { topP: 0.995 }, /`topP`/, ["top_p"]],
    ["a number of results", SONNET, { search: { maxResults: 3 } }, /`search\.maxResults`/, []],
    ["a first day", SONNET, { search: { fromDate: "2026-01-01" } }, /`search\.fromDate`/, []],
    ["a last day", SONNET, { search: { toDate: "2026-01-01" } }, /`search\.toDate`/, []],
    ["posts", SONNET, { search: { sources: ["x"] } }, /`search\.sources`/, []],
    ["no citations", SONNET, { search: { citations: false } }, /`search\.citations: false`/, []],
    [
      "a search next to a budget",
      SONNET,
      { search: { mode: "on" }, reasoning: "low" },
      /`search\.mode: "on"`/,
      ["tool_choice"],
    ],
    [
      "a search and a choice",
      SONNET,
      { search: { mode: "on" }, tools: [LOOK], toolChoice: "auto" },
      /`search\.mode: "on"`/,
      [],
    ],
  ])("%s", async (_name, model, options, name, leftOut) => {
    const body = await expectRefusal(options, model, name);
    for (const field of leftOut) expect(body).not.toHaveProperty(field);
  });

  test("a temperature of 1 and a topP of 1 are what every model does", async () => {
    expect(await bodyOf({ temperature: 1 }, "claude-opus-5")).toMatchObject({ temperature: 1 });
    expect(await bodyOf({ topP: 1 }, "claude-opus-5")).toMatchObject({ top_p: 1 });
    expect(await bodyOf({ topP: 0.99 }, "claude-haiku-5-5")).toMatchObject({ top_p: 0.99 });
    expect(await bodyOf({ topP: 1 }, "claude-haiku-5-5")).not.toHaveProperty("top_p"); // refused there, and the default
  });

  test("a forced call goes with the newest Haiku", async () => {
    const body = await bodyOf({ tools: [LOOK], toolChoice: "required" }, "claude-haiku-5-5");
    expect(body.tool_choice).toEqual({ type: "any" });
  });

  test.each([
    ["a model that refuses it", "claude-opus-5-5", {}],
    ["thinking", SONNET, { reasoning: "low" }],
  ] as const)("the beginning of an answer does not go to %s", async (_name, model, options) => {
    const begun: readonly Message[] = [HI, { role: "assistant", content: "{" }];
    await expect(bodyOf(options, model, begun)).rejects.toMatchObject({ kind: "unsupported" });
    const body = await bodyOf({ ...options, unsupported: "ignore" }, model, begun);
    expect(body.messages).toEqual([{ role: "user", content: [{ type: "text", text: "hi" }] }]);
    expect((await bodyOf({}, SONNET, begun)).messages).toHaveLength(2);
  });
});

describe("search is a tool of Anthropic's", () => {
  const tool = { type: "web_search_20250305", name: "web_search" };
  test.each<[string, SendOptions["search"], object | undefined, object | undefined]>([
    ["at the model's choice", {}, tool, undefined],
    ["demanded", { mode: "on" }, tool, { type: "tool", name: "web_search" }],
    ["forbidden", { mode: "off", maxResults: 3 }, undefined, undefined],
    ["of some domains", { allowedDomains: ["a.com"] }, { ...tool, allowed_domains: ["a.com"] }, undefined],
    ["without some", { blockedDomains: ["a.com"] }, { ...tool, blocked_domains: ["a.com"] }, undefined],
    [
      "from a country",
      { country: "de", sources: ["web"], citations: true },
      { ...tool, user_location: { type: "approximate", country: "DE" } },
      undefined,
    ],
  ])("%s", async (_name, search, due, choice) => {
    const body = await bodyOf({ search });
    expect(body.tools).toEqual(due && [due]);
    expect(body.tool_choice).toEqual(choice);
  });

  test("next to the caller's own", async () => {
    expect(await bodyOf({ search: {}, tools: [LOOK] })).toMatchObject({ tools: [{ name: "look" }, tool] });
  });
});

describe("the prompt cache is marked", () => {
  const messages: readonly Message[] = [
    { role: "system", content: "Be brief." },
    { role: "system", content: "Be kind." },
    HI,
    { role: "assistant", content: "a" },
    { role: "user", content: "b" },
    { role: "assistant", content: "c" },
    {
      role: "user",
      content: [
        { type: "text", text: "d" },
        { type: "text", text: "e" },
      ],
    },
  ];

  test.each([
    ["for five minutes", true, { type: "ephemeral" }],
    ["for an hour", { ttl: "1h" }, { type: "ephemeral", ttl: "1h" }],
  ] as const)(
    "%s, in four places: system, tools, and the last two turns of the user",
    async (_name, promptCache, mark) => {
      const body = await bodyOf({ promptCache, tools: [LOOK, { name: "now" }] }, SONNET, messages);
      expect(body.system).toEqual([
        { type: "text", text: "Be brief." },
        { type: "text", text: "Be kind.", cache_control: mark },
      ]);
      expect(body.tools).toMatchObject([{ name: "look" }, { name: "now", cache_control: mark }]);
      expect((body.messages as object[]).slice(-3)).toEqual([
        { role: "user", content: [{ type: "text", text: "b", cache_control: mark }] },
        { role: "assistant", content: [{ type: "text", text: "c" }] },
        {
          role: "user",
          content: [
            { type: "text", text: "d" },
            { type: "text", text: "e", cache_control: mark },
          ],
        },
      ]);
      expect(JSON.stringify(body).match(/cache_control/g)).toHaveLength(4);
    },
  );

  test.each([[false], [undefined]])("or not: %s", async (promptCache) => {
    expect(JSON.stringify(await bodyOf({ promptCache }, SONNET, messages))).not.toContain("cache_control");
  });
});

describe("an attachment goes in Anthropic's form", () => {
  const data = new Uint8Array([1, 2, 3]);
  test.each<[string, ContentPart, object]>([
    [
      "an image's bytes",
      { type: "image", data, mediaType: "image/png" },
      { type: "image", source: { type: "base64", media_type: "image/png", data: "AQID" } },
    ],
    [
      "an image in base64",
      { type: "image", data: "AQID", mediaType: "image/webp" },
      { type: "image", source: { type: "base64", media_type: "image/webp", data: "AQID" } },
    ],
    [
      "an image by URL",
      { type: "image", url: "https://a.com/b.png" },
      { type: "image", source: { type: "url", url: "https://a.com/b.png" } },
    ],
    [
      "an image by id",
      { type: "image", fileId: "file_1" },
      { type: "image", source: { type: "file", file_id: "file_1" } },
    ],
    [
      "an image given as a file",
      { type: "file", data, mediaType: "image/png" },
      { type: "image", source: { type: "base64", media_type: "image/png", data: "AQID" } },
    ],
    [
      "a PDF's bytes",
      { type: "file", data, mediaType: "application/pdf", filename: "a.pdf" },
      { type: "document", source: { type: "base64", media_type: "application/pdf", data: "AQID" }, title: "a.pdf" },
    ],
    [
      "a PDF by URL",
      { type: "file", url: "https://a.com/b.pdf" },
      { type: "document", source: { type: "url", url: "https://a.com/b.pdf" } },
    ],
    [
      "a document by id",
      { type: "file", fileId: "file_1", filename: "a.pdf" },
      { type: "document", source: { type: "file", file_id: "file_1" }, title: "a.pdf" },
    ],
    [
      "plain text",
      { type: "file", data: new TextEncoder().encode("Größe"), mediaType: "text/markdown" },
      { type: "document", source: { type: "text", media_type: "text/plain", data: "Größe" } },
    ],
    [
      "plain text in base64",
      { type: "file", data: "R3LDtsOfZQ==", mediaType: "text/plain" },
      { type: "document", source: { type: "text", media_type: "text/plain", data: "Größe" } },
    ],
  ])("%s", async (_name, part, due) => {
    const { messages } = await bodyOf({}, SONNET, [{ role: "user", content: [part, { type: "text", text: "?" }] }]);
    expect(messages).toEqual([{ role: "user", content: [due, { type: "text", text: "?" }] }]);
  });

  test("files by id need a beta, next to those of the caller", async () => {
    const messages: Message[] = [{ role: "user", content: [{ type: "file", fileId: "file_1" }] }];
    const plain = await recorder.sent("claude", SONNET, messages);
    expect(plain.headers["anthropic-beta"]).toBe("files-api-2025-04-14");
    const more = await recorder.sent("claude", SONNET, messages, { headers: { "Anthropic-Beta": "x" } });
    expect(more.headers["anthropic-beta"]).toBe("files-api-2025-04-14,x");
  });

  test.each<[string, ContentPart, RegExp]>([
    ["a sound", { type: "file", data, mediaType: "audio/wav" }, /audio\/wav/],
    ["a table", { type: "file", data, mediaType: "application/vnd.ms-excel" }, /vnd\.ms-excel/],
    ["text by URL", { type: "file", url: "https://a.com/b.txt", mediaType: "text/plain" }, /by URL/],
    ["an image of another kind", { type: "image", data, mediaType: "image/tiff" }, /image\/tiff/],
  ])("%s is refused before anything is sent", async (_name, part, name) => {
    const before = recorder.requests.length;
    const failure = bodyOf({}, SONNET, [{ role: "user", content: [part] }]);
    await expect(failure).rejects.toMatchObject({ kind: "unsupported", provider: "anthropic" });
    await expect(failure).rejects.toThrow(name);
    expect(recorder.requests).toHaveLength(before);
  });
});
