/** What goes out to OpenAI and xAI over Responses: every option and attachment as it is taken, or refused before anything is sent. */

import type { ContentPart, Message, SendOptions } from "cloudllm";
import { describe, expect, test } from "vitest";
import { openaiCapabilitiesOf } from "../../src/protocols/capabilities/openai.ts";
import { xaiCapabilitiesOf } from "../../src/protocols/capabilities/xai.ts";
import { type ClientName, useRequestRecorder } from "../support/sent-requests.ts";

const recorder = useRequestRecorder();

const HI: Message = { role: "user", content: "hi" };
const LOOK = { name: "look", description: "Looks.", parameters: { type: "object", properties: { at: {} } } };
const GPT = "gpt-4.1";
const GROK = "grok-4.6";

async function bodyOf(client: ClientName, model: string, options: SendOptions, messages: readonly Message[] = [HI]) {
  return (await recorder.sent(client, model, messages, options)).body;
}

/** Refused before anything is sent, by name; left out when the caller says so. */
async function expectRefusal(client: ClientName, model: string, options: SendOptions, name: RegExp) {
  const before = recorder.requests.length;
  const failure = bodyOf(client, model, options);
  await expect(failure).rejects.toMatchObject({ kind: "unsupported", model });
  await expect(failure).rejects.toThrow(name);
  expect(recorder.requests).toHaveLength(before);
  return bodyOf(client, model, { ...options, unsupported: "ignore" });
}

test("nothing is kept at the server, nothing is sent that was not asked for", async () => {
  const messages: Message[] = [{ role: "system", content: "Be brief." }, { role: "system", content: "Be kind." }, HI];
  const { path, headers, body } = await recorder.sent("openai", GPT, messages);
  expect(path).toBe("/v1/responses");
  expect(headers).toMatchObject({ authorization: "Bearer k" });
  expect(body).toEqual({
    model: GPT,
    instructions: "Be brief.\n\nBe kind.",
    input: [{ role: "user", content: "hi" }],
    stream: true,
    stream_options: { include_obfuscation: false },
    store: false,
  });
  expect(await bodyOf("grok", GROK, {})).toEqual({
    model: GROK,
    input: [{ role: "user", content: "hi" }],
    stream: true,
    store: false,
    include: ["reasoning.encrypted_content"],
  });
});

test("options are named as the wire names them", async () => {
  const body = await bodyOf("openai", GPT, {
    maxOutputTokens: 99,
    temperature: 0.5,
    topP: 0.9,
    tools: [LOOK, { name: "now" }],
    toolChoice: { name: "look" },
    promptCache: { key: "c1" },
    metadata: { team: "a" },
  });
  expect(body).toMatchObject({
    max_output_tokens: 99,
    temperature: 0.5,
    top_p: 0.9,
    tools: [
      // Left out, `strict` would make what is optional required.
      { type: "function", name: "look", description: "Looks.", parameters: LOOK.parameters, strict: false },
      { type: "function", name: "now", strict: false },
    ],
    tool_choice: { type: "function", name: "look" },
    prompt_cache_key: "c1",
    metadata: { team: "a" },
  });
});

test.each(["auto", "none", "required"] as const)("a tool choice of %s", async (toolChoice) => {
  expect((await bodyOf("openai", GPT, { tools: [LOOK], toolChoice })).tool_choice).toBe(toolChoice);
});

test.each(["openai", "grok"] as const)("a tool choice without tools, which %s refuses, stays out", async (client) => {
  expect(await bodyOf(client, GPT, { toolChoice: "none" })).not.toHaveProperty("tool_choice");
  const own = { tools: [{ type: "code_interpreter" }] };
  expect(await bodyOf(client, GPT, { toolChoice: "none", providerOptions: own })).toMatchObject({
    tool_choice: "none",
  });
});

test("providerOptions win, field by field", async () => {
  const body = await bodyOf("openai", "gpt-5", {
    reasoning: "low",
    providerOptions: {
      reasoning: { summary: "detailed" },
      text: { verbosity: "low" },
      store: true,
      include: undefined,
    },
  });
  expect(body).toMatchObject({
    reasoning: { effort: "low", summary: "detailed" },
    text: { verbosity: "low" },
    store: true,
  });
  expect(body).not.toHaveProperty("include");
});

