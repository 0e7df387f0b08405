/** Replies with pictures and sounds on every wire, and servers that send them. */

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
} from "cloudllm";
import { httpChunk, LAST_CHUNK, rawServer, STREAM_HEAD } from "../support/raw-server.ts";

export const PNG = "iVBORw0KGgo=";

export const PNG_2 = "iVBORw0KGgoA";

export const ASK: readonly Message[] = [{ role: "user", content: "draw" }];

type Made = ClientOptions & { readonly baseUrl: string };

export type ClientName = "openrouter" | "openai chat" | "compatible" | "openai" | "grok" | "claude" | "gemini";

type Wire = "chat" | "responses" | "messages" | "gemini";

export const CLIENTS: Readonly<Record<ClientName, (options: Made) => ProviderClient>> = {
  openrouter: (options: Made) => new OpenRouterClient(options),
  "openai chat": (options: Made) => new OpenAIClient({ ...options, api: "chat" }),
  compatible: (options: Made) => new CompatibleClient(options),
  openai: (options: Made) => new OpenAIClient(options),
  grok: (options: Made) => new GrokClient(options),
  claude: (options: Made) => new ClaudeClient(options),
  gemini: (options: Made) => new GeminiClient(options),
};

export interface Case {
  readonly client: ClientName;
  readonly events: readonly object[];
  readonly whole: object;
  readonly media: readonly Media[];
  readonly content?: string;
  /** How often the message holds the bytes, where the replay keeps parts of an unknown kind as they came. */
  readonly copies?: number;
}

export const delta = (fields: object, finish_reason: string | null = null): object => ({
  id: "c",
  model: "m",
  choices: [{ index: 0, delta: fields, finish_reason }],
});

const message = (fields: object): object => ({
  id: "c",
  model: "m",
  choices: [{ index: 0, message: { role: "assistant", ...fields }, finish_reason: "stop" }],
});

export const image = (url: string): object => ({ type: "image_url", image_url: { url } });

export const parts = (...list: object[]): object => ({ candidates: [{ content: { role: "model", parts: list } }] });

export const stop: object = { candidates: [{ content: { parts: [] }, finishReason: "STOP" }], responseId: "r" };

export const completeParts = (...list: object[]): object => ({
  candidates: [{ content: { role: "model", parts: list }, finishReason: "STOP" }],
  responseId: "r",
});

export const call = (fields: object = {}): object => ({
  type: "image_generation_call",
  id: "ig_1",
  status: "completed",
  output_format: "webp",
  revised_prompt: "a red kite",
  size: "1024x1024",
  result: PNG,
  ...fields,
});

const said = {
  type: "message",
  role: "assistant",
  content: [{ type: "output_text", text: "Here.", annotations: [] }],
};

export const completed = (...output: object[]): object => ({ id: "r", status: "completed", output });

export const pcm = (from: number, to: number): string =>
  Buffer.from(Array.from({ length: to - from }, (_, at) => (from + at) % 256)).toString("base64");

export const CASES: Readonly<Record<string, Case>> = {
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
    whole: completeParts(
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
    whole: completeParts(
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
    whole: completeParts({ inlineData: { mimeType: "audio/L16;codec=pcm;rate=16000", data: pcm(0, 20) } }),
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

/** A client of a server. `bodies` returns those of the requests so far. */
interface Served extends AsyncDisposable {
  readonly client: ProviderClient;
  bodies(): readonly Record<string, unknown>[];
}

/** Answers each request as its body asks. */
export async function provider(
  { client, events, whole }: Pick<Case, "client" | "events" | "whole">,
  more: object = {},
): Promise<Served> {
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

interface Read {
  readonly chunks: readonly MessageChunk[];
  readonly message: AssistantMessage;
}

export async function read(client: ProviderClient, messages: readonly Message[] = ASK): Promise<Read> {
  const chunks: MessageChunk[] = [];
  const stream = await client.sendMessageStream(messages);
  for await (const chunk of stream) chunks.push(chunk);
  return { chunks, message: await stream.finalMessage() };
}

export function caseOf(name: string): Case {
  const given = CASES[name];
  if (!given) throw new Error(`no case ${name}`);
  return given;
}
