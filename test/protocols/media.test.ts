/** Pictures and sounds in replies: none is lost on any wire, streamed or not, over either transport, and each goes back as it may. */

import {
  type AssistantMessage,
  ClaudeClient,
  type ClientOptions,
  CompatibleClient,
  GeminiClient,
  GrokClient,
  type Media,
  type Message,
  type MessageChunk,
  OpenAIClient,
  OpenRouterClient,
  type ProviderClient,
  type SendError,
} from "cloudllm";
import { describe, expect, test } from "vitest";
import { httpChunk, LAST_CHUNK, rawServer, STREAM_HEAD } from "../support/raw-server.ts";

const PNG = "iVBORw0KGgo=";
const PNG_2 = "iVBORw0KGgoA";
const ASK: readonly Message[] = [{ role: "user", content: "draw" }];

type Made = ClientOptions & { readonly baseUrl: string };
type Wire = "chat" | "responses" | "messages" | "gemini";

const CLIENTS = {
  openrouter: (options: Made) => new OpenRouterClient(options),
  "openai chat": (options: Made) => new OpenAIClient({ ...options, api: "chat" }),
  compatible: (options: Made) => new CompatibleClient(options),
  openai: (options: Made) => new OpenAIClient(options),
  grok: (options: Made) => new GrokClient(options),
  claude: (options: Made) => new ClaudeClient(options),
  gemini: (options: Made) => new GeminiClient(options),
} satisfies Record<string, (options: Made) => ProviderClient>;

type ClientName = keyof typeof CLIENTS;

interface Case {
  readonly client: ClientName;
  readonly events: readonly object[];
  readonly whole: object;
  readonly media: readonly Media[];
  readonly content?: string;
  /** How often the message holds the bytes, where the replay keeps parts of an unknown kind as they came. */
  readonly copies?: number;
}

const delta = (fields: object, finish_reason: string | null = null) => ({
  id: "c",
  model: "m",
  choices: [{ index: 0, delta: fields, finish_reason }],
});
const message = (fields: object) => ({
  id: "c",
  model: "m",
  choices: [{ index: 0, message: { role: "assistant", ...fields }, finish_reason: "stop" }],
});
const image = (url: string) => ({ type: "image_url", image_url: { url } });
const parts = (...list: object[]) => ({ candidates: [{ content: { role: "model", parts: list } }] });
const stop = { candidates: [{ content: { parts: [] }, finishReason: "STOP" }], responseId: "r" };
const wholeParts = (...list: object[]) => ({
  candidates: [{ content: { role: "model", parts: list }, finishReason: "STOP" }],
  responseId: "r",
});
const call = (fields: object = {}) => ({
  type: "image_generation_call",
  id: "ig_1",
  status: "completed",
  output_format: "webp",
  revised_prompt: "a red kite",
  size: "1024x1024",
  result: PNG,
  ...fields,
});
const said = { type: "message", role: "assistant", content: [{ type: "output_text", text: "Here.", annotations: [] }] };
const completed = (...output: object[]) => ({ id: "r", status: "completed", output });
const pcm = (from: number, to: number) =>
  Buffer.from(Array.from({ length: to - from }, (_, at) => (from + at) % 256)).toString("base64");