test("xAI's tools are described without what it refuses, a property of that name is kept", async () => {
  const closed = { type: "object", additionalProperties: false };
  const parameters = {
    ...closed,
    properties: { a: { ...closed, properties: {} }, additionalProperties: { const: { additionalProperties: false } } },
    required: ["a"],
  };
  const due = {
    type: "object",
    properties: {
      a: { type: "object", properties: {} },
      additionalProperties: { const: { additionalProperties: false } },
    },
    required: ["a"],
  };
  const options = { tools: [{ name: "look", parameters }] };
  expect((await bodyOf("grok", GROK, options)).tools).toEqual([{ type: "function", name: "look", parameters: due }]);
  expect((await bodyOf("grok chat", GROK, options)).tools).toEqual([
    { type: "function", function: { name: "look", parameters: due } },
  ]);
  expect((await bodyOf("openai", GPT, options)).tools).toMatchObject([{ parameters: closed }]);
});

describe("a model's name decides whether it thinks, and how the amount is sent", () => {
  const levels = ["low", "medium", "high"];
  const toXhigh = [...levels, "xhigh"];
  const toMax = [...toXhigh, "max"];
  test.each<[string, string, readonly string[]]>([
    ["gpt-4o-mini", "never", []],
    ["gpt-4.1", "never", []],
    ["gpt-5-chat-latest", "never", []],
    ["o1", "unasked", levels],
    ["o4-mini", "unasked", levels],
    ["gpt-5", "unasked", levels],
    ["gpt-5-nano-2025-08-07", "unasked", levels],
    ["gpt-5-pro", "unasked", levels],
    ["gpt-5.1", "asked", ["none", ...levels]],
    ["gpt-5.1-codex-max", "unasked", levels],
    ["gpt-5.2-chat-latest", "unasked", levels],
    ["gpt-5.2-pro", "unasked", levels],
    ["gpt-5.4", "asked", ["none", ...toXhigh]],
    ["gpt-5.4-pro", "unasked", toXhigh],
    ["gpt-5.5", "unasked", ["none", ...toXhigh]],
    ["gpt-5.5-pro", "unasked", toXhigh],
    ["gpt-5.6-sol", "unasked", ["none", ...toMax]],
    ["gpt-6-sol", "unasked", ["none", ...toMax]],
    ["gpt-6.1-terra", "unasked", ["none", ...toMax]],
    ["gpt-6-astra", "unasked", toMax],
    ["gpt-6.1-sol", "unasked", toMax],
    ["gpt-6.2-astra", "unasked", toMax],
    ["my-deployment", "unknown", ["none", ...levels]],
  ])("%s", (model, reasons, efforts) => expect(openaiCapabilitiesOf(model)).toEqual({ reasons, efforts }));

  test.each<[string, string, readonly string[]]>([
    ["grok-3", "never", []],
    ["grok-3-mini", "unasked", ["low", "high"]],
    ["grok-4.20-non-reasoning", "never", []],
    ["grok-4.20-reasoning", "unasked", []],
    ["grok-4.20-multi-agent", "unasked", levels],
    ["grok-4", "unasked", []],
    ["grok-4.3", "unasked", ["none", ...levels]],
    ["grok-4.5", "unasked", levels],
    ["grok-4.7", "unasked", toXhigh],
    ["grok-latest", "unasked", levels],
  ])("%s", (model, reasons, efforts) => expect(xaiCapabilitiesOf(model)).toEqual({ reasons, efforts }));
});

