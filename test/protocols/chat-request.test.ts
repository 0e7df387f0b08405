/** What goes out: the body of a Chat Completions request, as a loopback server receives it. */

import {
  type ClientOptions,
  CompatibleClient,
  type Message,
  OpenAIClient,
  SendError,
  type SendOptions,
} from "cloudllm";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  GOOD_END,
  httpChunk,
  LAST_CHUNK,
  type RawServer,
  rawServer,
  STREAM_HEAD,
  textEvent,
} from "../support/raw-server.ts";

let server: RawServer;
let seen: { readonly head: string; readonly body: Record<string, unknown> }[] = [];

beforeAll(async () => {
  server = await rawServer(({ socket, head, body }) => {
    seen.push({ head, body: JSON.parse(Buffer.from(body, "latin1").toString("utf8")) });
    socket.write(STREAM_HEAD + httpChunk(textEvent("ok") + GOOD_END) + LAST_CHUNK);
  });
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(() => {
  seen = [];
});

async function sent(
  messages: readonly Message[],
  options: SendOptions = {},
  client: Partial<Omit<ClientOptions, "baseUrl">> = {},
) {
  const { baseUrl } = server;
  await (
    await new CompatibleClient({ baseUrl, model: "m", ...client }).sendMessageStream(messages, options)
  ).finalMessage();
  return seen.at(-1) ?? { head: "", body: {} };
}

function messagesOf(request: (typeof seen)[number] | undefined): readonly unknown[] {
  const messages = request?.body.messages;
  return Array.isArray(messages) ? messages : [];
}

const HI: Message = { role: "user", content: "hi" };

test("nothing is sent that was not asked for", async () => {
  const { head, body } = await sent([HI]);
  expect(body).toEqual({
    model: "m",
    messages: [{ role: "user", content: "hi" }],
    stream: true,
    stream_options: { include_usage: true },
  });
  expect(head).toMatch(/^POST \/v1\/chat\/completions HTTP/);
  expect(head).not.toMatch(/authorization/i);
});

test("options are named as the wire names them, and providerOptions win", async () => {
  const tools = [{ name: "look", description: "Looks.", parameters: { type: "object", properties: {} } }];
  const { body } = await sent([HI], {
    maxOutputTokens: 9,
    temperature: 0.5,
    topP: 0.9,
    stop: ["x"],
    seed: 7,
    tools,
    toolChoice: { name: "look" },
    providerOptions: { temperature: 1, user: "u" },
  });
  expect(body).toMatchObject({
    max_tokens: 9,
    temperature: 1,
    top_p: 0.9,
    stop: ["x"],
    seed: 7,
    user: "u",
    tools: [
      {
        type: "function",
        function: { name: "look", description: "Looks.", parameters: { type: "object", properties: {} } },
      },
    ],
    tool_choice: { type: "function", function: { name: "look" } },
  });
});

test("a call's options win over the client's, its limits are merged", async () => {
  const { body, head } = await sent(
    [HI],
    { temperature: 1, headers: { "x-b": "2" } },
    { temperature: 0, seed: 1, headers: { "X-A": "1" } },
  );
  expect(body).toMatchObject({ temperature: 1, seed: 1 });
  expect(head).toMatch(/x-a: 1/);
  expect(head).toMatch(/x-b: 2/);
});

test("a choice among the client's own tools is no mistake", async () => {
  const { body } = await sent([HI], { toolChoice: "required" }, { tools: [{ name: "look" }] });
  expect(body).toMatchObject({ tool_choice: "required", tools: [{ function: { name: "look" } }] });
});

test("DeepSeek learns on every turn that it did not think", async () => {
  const { body } = await sent([HI, { role: "assistant", content: "a" }, HI], {}, {
    preset: "deepseek",
    apiKey: "k",
  } as Partial<ClientOptions>);
  expect(messagesOf({ head: "", body })[1]).toEqual({ role: "assistant", content: "a", reasoning_content: "" });
});

test("a conversation with calls and results keeps its shape", async () => {
  const { body } = await sent([
    { role: "system", content: "Be brief." },
    HI,
    { role: "assistant", content: "", toolCalls: [{ id: "c1", name: "look", arguments: { at: "x" } }] },
    { role: "tool", toolCallId: "c1", content: "seen" },
    { role: "assistant", content: "" },
    { role: "assistant", content: "Done." },
    HI,
  ]);
  expect(body.messages).toEqual([
    { role: "system", content: "Be brief." },
    { role: "user", content: "hi" },
    {
      role: "assistant",
      content: null,
      tool_calls: [{ id: "c1", type: "function", function: { name: "look", arguments: '{"at":"x"}' } }],
    },
    { role: "tool", tool_call_id: "c1", content: "seen" },
    { role: "assistant", content: "Done." },
    { role: "user", content: "hi" },
  ]);
});

test("text parts alone go as one string; images, documents and sounds in their own forms", async () => {
  const data = new Uint8Array([1, 2, 3]);
  const { body } = await sent([
    {
      role: "user",
      content: [
        { type: "text", text: "a" },
        { type: "text", text: "b" },
      ],
    },
    {
      role: "user",
      content: [
        { type: "text", text: "see" },
        { type: "image", url: "https://example.com/cat.png" },
        { type: "image", data, mediaType: "image/png" },
        { type: "file", data: "AQID", mediaType: "application/pdf", filename: "a.pdf" },
        { type: "file", fileId: "file-1" },
        { type: "file", data, mediaType: "audio/wav" },
      ],
    },
  ]);
  expect(body.messages).toEqual([
    { role: "user", content: "a\nb" },
    {
      role: "user",
      content: [
        { type: "text", text: "see" },
        { type: "image_url", image_url: { url: "https://example.com/cat.png" } },
        { type: "image_url", image_url: { url: "data:image/png;base64,AQID" } },
        { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,AQID" } },
        { type: "file", file: { file_id: "file-1" } },
        { type: "input_audio", input_audio: { data: "AQID", format: "wav" } },
      ],
    },
  ]);
});

test("half a surrogate pair does not spoil the request", async () => {
  const { body } = await sent([{ role: "user", content: "a\ud83d b😀" }]);
  expect(body.messages).toEqual([{ role: "user", content: "a\ufffd b😀" }]);
});

test("what the protocol cannot say fails before anything is sent", async () => {
  await expect(sent([HI], { search: { mode: "on" } })).rejects.toMatchObject({ kind: "unsupported" });
  const file: Message = { role: "user", content: [{ type: "file", url: "https://example.com/a.pdf" }] };
  await expect(sent([file])).rejects.toMatchObject({ kind: "unsupported" });
  expect(seen).toHaveLength(0);
});

test("a reply goes back with what its own provider wants, after JSON, and to others without", async () => {
  const details = [
    { type: "reasoning.text", text: "thi", index: 0 },
    { type: "reasoning.text", text: "nk", index: 0 },
    { type: "reasoning.encrypted", data: "xyz", index: 0 },
  ];
  const bodies: string[] = [];
  const writer = await rawServer(({ socket, body }) => {
    bodies.push(Buffer.from(body, "latin1").toString("utf8"));
    const events = details.map(
      (detail) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { reasoning_details: [detail] } }] })}\n\n`,
    );
    socket.write(STREAM_HEAD + httpChunk(events.join("") + textEvent("ok") + GOOD_END) + LAST_CHUNK);
  });
  const client = new CompatibleClient({ baseUrl: writer.baseUrl, model: "m" });
  const reply = JSON.parse(JSON.stringify(await (await client.sendMessageStream([HI])).finalMessage()));
  await client.sendMessage([HI, reply, HI]);
  await writer[Symbol.asyncDispose]();
  expect(JSON.parse(bodies.at(-1) ?? "").messages[1]).toEqual({
    role: "assistant",
    content: "ok",
    reasoning_details: [
      { type: "reasoning.text", text: "think", index: 0 },
      { type: "reasoning.encrypted", data: "xyz", index: 0 },
    ],
  });
  // Another address cannot read what is encrypted.
  expect(messagesOf(await sent([HI, reply, HI]))[1]).toEqual({ role: "assistant", content: "ok" });
  await (
    await new OpenAIClient({
      baseUrl: server.baseUrl,
      apiKey: "k",
      model: "gpt-6-luna",
      api: "chat",
    }).sendMessageStream([HI, reply, HI])
  ).finalMessage();
  expect(messagesOf(seen.at(-1))[1]).toEqual({ role: "assistant", content: "ok" });
});

test("Mistral gets ids of nine characters, alike in call and answer, and no request for usage", async () => {
  await sent(
    [
      HI,
      { role: "assistant", content: "", toolCalls: [{ id: "call_of_another_provider", name: "f", arguments: {} }] },
      { role: "tool", toolCallId: "call_of_another_provider", content: "r" },
    ],
    { tools: [{ name: "f" }], toolChoice: "required" },
    { preset: "mistral", apiKey: "k" } as Partial<ClientOptions>,
  );
  const { messages, stream_options, tool_choice } = (seen.at(-1)?.body ?? {}) as {
    messages: { tool_calls?: { id: string }[]; tool_call_id?: string }[];
    stream_options?: unknown;
    tool_choice?: unknown;
  };
  const id = messages[1]?.tool_calls?.[0]?.id;
  expect(id).toMatch(/^[A-Za-z0-9]{9}$/);
  expect(messages[2]?.tool_call_id).toBe(id);
  expect(stream_options).toBeUndefined();
  expect(tool_choice).toBe("any");
});

describe("bad input fails before anything is sent", () => {
  test.each<[string, unknown, unknown]>([
    ["no messages", [], {}],
    ["no array", "hi", {}],
    ["an unknown role", [{ role: "robot", content: "x" }], {}],
    ["a message without content", [{ role: "user" }], {}],
    ["a part of an unknown type", [{ role: "user", content: [{ type: "smell" }] }], {}],
    ["a tool result that answers nothing", [{ role: "tool", content: "x" }], {}],
    ["a negative limit", [HI], { maxOutputTokens: -1 }],
    ["a negative deadline", [HI], { timeouts: { idle: -1 } }],
    ["a deadline that does not exist", [HI], { timeouts: { forever: 1 } }],
    ["half a retry", [HI], { retries: 0.5 }],
    ["a temperature above 2", [HI], { temperature: 3 }],
    ["an option with a wrong name", [HI], { max_tokens: 5 }],
    ["a header that smuggles another", [HI], { headers: { a: "b\r\nc: d" } }],
    ["a signal that is none", [HI], { signal: true }],
    ["a choice among no tools", [HI], { toolChoice: "required" }],
    ["two tools of one name", [HI], { tools: [{ name: "a" }, { name: "a" }] }],
    ["what JSON cannot hold", [HI], { providerOptions: { big: 1n } }],
  ])("%s", async (_name, messages, options) => {
    const failure = sent(messages as Message[], options as SendOptions);
    await expect(failure).rejects.toBeInstanceOf(SendError);
    await expect(failure).rejects.toMatchObject({ kind: "invalidRequest", retryable: false });
    expect(seen).toHaveLength(0);
  });
});
