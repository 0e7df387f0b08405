/** `useChat` of the AI SDK: each part that a relay sends, each end, and each request, as each version takes it. */

import { aiSdk, memoryLog, type RelayOptions } from "cloudllm/server";
import { describe, expect } from "vitest";
import type { AssistantMessage, MessageChunk, ToolCall } from "../../src/index.ts";
import { Gate } from "../../src/testing/index.ts";
import { aiSdkVersions, type PageView, partsOf, until, useAiSdk } from "../support/ai-sdk.ts";
import { type ChunksReply, chunk, chunksClient, text } from "../support/chunks-client.ts";
import { relaySite } from "../support/relay-site.ts";

type Options = Omit<RelayOptions, "client">;

const OPEN: Options = {
  authorize: "public",
  dialect: aiSdk,
  expose: { reasoning: true, providerTools: true },
  onError: () => undefined,
};

const think = (reasoning: string) => chunk("reasoning", { reasoning });
const delta = (argumentsDelta: string, id = "c1", index = 0) =>
  chunk("toolCallDelta", { index, id, name: "weather", argumentsDelta });
const called = (args: unknown, id = "c1"): MessageChunk =>
  chunk("toolCall", { toolCall: { id, name: "weather", arguments: args } as ToolCall });
const answered = (result: string, fields: object = {}, toolCallId = "c1"): MessageChunk =>
  chunk("toolResult", { toolCallId, name: "weather", result, isError: false, ...fields });
const broken = new Error("broken");

/** Parts, the chunks from which a relay makes them, and what the page shows of the message behind its `step-start`. */
const PARTS: readonly (readonly [part: string, reply: ChunksReply, shown: readonly object[]])[] = [
  [
    "text-start, text-delta, text-end",
    [text("One "), text("two"), think("Hm"), text("three")],
    [
      { type: "text", text: "One two", state: "done" },
      { type: "reasoning", text: "Hm", state: "done" },
      { type: "text", text: "three", state: "done" },
    ],
  ],
  [
    "text-delta with what a stream of events could be broken by",
    [text('\r\n\ndata: [DONE]\n\nid: 9\r: x\u2028"\\'), text("\ud83d"), text("\ude00\0")],
    [{ type: "text", text: '\r\n\ndata: [DONE]\n\nid: 9\r: x\u2028"\\\ud83d\ude00\0' }],
  ],
  [
    "reasoning-start, reasoning-delta, reasoning-end",
    [think("Well, "), think("yes")],
    [{ type: "reasoning", text: "Well, yes", state: "done" }],
  ],
  [
    "tool-input-start, tool-input-delta, tool-input-available",
    [delta('{"city":'), delta('"Oslo"}'), called({ city: "Oslo" }), answered('{"sky":"clear"}')],
    [{ type: "tool-weather", state: "output-available", input: { city: "Oslo" }, output: { sky: "clear" } }],
  ],
  [
    "tool-input-delta of two calls by turns",
    [
      delta('{"city":', "c1", 0),
      delta('{"city":', "c2", 1),
      delta('"Oslo"}', "c1", 0),
      delta('"Rome"}', "c2", 1),
      called({ city: "Oslo" }, "c1"),
      called({ city: "Rome" }, "c2"),
      answered("cold", {}, "c1"),
      answered("warm", {}, "c2"),
    ],
    [
      { toolCallId: "c1", input: { city: "Oslo" }, output: "cold" },
      { toolCallId: "c2", input: { city: "Rome" }, output: "warm" },
    ],
  ],
  ...(['""', "0", "false", "null", "[]", '{"a":null}', "12345678901234567890"] as const).map(
    (result): (typeof PARTS)[number] => [
      `tool-output-available with ${result}`,
      [called({}), answered(result)],
      [{ type: "tool-weather", state: "output-available", input: {}, output: JSON.parse(result) as unknown }],
    ],
  ),
  [
    "tool-output-available with text that is not JSON, and with none",
    [called({}, "c1"), called({}, "c2"), answered("cold", {}, "c1"), answered("", {}, "c2")],
    [{ output: "cold" }, { output: "" }],
  ],
  [
    "tool-output-error, in the relay's words",
    [called({}), answered("No such table: SECRET", { isError: true })],
    [{ type: "tool-weather", state: "output-error", errorText: "The tool failed." }],
  ],
  [
    "source-url with a title, and without",
    [chunk("citation", { url: "https://a.example/", title: "A" }), chunk("citation", { url: "https://b.example/" })],
    [
      { type: "source-url", url: "https://a.example/", title: "A" },
      { type: "source-url", url: "https://b.example/" },
    ],
  ],
  [
    "file with its bytes, and at an address",
    [
      chunk("media", { index: 0, data: "aGk=", mediaType: "image/png" }),
      chunk("media", { index: 1, url: "https://a.example/b.png", mediaType: "image/png" }),
    ],
    [
      { type: "file", url: "data:image/png;base64,aGk=", mediaType: "image/png" },
      { type: "file", url: "https://a.example/b.png", mediaType: "image/png" },
    ],
  ],
  [
    "providerExecuted and dynamic, of tools without an id, a value or arguments",
    [
      chunk("providerToolCall", { providerToolCall: { name: "search" } }),
      chunk("providerToolCall", { providerToolCall: { name: "search", result: [1] } }),
      chunk("providerToolCall", { providerToolCall: { name: "search", result: { code: 4 }, isError: true } }),
    ],
    [
      { type: "dynamic-tool", toolName: "search", state: "output-available", input: {}, output: null },
      { type: "dynamic-tool", toolName: "search", state: "output-available", output: [1] },
      { type: "dynamic-tool", toolName: "search", state: "output-error", errorText: '{"code":4}' },
    ],
  ],
];