describe("reasoning is asked for in each model's way", () => {
  test.each<[ClientName, string, SendOptions, object | undefined]>([
    ["openai", "gpt-5", { reasoning: "low" }, { effort: "low", summary: "auto" }],
    ["openai", "gpt-5.1", { reasoning: "none" }, { effort: "none" }],
    ["openai", GPT, { reasoning: "none" }, undefined],
    ["openai", "gpt-5", {}, undefined],
    ["grok", "grok-4.3", { reasoning: "none" }, { effort: "none" }],
    ["grok", GROK, { reasoning: "high" }, { effort: "high" }],
    ["grok", "grok-3-mini", { reasoning: "low" }, { effort: "low" }],
  ])("%s %s %j", async (client, model, options, due) => {
    const { reasoning, include } = await bodyOf(client, model, options);
    expect(reasoning).toEqual(due);
    expect(include).toEqual(model === GPT ? undefined : ["reasoning.encrypted_content"]);
  });

  test.each<[ClientName, string, SendOptions, RegExp]>([
    ["openai", GPT, { reasoning: "low" }, /`reasoning`/],
    ["openai", "gpt-5", { reasoning: "none" }, /`reasoning: "none"`/],
    ["openai", "gpt-6.2-sol", { reasoning: "none" }, /`reasoning: "none"`/],
    ["openai", "gpt-5", { reasoning: { maxTokens: 500 } }, /`reasoning\.maxTokens`/],
    ["grok", GROK, { reasoning: "none" }, /`reasoning: "none"`/],
    ["grok", "grok-3-mini", { reasoning: "medium" }, /`reasoning: "medium"`/],
    ["grok", "grok-4.20-reasoning", { reasoning: "low" }, /`reasoning: "low"`/],
    ["grok", "grok-4.20-non-reasoning", { reasoning: "low" }, /`reasoning`/],
  ])("%s %s %j cannot be said", async (client, model, options, name) => {
    expect(await expectRefusal(client, model, options, name)).not.toHaveProperty("reasoning");
  });
});

describe("what a provider or a model lacks is refused by name, or left out", () => {
  test.each<[string, ClientName, string, SendOptions, RegExp, string]>([
    ["texts to stop at", "openai", GPT, { stop: ["a"] }, /`stop`/, "stop"],
    ["a seed", "openai", GPT, { seed: 1 }, /`seed`/, "seed"],
    ["warmth while it thinks", "openai", "gpt-5", { temperature: 0 }, /`temperature`/, "temperature"],
    [
      "warmth of GPT-6, thinking or not",
      "openai",
      "gpt-6-luna",
      { temperature: 0, reasoning: "none" },
      /`temperature`/,
      "temperature",
    ],
    ["topP of GPT-6, thinking or not", "openai", "gpt-6.1-terra", { topP: 0.5, reasoning: "none" }, /`topP`/, "top_p"],
    ["topP while it thinks", "openai", "gpt-5.1", { topP: 0.5, reasoning: "low" }, /`topP`/, "top_p"],
    [
      "a time for the cache",
      "openai",
      GPT,
      { promptCache: { ttl: "1h" } },
      /`promptCache\.ttl`/,
      "prompt_cache_options",
    ],
    ["no cache", "openai", GPT, { promptCache: false }, /`promptCache: false`/, "prompt_cache_options"],
    ["labels at xAI", "grok", GROK, { metadata: { a: "b" } }, /`metadata`/, "metadata"],
    ["stopping at xAI", "grok", GROK, { stop: ["a"] }, /`stop`/, "stop"],
    ["a forced search at xAI", "grok", GROK, { search: { mode: "on" } }, /`search\.mode: "on"`/, "tool_choice"],
    [
      "a search and a choice",
      "openai",
      GPT,
      { search: { mode: "on" }, tools: [LOOK], toolChoice: "required" },
      /`search\.mode: "on"`/,
      "seed",
    ],
  ])("%s", async (_name, client, model, options, name, leftOut) => {
    expect(await expectRefusal(client, model, options, name)).not.toHaveProperty(leftOut);
  });

  test("sampling goes to a model that need not think, and to xAI's", async () => {
    expect(await bodyOf("openai", "gpt-5.1", { temperature: 0 })).toMatchObject({ temperature: 0 });
    expect(await bodyOf("openai", "gpt-5.5", { temperature: 0, reasoning: "none" })).toMatchObject({ temperature: 0 });
    expect(await bodyOf("grok", GROK, { temperature: 0 })).toMatchObject({ temperature: 0 });
  });

  test("a model that cannot stop thinking takes no sampling where that wish is left out", async () => {
    const options = { temperature: 0, topP: 0.5, reasoning: "none", unsupported: "ignore" } as const;
    for (const [client, model] of [
      ["openai", "gpt-5"],
      ["openai chat", "gpt-5"],
      ["openai chat", "o3"],
    ] as const) {
      const body = await bodyOf(client, model, options);
      for (const name of ["temperature", "top_p", "reasoning", "reasoning_effort"])
        expect(body).not.toHaveProperty(name);
    }
  });

  test("less output than OpenAI takes is a mistake", async () => {
    const failure = bodyOf("openai", GPT, { maxOutputTokens: 15 });
    await expect(failure).rejects.toMatchObject({ kind: "invalidRequest", message: expect.stringMatching(/16/) });
    expect(await bodyOf("grok", GROK, { maxOutputTokens: 1 })).toMatchObject({ max_output_tokens: 1 });
  });
});