const CASES: Readonly<Record<string, Case>> = {
  "OpenRouter: a picture as a data URL": {
    client: "openrouter",
    events: [delta({ content: "" }), delta({ images: [image(`data:image/png;base64,${PNG}`)] }), delta({}, "stop")],
    whole: message({ content: "", images: [image(`data:image/png;base64,${PNG}`)] }),
    media: [{ mediaType: "image/png", data: PNG }],
  },
  "OpenRouter: entries of other forms, an address among them": {
    client: "openrouter",
    events: [
      delta({
        images: [null, 7, {}, { image_url: `data:image/webp;base64,${PNG}` }, image("https://example.com/a.jpg?x")],
      }),
      delta({ content: "Two." }),
      delta({}, "stop"),
    ],
    whole: message({
      content: "Two.",
      images: [null, 7, {}, { image_url: `data:image/webp;base64,${PNG}` }, image("https://example.com/a.jpg?x")],
    }),
    media: [
      { mediaType: "image/webp", data: PNG },
      { mediaType: "image/jpeg", url: "https://example.com/a.jpg?x" },
    ],
    content: "Two.",
  },
  "a compatible server that tells its pictures again with the end": {
    client: "compatible",
    events: [
      delta({ images: [image(`data:image/png;base64,${PNG}`)] }),
      { ...message({ content: "", images: [image(`data:image/png;base64,${PNG}`)] }) },
    ],
    whole: message({ content: "", images: [image(`data:image/png;base64,${PNG}`)] }),
    media: [{ mediaType: "image/png", data: PNG }],
  },
  "content parts of an unknown kind": {
    copies: 2,
    client: "compatible",
    events: [
      delta({
        content: [
          { type: "text", text: "Here." },
          { type: "image", image: { b64_json: PNG } },
        ],
      }),
      delta({
        content: [{ type: "tool_file", tool: "image_generation", file_id: "f1", file_name: "a.png", file_type: "png" }],
      }),
      delta({}, "stop"),
    ],
    whole: message({
      content: [
        { type: "text", text: "Here." },
        { type: "image", image: { b64_json: PNG } },
        { type: "tool_file", tool: "image_generation", file_id: "f1", file_name: "a.png", file_type: "png" },
      ],
    }),
    media: [
      { mediaType: "image/png", data: PNG },
      { mediaType: "image/png", fileId: "f1", name: "a.png" },
    ],
    content: "Here.",
  },
  "OpenAI Chat Completions: sound in pieces": {
    client: "openai chat",
    events: [
      delta({ content: null, audio: { id: "audio_1" } }),
      delta({ audio: { transcript: "Hello " } }),
      delta({ audio: { data: pcm(0, 5) } }),
      delta({ audio: { data: pcm(5, 13), transcript: "there" } }),
      delta({ audio: { data: pcm(13, 20) } }),
      delta({ audio: { expires_at: 1_900_000_000 } }),
      delta({}, "stop"),
    ],
    whole: message({
      content: null,
      audio: { id: "audio_1", data: pcm(0, 20), expires_at: 1_900_000_000, transcript: "Hello there" },
    }),
    media: [
      {
        mediaType: "audio/pcm;rate=24000",
        data: pcm(0, 20),
        id: "audio_1",
        transcript: "Hello there",
        expiresAt: 1_900_000_000_000,
      },
    ],
    content: "Hello there",
  },
  "Responses: a picture after two previews": {
    client: "openai",
    events: [
      {
        type: "response.output_item.added",
        output_index: 0,
        item: { type: "image_generation_call", id: "ig_1", status: "in_progress" },
      },
      { type: "response.image_generation_call.in_progress", output_index: 0, item_id: "ig_1" },
      ...[PNG, PNG_2].map((partial_image_b64, partial_image_index) => ({
        type: "response.image_generation_call.partial_image",
        output_index: 0,
        item_id: "ig_1",
        partial_image_index,
        partial_image_b64,
        output_format: "webp",
      })),
      { type: "response.image_generation_call.completed", output_index: 0, item_id: "ig_1" },
      { type: "response.output_item.done", output_index: 0, item: call() },
      { type: "response.output_item.done", output_index: 1, item: said },
      { type: "response.completed", response: completed(call(), said) },
    ],
    whole: completed(call(), said),
    media: [{ mediaType: "image/webp", data: PNG, id: "ig_1" }],
    content: "Here.",
  },
  "Responses: a picture that only the end tells": {
    client: "openai",
    events: [
      { type: "response.output_item.done", output_index: 1, item: said },
      { type: "response.completed", response: completed(call(), said) },
    ],
    whole: completed(call(), said),
    media: [{ mediaType: "image/webp", data: PNG, id: "ig_1" }],
    content: "Here.",
  },
  "Responses: a part of a message of an unknown kind": {
    copies: 2,
    client: "openai",
    events: [
      {
        type: "response.output_item.done",
        output_index: 0,
        item: {
          ...said,
          content: [
            { type: "output_image", image_url: `data:image/png;base64,${PNG}` },
            { type: "output_audio", data: "//vQAA==", transcript: "Hello" },
          ],
        },
      },
      { type: "response.completed", response: completed() },
    ],
    whole: completed({
      ...said,
      content: [
        { type: "output_image", image_url: `data:image/png;base64,${PNG}` },
        { type: "output_audio", data: "//vQAA==", transcript: "Hello" },
      ],
    }),
    media: [
      { mediaType: "image/png", data: PNG },
      { mediaType: "audio/mpeg", data: "//vQAA==", transcript: "Hello" },
    ],
    content: "Hello",
  },
  "xAI: a picture as an address": {
    client: "grok",
    events: [
      {
        type: "response.output_item.done",
        output_index: 0,
        item: {
          type: "image_generation_call",
          id: "ig_1",
          status: "completed",
          prompt: "a kite",
          result: "https://example.com/kite.jpg",
        },
      },
      { type: "response.completed", response: completed() },
    ],
    whole: completed({
      type: "image_generation_call",
      id: "ig_1",
      status: "completed",
      prompt: "a kite",
      result: "https://example.com/kite.jpg",
    }),
    media: [{ mediaType: "image/jpeg", url: "https://example.com/kite.jpg", id: "ig_1" }],
  },
  "Claude's wire: a block that a gateway's model drew": {
    copies: 2,
    client: "claude",
    events: [
      { type: "message_start", message: { id: "m", content: [], usage: {} } },
      {
        type: "content_block_start",
        index: 0,
        content_block: { type: "image", source: { type: "base64", media_type: "image/png", data: PNG } },
      },
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: { stop_reason: "end_turn" } },
      { type: "message_stop" },
    ],
    whole: {
      id: "m",
      content: [{ type: "image", source: { type: "base64", media_type: "image/png", data: PNG } }],
      stop_reason: "end_turn",
    },
    media: [{ mediaType: "image/png", data: PNG }],
  },
  "Gemini: a picture between texts": {
    client: "gemini",
    events: [
      parts({ text: "Here " }),
      parts({ inlineData: { mimeType: "image/png", data: PNG }, thoughtSignature: "s1" }),
      parts({ text: "it is." }),
      stop,
    ],
    whole: wholeParts(
      { text: "Here " },
      { inlineData: { mimeType: "image/png", data: PNG }, thoughtSignature: "s1" },
      { text: "it is." },
    ),
    media: [{ mediaType: "image/png", data: PNG }],
    content: "Here it is.",
  },
  "Gemini: a sketch made while thinking, then the picture, and a file": {
    client: "gemini",
    events: [
      parts({ thought: true, inlineData: { mimeType: "image/png", data: PNG_2 } }),
      parts({ inlineData: { mimeType: "image/jpeg", data: PNG } }),
      parts({ fileData: { mimeType: "video/mp4", fileUri: "https://files.example/v1beta/files/abc" } }),
      stop,
    ],
    whole: wholeParts(
      { thought: true, inlineData: { mimeType: "image/png", data: PNG_2 } },
      { inlineData: { mimeType: "image/jpeg", data: PNG } },
      { fileData: { mimeType: "video/mp4", fileUri: "https://files.example/v1beta/files/abc" } },
    ),
    media: [
      { mediaType: "image/jpeg", data: PNG },
      { mediaType: "video/mp4", fileId: "https://files.example/v1beta/files/abc" },
    ],
  },
  "Gemini: sound in pieces": {
    client: "gemini",
    events: [
      ...[pcm(0, 5), pcm(5, 9), pcm(9, 20)].map((data) =>
        parts({ inlineData: { mimeType: "audio/L16;codec=pcm;rate=16000", data } }),
      ),
      stop,
    ],
    whole: wholeParts({ inlineData: { mimeType: "audio/L16;codec=pcm;rate=16000", data: pcm(0, 20) } }),
    media: [{ mediaType: "audio/pcm;rate=16000", data: pcm(0, 20) }],
  },
};