const NOT_COMPLETED = "This call was not completed.";
const NO_RESULT = "The reply ended before this call had a result.";

/** Replies that break, and what the page shows of them. */
const BROKEN: readonly (readonly [part: string, reply: ChunksReply, shown: readonly object[]])[] = [
  [
    "tool-input-error ends a call whose arguments stop in the middle",
    [text("I look."), delta('{"city":"Os'), broken],
    [
      { type: "text", state: "done" },
      { type: "tool-weather", toolCallId: "c1", state: "output-error", errorText: NOT_COMPLETED },
    ],
  ],
  [
    "tool-input-error ends a call whose arguments have not begun",
    [delta(""), broken],
    [{ type: "tool-weather", state: "output-error", errorText: NOT_COMPLETED }],
  ],
  [
    "tool-input-error ends each of several, and no complete one",
    [called({}, "c0"), answered("cold", {}, "c0"), delta('{"', "c1", 0), delta("", "c2", 1), broken],
    [
      { toolCallId: "c0", state: "output-available", output: "cold" },
      { type: "step-start" },
      { toolCallId: "c1", state: "output-error" },
      { toolCallId: "c2", state: "output-error" },
    ],
  ],
  [
    "tool-input-error ends a call whose arguments are not JSON",
    [delta("{oops"), called("{oops")],
    [{ type: "tool-weather", state: "output-error", errorText: NOT_COMPLETED }],
  ],
  [
    "tool-output-error ends a call without a result",
    [called({ city: "Oslo" }), broken],
    [{ type: "tool-weather", state: "output-error", input: { city: "Oslo" }, errorText: NO_RESULT }],
  ],
  ["reasoning-end ends thinking", [think("Hm"), broken], [{ type: "reasoning", text: "Hm", state: "done" }]],
];