describe("search is a tool of the provider's", () => {
  const web = { type: "web_search" };
  test.each<[string, ClientName, SendOptions["search"], readonly object[] | undefined, object | undefined]>([
    ["OpenAI's, at the model's choice", "openai", {}, [web], undefined],
    ["demanded", "openai", { mode: "on" }, [web], web],
    ["forbidden", "openai", { mode: "off", maxResults: 1 }, undefined, undefined],
    [
      "of some domains",
      "openai",
      { allowedDomains: ["a.com"] },
      [{ ...web, filters: { allowed_domains: ["a.com"] } }],
      undefined,
    ],
    [
      "from a country",
      "openai",
      { country: "de" },
      [{ ...web, user_location: { type: "approximate", country: "DE" } }],
      undefined,
    ],
    ["xAI's", "grok", {}, [web], undefined],
    ["of some domains", "grok", { allowedDomains: ["a.com"] }, [{ ...web, allowed_domains: ["a.com"] }], undefined],
    ["without some", "grok", { blockedDomains: ["a.com"] }, [{ ...web, excluded_domains: ["a.com"] }], undefined],
    ["of posts and pages", "grok", { sources: ["web", "x"] }, [web, { type: "x_search" }], undefined],
    [
      "of posts between two days",
      "grok",
      { sources: ["x"], fromDate: "2026-01-01", toDate: "2026-02-01" },
      [{ type: "x_search", from_date: "2026-01-01", to_date: "2026-02-01" }],
      undefined,
    ],
  ])("%s (%s)", async (_name, client, search, due, choice) => {
    const body = await bodyOf(client, client === "grok" ? GROK : GPT, { search });
    expect(body.tools).toEqual(due);
    expect(body.tool_choice).toEqual(choice);
    if (client === "openai") expect(body.include).toEqual(due && ["web_search_call.action.sources"]);
  });

  const six = ["a.com", "b.com", "c.com", "d.com", "e.com", "f.com"];
  test.each<[ClientName, SendOptions["search"], RegExp, readonly object[]]>([
    ["openai", { maxResults: 3 }, /`search\.maxResults`/, [web]],
    ["openai", { fromDate: "2026-01-01" }, /`search\.fromDate`/, [web]],
    ["openai", { toDate: "2026-01-01" }, /`search\.toDate`/, [web]],
    ["openai", { blockedDomains: ["a.com"] }, /`search\.blockedDomains`/, [web]],
    ["openai", { sources: ["news"] }, /`search\.sources`/, [web]],
    ["openai", { citations: false }, /`search\.citations: false`/, [web]],
    ["grok", { maxResults: 3 }, /`search\.maxResults`/, [web]],
    ["grok", { country: "DE" }, /`search\.country`/, [web]],
    ["grok", { sources: ["web", "news"] }, /`search\.sources`/, [web]],
    ["grok", { fromDate: "2026-01-01" }, /`search\.fromDate`/, [web]],
    ["grok", { toDate: "2026-01-01" }, /`search\.toDate`/, [web]],
    ["grok", { sources: ["x"], allowedDomains: ["a.com"] }, /`search\.allowedDomains`/, [{ type: "x_search" }]],
    ["grok", { allowedDomains: six }, /`search\.allowedDomains`/, [{ ...web, allowed_domains: six.slice(0, 5) }]],
    ["grok", { citations: false }, /`search\.citations: false`/, [web]],
  ])("%s cannot say %j", async (client, search, name, due) => {
    const body = await expectRefusal(client, client === "grok" ? GROK : GPT, { search }, name);
    expect(body.tools).toEqual(due);
  });
});