const WIRES: Readonly<Record<ClientName, Wire>> = {
  openrouter: "chat",
  "openai chat": "chat",
  compatible: "chat",
  openai: "responses",
  grok: "responses",
  claude: "messages",
  gemini: "gemini",
};

function sse(events: readonly object[], wire: Wire): string {
  const told = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("");
  return wire === "chat" ? `${told}data: [DONE]\n\n` : told;
}

/** Answers each request as its body asks; the requests are kept. */
async function provider({ client, events, whole }: Pick<Case, "client" | "events" | "whole">, more: object = {}) {
  const wire = WIRES[client];
  const server = await rawServer(({ socket, head, body }) => {
    const isStreamed = /streamGenerateContent/.test(head) || /"stream":\s*true/.test(body);
    const text = isStreamed ? sse(events, wire) : JSON.stringify(whole);
    if (isStreamed) socket.write(STREAM_HEAD + httpChunk(text) + LAST_CHUNK);
    else
      socket.write(
        `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
      );
  });
  const path = wire === "gemini" || wire === "messages" ? "" : "/v1";
  const options = {
    model: "some-model",
    apiKey: "key-123456",
    baseUrl: `${server.origin}${path}`,
    retries: 0,
    ...more,
  };
  const bodies = () => server.requests.map(({ body }) => JSON.parse(body) as Record<string, unknown>);
  return {
    client: CLIENTS[client](options as Made),
    bodies,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function read(client: ProviderClient, messages: readonly Message[] = ASK) {
  const chunks: MessageChunk[] = [];
  const stream = await client.sendMessageStream(messages);
  for await (const chunk of stream) chunks.push(chunk);
  return { chunks, message: await stream.finalMessage() };
}

function withoutMetrics({ metrics: _metrics, ...rest }: AssistantMessage): object {
  return rest;
}

describe.each(Object.entries(CASES))("%s", (_name, given) => {
  test.each([
    ["node:http", {}],
    ["fetch", { fetch: globalThis.fetch }],
  ])("is in the message, streamed and not, over %s", async (_transport, more) => {
    await using server = await provider(given, more);
    const { chunks, message } = await read(server.client);
    expect(message).toMatchObject({ content: given.content ?? "", media: given.media, finishReason: "stop" });
    expect(chunks.filter(({ type }) => type === "media").length).toBeGreaterThan(0);
    expect(chunks.map(({ content }) => content).join("")).toBe(message.content);
    const whole = await server.client.sendMessage(ASK);
    expect(withoutMetrics(whole)).toEqual(withoutMetrics(message));
  });

  test("its bytes stand in the message once", async () => {
    await using server = await provider(given);
    const { message } = await read(server.client);
    const json = JSON.stringify(message);
    for (const { data } of message.media ?? [])
      if (data) expect(json.split(`"${data}"`).length - 1).toBeLessThanOrEqual(given.copies ?? 1);
  });

  test("a reply that survived JSON goes back to its provider without an error", async () => {
    await using server = await provider(given);
    const { message } = await read(server.client);
    const again = JSON.parse(JSON.stringify(message)) as AssistantMessage;
    await server.client.sendMessage([...ASK, again, { role: "user", content: "again" }]);
    expect(JSON.stringify(server.bodies()[1])).toContain("again");
  });
});

/** The messages of the next request, after a reply of this case. */
async function nextRequest(given: Case, change: (message: AssistantMessage) => Message = (message) => message) {
  await using server = await provider(given);
  const { message } = await read(server.client);
  await server.client.sendMessage([...ASK, change(message), { role: "user", content: "again" }]);
  const body = server.bodies()[1] ?? {};
  return (body.messages ?? body.input ?? body.contents) as readonly Record<string, unknown>[];
}

function caseOf(name: string): Case {
  const given = CASES[name];
  if (!given) throw new Error(`no case ${name}`);
  return given;
}

describe("what a model drew or said goes back", () => {
  test("to OpenRouter as `images` of its turn", async () => {
    const [, turn, user] = await nextRequest(caseOf("OpenRouter: a picture as a data URL"));
    expect(turn).toEqual({ role: "assistant", content: "", images: [image(`data:image/png;base64,${PNG}`)] });
    expect(user).toEqual({ role: "user", content: "again" });
  });

  test("to another Chat Completions server in the user's next turn", async () => {
    const [, turn, user] = await nextRequest(caseOf("a compatible server that tells its pictures again with the end"));
    expect(turn).toEqual({ role: "assistant", content: "[picture 1 (image/png)]" });
    expect(user).toEqual({
      role: "user",
      content: [
        { type: "text", text: "[picture 1, made earlier:]" },
        image(`data:image/png;base64,${PNG}`),
        { type: "text", text: "again" },
      ],
    });
  });

  test("to Chat Completions by the id of the sound while that holds, and as its words after that", async () => {
    const sound = caseOf("OpenAI Chat Completions: sound in pieces");
    const [, turn] = await nextRequest(sound);
    expect(turn).toEqual({ role: "assistant", audio: { id: "audio_1" } });
    const old = { id: "audio_1", data: pcm(0, 20), expires_at: 1_000_000_000, transcript: "Hello there" };
    const [, words] = await nextRequest({
      ...sound,
      events: [delta({ content: null, audio: old }), delta({}, "stop")],
    });
    expect(words).toEqual({ role: "assistant", content: "Hello there" });
    const [, edited] = await nextRequest(sound, (message) => ({ ...message, content: "Hello you" }));
    expect(edited).toEqual({ role: "assistant", content: "Hello you" });
  });

  test("to Responses as its item, with the four fields that requests take", async () => {
    const [, item, text] = await nextRequest(caseOf("Responses: a picture after two previews"));
    expect(item).toEqual({ type: "image_generation_call", id: "ig_1", status: "completed", result: PNG });
    expect(text).toMatchObject({ type: "message", role: "assistant" });
  });

  test("to Responses in the user's next turn when its item cannot go back", async () => {
    const given = caseOf("Responses: a picture after two previews");
    const input = await nextRequest(given, ({ replay: _replay, ...message }) => message);
    expect(JSON.stringify(input)).not.toContain("image_generation_call");
    expect(input.at(-1)).toMatchObject({
      role: "user",
      content: [
        { type: "input_text" },
        { type: "input_image", image_url: `data:image/webp;base64,${PNG}` },
        { type: "input_text", text: "again" },
      ],
    });
  });

  test("to Gemini as the same part with its signature, in its place", async () => {
    const [, turn] = await nextRequest(caseOf("Gemini: a picture between texts"));
    expect(turn).toEqual({
      role: "model",
      parts: [
        { text: "Here " },
        { inlineData: { mimeType: "image/png", data: PNG }, thoughtSignature: "s1" },
        { text: "it is." },
      ],
    });
  });

  test("to Gemini under the type its sound came with, as one part", async () => {
    const [, turn] = await nextRequest(caseOf("Gemini: sound in pieces"));
    expect(turn).toEqual({
      role: "model",
      parts: [{ inlineData: { mimeType: "audio/L16;codec=pcm;rate=16000", data: pcm(0, 20) } }],
    });
  });

  test("to Gemini without older pictures when all would be too large for a request", async () => {
    const large = `iVBORw0KGgo${"A".repeat(10_000_001)}`;
    const part = { inlineData: { mimeType: "image/png", data: large } };
    const given: Case = { client: "gemini", events: [parts(part), stop], whole: wholeParts(part), media: [] };
    await using server = await provider(given);
    const { message } = await read(server.client);
    const next: Message = { role: "user", content: "again" };
    await server.client.sendMessage([
      ...ASK,
      message,
      next,
      { ...message, media: [...(message.media ?? [])].map((each) => ({ ...each })) },
      next,
    ]);
    const contents = server.bodies()[1]?.contents as readonly { parts: readonly object[] }[];
    expect(contents[1]?.parts).toEqual([{ text: expect.stringContaining("left out") }]);
    expect(contents[3]?.parts).toEqual([part]);
  });
});

const OTHERS = Object.keys(CLIENTS) as ClientName[];

describe.each(OTHERS)("a picture another provider made, sent to %s", (client) => {
  const drawn: Message = { role: "assistant", content: "", media: [{ mediaType: "image/png", data: PNG }] };
  const given: Case = { client, events: [], whole: {}, media: [] };

  async function sentWith(turn: Message): Promise<string> {
    await using server = await provider(given);
    await server.client.sendMessage([...ASK, turn, { role: "user", content: "again" }]).catch((error: SendError) => {
      if (error.kind !== "protocol" && error.kind !== "truncated") throw error; // there is no answer
    });
    return JSON.stringify(server.bodies()[0]);
  }

  test("is in the request, and the turn that made it is not empty", async () => {
    const body = await sentWith(drawn);
    expect(body).toContain(PNG);
    expect(body).toContain("again");
  });

  test("does not fail it when the provider does not take its kind: a line of text stands for it", async () => {
    const body = await sentWith({ ...drawn, media: [{ mediaType: "image/x-odd", fileId: "file_1" }] });
    expect(body).toContain("image/x-odd");
    expect(body).not.toContain("file_1");
  });

  test("leaves the words of a sound, and nothing of what is not complete", async () => {
    const sound: Media = { mediaType: "audio/wav", data: "UklGRg==", transcript: "Hello" };
    const body = await sentWith({
      role: "assistant",
      content: "Hello",
      media: [sound, { mediaType: "image/png", data: PNG, partial: true }],
    });
    expect(body).toContain("Hello");
    expect(body).not.toMatch(/UklGR|iVBOR/);
  });
});

describe("previews", () => {
  test("are marked, and share the index of the picture that replaces them", async () => {
    await using server = await provider(caseOf("Responses: a picture after two previews"));
    const { chunks } = await read(server.client);
    expect(
      chunks.flatMap((chunk) => (chunk.type === "media" ? [[chunk.index, chunk.partial, chunk.data]] : [])),
    ).toEqual([
      [0, true, PNG],
      [0, true, PNG_2],
      [0, undefined, PNG],
    ]);
  });

  test("a sketch is marked as a thought", async () => {
    await using server = await provider(caseOf("Gemini: a sketch made while thinking, then the picture, and a file"));
    const { chunks } = await read(server.client);
    expect(chunks[0]).toMatchObject({ type: "media", partial: true, thought: true, data: PNG_2 });
  });
});

test("a picture that could not be drawn is a failed call of the provider's tool, not a failed reply", async () => {
  const failed = call({ status: "failed", result: null, error: { code: "moderation_blocked", message: "no" } });
  await using server = await provider({
    client: "openai",
    events: [
      { type: "response.output_item.done", output_index: 0, item: failed },
      { type: "response.completed", response: completed(failed) },
    ],
    whole: completed(failed),
  });
  const { message } = await read(server.client);
  expect(message.media).toBeUndefined();
  expect(message.providerToolCalls).toMatchObject([{ name: "image_generation", isError: true }]);
});

test("a reply that breaks after its picture has it on `partial`", async () => {
  for (const name of [
    "OpenRouter: a picture as a data URL",
    "Responses: a picture after two previews",
    "Gemini: a picture between texts",
  ]) {
    const given = caseOf(name);
    await using server = await provider({ ...given, events: given.events.slice(0, -1) });
    const error = (await read(server.client).catch((thrown: unknown) => thrown)) as SendError;
    // Chat Completions ends with `[DONE]`, and no usage.
    expect(error).toMatchObject({ kind: "truncated", partial: { media: given.media, interrupted: true } });
  }
});

test("what a picture was billed for stands in the raw usage, since the counts leave it out", async () => {
  const usage = { input_tokens: 9, output_tokens: 20, total_tokens: 29 };
  const tool_usage = {
    image_gen: { input_tokens: 30, output_tokens: 1_056, total_tokens: 1_086 },
    web_search: { num_requests: 0 },
  };
  const response = { ...completed(call()), usage, tool_usage };
  await using server = await provider({
    client: "openai",
    events: [
      { type: "response.output_item.done", output_index: 0, item: call() },
      { type: "response.completed", response },
    ],
    whole: response,
  });
  const { message } = await read(server.client);
  expect(message.usage).toMatchObject({ totalTokens: 29, raw: { ...usage, tool_usage } });
  expect((await server.client.sendMessage(ASK)).usage).toEqual(message.usage);
});

test("a picture of 36 MB arrives: an event may be as long as its reply", async () => {
  const data = "A".repeat(36_000_000);
  const part = { inlineData: { mimeType: "image/png", data } };
  await using server = await provider({ client: "gemini", events: [parts(part), stop], whole: {} });
  const { message } = await read(server.client);
  expect(message.media?.[0]?.data?.length).toBe(data.length);
}, 30_000);