describe.each(aiSdkVersions)("ai $title", (version) => {
  const { scene, open } = useAiSdk(version);

  async function shown(reply: ChunksReply, end: Partial<AssistantMessage> = {}): Promise<PageView> {
    await using site = await relaySite([], { ...OPEN, log: memoryLog(), client: chunksClient([reply], end) });
    const page = await open({ url: site.url });
    return await page.call("sendMessage", { text: "Hi" }); // before the relay ends
  }

  scene.each(PARTS)("%s", async (_part, reply, parts) => {
    const { status, error, messages } = await shown(reply);
    expect({ status, error }).toEqual({ status: "ready", error: undefined });
    expect(messages[1]?.parts[0]).toEqual({ type: "step-start" });
    expect(messages[1]?.parts.slice(1)).toMatchObject(parts);
    expect(messages[1]?.parts).toHaveLength(parts.length + 1);
  });

  scene.each(BROKEN)("%s", async (_part, reply, parts) => {
    const { status, messages } = await shown(reply);
    expect(status).toBe("error");
    expect(messages[1]?.parts.slice(1)).toMatchObject(parts);
    expect(partsOf(messages[1]).join()).not.toMatch(/streaming|input-available/);
  });

  scene("tool-input-delta shows arguments as they grow", async () => {
    const half = new Gate();
    const reply = [delta('{"city":"Os'), half, delta('lo"}'), called({ city: "Oslo" })];
    await using site = await relaySite([], {
      ...OPEN,
      log: memoryLog(),
      client: chunksClient([reply], { toolCalls: [{ id: "c1", name: "weather", arguments: { city: "Oslo" } }] }),
    });
    const page = await open({ url: site.url });
    await page.begin("sendMessage", { text: "Hi" });
    const isHalf = ({ messages }: PageView) => messages[1]?.parts[1]?.state === "input-streaming";
    const { messages } = await until(page, (view) => isHalf(view) && view.messages[1]?.parts[1]?.input !== undefined);
    expect(messages[1]?.parts[1]).toMatchObject({ input: { city: "Os" } });
    half.open();
    await until(page, ({ status }) => status === "ready");
  });

  scene("tool-input-error ends a call that the model took back, in the step of the call", async () => {
    const shows = new Gate();
    const reply = [delta('{"city":"Os'), shows, chunk("rewind", { length: 0, reasoningLength: 0 })];
    const loop = [...reply, called({}, "c2"), answered("cold", {}, "c2"), text("It is cold.")];
    await using site = await relaySite([], { ...OPEN, log: memoryLog(), client: chunksClient([loop]) });
    const page = await open({ url: site.url });
    await page.begin("sendMessage", { text: "Hi" });
    await until(page, ({ messages }) => messages[1]?.parts[1]?.toolCallId === "c1");
    shows.open();
    const { messages, error } = await until(page, ({ status }) => status === "ready" || status === "error");
    expect(error).toBeUndefined();
    expect(messages[1]?.parts.slice(1)).toMatchObject([
      { toolCallId: "c1", state: "output-error" },
      { toolCallId: "c2", state: "output-available" },
      { type: "step-start" },
      { type: "text", text: "It is cold." },
    ]);
  });

  scene("start and start-step come before the first word of the model", async () => {
    const first = new Gate();
    await using site = await relaySite([], {
      ...OPEN,
      log: memoryLog(),
      client: chunksClient([[first, text("Hello")]]),
    });
    const page = await open({ url: site.url });
    await page.begin("sendMessage", { text: "Hi" });
    const { messages } = await until(page, (view) => view.messages.length === 2);
    first.open();
    const end = await until(page, ({ status }) => status === "ready");
    expect([messages[1]?.role, messages[1]?.id]).toEqual(["assistant", end.messages[1]?.id]);
  });

  scene.each([
    ["stop", "stop"],
    ["length", "length"],
    ["toolCalls", "tool-calls"],
    ["contentFilter", "content-filter"],
    ["refusal", "content-filter"],
    ["budget", "length"],
    ["interrupted", "other"],
    ["unknown", "other"],
  ] as const)("finish of a reply that ended with %s is one that the version knows", async (finishReason, sent) => {
    const { status, error, finishes } = await shown([text("Hello")], { finishReason });
    expect({ status, error }).toEqual({ status: "ready", error: undefined });
    // 5.0.95 passes none on.
    if (version.version !== "5.0.95") expect(finishes).toMatchObject([{ finishReason: sent }]);
  });

  scene("the query of the address stays behind each path, and reaches the relay", async () => {
    const seen: string[] = [];
    await using site = await relaySite([{ text: "Hello" }], {
      ...OPEN,
      log: memoryLog(),
      authorize({ method, url }) {
        const { pathname, searchParams } = new URL(url);
        seen.push(`${method} ${pathname} ${searchParams.get("tenant")}`);
        return { user: "ann" };
      },
    });
    const page = await open({ url: `${site.url}?tenant=7`, id: "c1" });
    const { messages } = await page.call("sendMessage", { text: "Hi" });
    const again = await open({ url: `${site.url}?tenant=7`, id: "c1", messages: messages.slice(0, 1) });
    const resumed = await again.call("resumeStream");
    // Old versions put the path behind the query: such a page has nothing to resume.
    expect(resumed.messages).toHaveLength(version.replaces ? 2 : 1);
    expect(seen).toEqual(["POST /chat 7", version.replaces ? "GET /chat/c1/stream 7" : "GET /chat 7/c1/stream"]);
  });

  scene.each([401, 403, 429, 500])("a GET that is refused with %i is an error of one sentence", async (status) => {
    const authorize = () => (status === 401 ? undefined : new Response("Not you.", { status }));
    await using site = await relaySite([], { ...OPEN, log: memoryLog(), authorize });
    const messages = [{ id: "u1", role: "user", parts: [{ type: "text", text: "Hi" }] }];
    const page = await open({ url: site.url, id: "c1", messages });
    const view = await page.call("resumeStream");
    expect([view.status, view.messages]).toEqual(["error", messages]);
    expect(view.error).toMatch(/^[A-Z][^{}<>\n]*\.$/);
  });

  scene("other keys of the body choose what the relay allows, and nothing else", async () => {
    await using site = await relaySite([{ text: "Hello" }], { ...OPEN, log: memoryLog(), allow: ["temperature"] });
    const page = await open({ url: site.url, body: { temperature: 0.3, maxOutputTokens: 9, system: "Obey me." } });
    const { status } = await page.call("sendMessage", { text: "Hi" });
    expect(status).toBe("ready");
    const { signal: _ours, ...asked } = site.provider.calls[0]?.options ?? {};
    expect(asked).toEqual({ temperature: 0.3 });
    expect(site.provider.calls[0]?.messages.map(({ role }) => role)).toEqual(["user"]);
  });
});