describe("an attachment goes in the form of Responses", () => {
  const data = new Uint8Array([1, 2, 3]);
  test.each<[string, ContentPart, object]>([
    [
      "an image's bytes",
      { type: "image", data, mediaType: "image/png" },
      { type: "input_image", image_url: "data:image/png;base64,AQID" },
    ],
    [
      "an image by URL",
      { type: "image", url: "https://a.com/b.png" },
      { type: "input_image", image_url: "https://a.com/b.png" },
    ],
    ["an image by id", { type: "image", fileId: "file-1" }, { type: "input_image", file_id: "file-1" }],
    [
      "an image given as a file",
      { type: "file", data: "AQID", mediaType: "image/jpeg" },
      { type: "input_image", image_url: "data:image/jpeg;base64,AQID" },
    ],
    [
      "a PDF's bytes",
      { type: "file", data, mediaType: "application/pdf", filename: "a.pdf" },
      { type: "input_file", filename: "a.pdf", file_data: "data:application/pdf;base64,AQID" },
    ],
    [
      "a file by URL",
      { type: "file", url: "https://a.com/b.pdf" },
      { type: "input_file", file_url: "https://a.com/b.pdf" },
    ],
    ["a file by id", { type: "file", fileId: "file-1" }, { type: "input_file", file_id: "file-1" }],
  ])("%s", async (_name, part, due) => {
    const { input } = await bodyOf("openai", GPT, {}, [{ role: "user", content: [part, { type: "text", text: "?" }] }]);
    expect(input).toEqual([{ role: "user", content: [due, { type: "input_text", text: "?" }] }]);
  });

  test.each<[string, ContentPart, RegExp]>([
    ["a sound", { type: "file", data, mediaType: "audio/wav" }, /sound/],
    ["a film", { type: "file", data, mediaType: "video/mp4" }, /video/],
    ["an image of another kind", { type: "image", data, mediaType: "image/tiff" }, /image\/tiff/],
  ])("%s is refused before anything is sent", async (_name, part, name) => {
    const before = recorder.requests.length;
    const failure = bodyOf("openai", GPT, {}, [{ role: "user", content: [part] }]);
    await expect(failure).rejects.toMatchObject({ kind: "unsupported", provider: "openai" });
    await expect(failure).rejects.toThrow(name);
    expect(recorder.requests).toHaveLength(before);
  });

  test("xAI takes files by address or id, not by their bytes", async () => {
    const pdf: ContentPart = { type: "file", data, mediaType: "application/pdf" };
    const failure = bodyOf("grok", GROK, {}, [{ role: "user", content: [pdf] }]);
    await expect(failure).rejects.toMatchObject({
      kind: "unsupported",
      message: expect.stringMatching(/by URL or file id/),
    });
    const byUrl: ContentPart = { type: "file", url: "https://a.com/b.pdf" };
    const { input } = await bodyOf("grok", GROK, {}, [{ role: "user", content: [byUrl] }]);
    expect(input).toEqual([{ role: "user", content: [{ type: "input_file", file_url: "https://a.com/b.pdf" }] }]);
  });

  test.each([
    ["an image", "o3-mini", { type: "image", url: "https://a.com/b.png" }],
    ["a file", "gpt-3.5-turbo", { type: "file", fileId: "file-1" }],
  ] as const)("%s is refused for %s, which reads text alone", async (_name, model, part) => {
    const failure = bodyOf("openai", model, {}, [{ role: "user", content: [part] }]);
    await expect(failure).rejects.toMatchObject({ kind: "unsupported", model });
    await expect(failure).rejects.toThrow(model);
  });
});
