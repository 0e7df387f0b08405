/** What goes out: requests as a loopback server receives them, from every client in every protocol it speaks. */

import {
  type AssistantMessage,
  ClaudeClient,
  type ClientOptions,
  CompatibleClient,
  type CompatiblePreset,
  GeminiClient,
  GrokClient,
  type Message,
  OllamaClient,
  OpenAIClient,
  OpenRouterClient,
  type ProviderClient,
  type SendOptions,
} from "cloudllm";
import { afterAll, beforeAll } from "vitest";
import { httpChunk, LAST_CHUNK, type RawRequest, type RawServer, rawServer, STREAM_HEAD } from "./raw-server.ts";
import type { Recording } from "./recordings.ts";

export type ClientName =
  | "claude"
  | "claude chat"
  | "openai"
  | "openai chat"
  | "grok"
  | "grok chat"
  | "gemini"
  | "gemini chat"
  | "openrouter"
  | "deepseek"
  | "mistral"
  | "groq"
  | "ollama"
  | "ollama own"
  | "llamacpp"
  | "compatible";

type Made = ClientOptions & { readonly baseUrl: string };

const preset = (name: CompatiblePreset) => (options: Made) => new CompatibleClient({ ...options, preset: name });

/** Every client in every protocol it speaks, with the path its base URL ends in. */
const CLIENTS: Readonly<Record<ClientName, readonly [string, (options: Made) => ProviderClient]>> = {
  claude: ["", (options: Made) => new ClaudeClient(options)],
  "claude chat": ["/v1", (options: Made) => new ClaudeClient({ ...options, api: "chat" })],
  openai: ["/v1", (options: Made) => new OpenAIClient(options)],
  "openai chat": ["/v1", (options: Made) => new OpenAIClient({ ...options, api: "chat" })],
  grok: ["/v1", (options: Made) => new GrokClient(options)],
  "grok chat": ["/v1", (options: Made) => new GrokClient({ ...options, api: "chat" })],
  gemini: ["", (options: Made) => new GeminiClient(options)],
  "gemini chat": ["/v1beta/openai", (options: Made) => new GeminiClient({ ...options, api: "chat" })],
  openrouter: ["/api/v1", (options: Made) => new OpenRouterClient(options)],
  deepseek: ["", preset("deepseek")],
  mistral: ["/v1", preset("mistral")],
  groq: ["/openai/v1", preset("groq")],
  "ollama own": ["", (options: Made) => new OllamaClient(options)],
  ollama: ["/v1", preset("ollama")],
  llamacpp: ["/v1", preset("llamacpp")],
  compatible: ["/v1", (options: Made) => new CompatibleClient(options)],
};

export const CLIENT_NAMES = Object.keys(CLIENTS) as ClientName[];

/** The client, at a server of any origin. */
export function clientAt(
  origin: string,
  name: ClientName,
  model: string,
  options: Partial<ClientOptions> = {},
): ProviderClient {
  const [path, make] = CLIENTS[name];
  return make({ apiKey: "k", retries: 0, ...options, model, baseUrl: origin + path });
}

/** Who wrote a recording. */
export function writerOf({ protocol, file }: Recording): ClientName {
  if (protocol === "anthropic-messages") return "claude";
  if (protocol === "gemini") return "gemini";
  const vendor = /\/([a-z]+)/.exec(file)?.[1] ?? "";
  if (protocol === "openai-responses") return vendor === "xai" ? "grok" : "openai";
  const named = CLIENT_NAMES.find((name) => name === vendor);
  if (named) return named;
  return ({ openai: "openai chat", xai: "grok chat", gemini: "gemini chat" } as const)[vendor] ?? "compatible";
}

interface SentRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Record<string, unknown>;
  /** The body as it came. */
  readonly text: string;
}

export interface RequestRecorder {
  readonly requests: readonly SentRequest[];
  client(name: ClientName, model: string, options?: Partial<ClientOptions>): ProviderClient;
  /** Sends a conversation and gives the request that went out for it. */
  sent(name: ClientName, model: string, messages: readonly Message[], options?: SendOptions): Promise<SentRequest>;
  /** The bodies that the next requests are answered with, in order. */
  answer(...bodies: readonly (string | Uint8Array)[]): void;
  /** The reply to a question when the server answers with `body`, put through JSON as a store would. */
  replied(
    name: ClientName,
    model: string,
    body: string | Uint8Array,
    options?: Partial<ClientOptions> & { readonly whole?: boolean },
  ): Promise<AssistantMessage>;
}

const HI: Message = { role: "user", content: "hi" };

/**
 * Returns a recorder that answers with the smallest good reply of the protocol, or as `answer` says. It serves the tests
 * of the file, or of the `describe` that calls this.
 */
export function useRequestRecorder(): RequestRecorder {
  const requests: SentRequest[] = [];
  const next: (string | Uint8Array)[] = [];
  let server: RawServer;
  beforeAll(async () => {
    server = await rawServer(record);
  });
  afterAll(() => server[Symbol.asyncDispose]());
  function record({ socket, head, body }: RawRequest): void {
    const [, path = ""] = /^POST (\S+)/.exec(head) ?? [];
    const text = Buffer.from(body, "latin1").toString("utf8");
    requests.push({ path, headers: headersOf(head), body: JSON.parse(text), text });
    const answer = next.shift() ?? smallestReply(path);
    socket.write(Buffer.concat([Buffer.from(STREAM_HEAD), httpChunk(answer), Buffer.from(LAST_CHUNK)]));
  }
  const client = (name: ClientName, model: string, options: Partial<ClientOptions> = {}) =>
    clientAt(`http://127.0.0.1:${server.port}`, name, model, options);
  return {
    requests,
    client,
    answer: (...bodies) => void next.push(...bodies),
    async sent(name, model, messages, options = {}) {
      const before = requests.length;
      await (await client(name, model).sendMessageStream(messages, options)).finalMessage();
      const request = requests[before];
      if (!request) throw new Error("nothing was sent");
      return request;
    },
    async replied(name, model, body, { whole, ...options } = {}) {
      next.push(body);
      const asked = client(name, model, options);
      const message = whole
        ? await asked.sendMessage([HI])
        : await (await asked.sendMessageStream([HI])).finalMessage();
      return JSON.parse(JSON.stringify(message)) as AssistantMessage;
    },
  };
}

function headersOf(head: string): Record<string, string> {
  const lines = head.split("\r\n").slice(1);
  return Object.fromEntries(
    lines.map((line) => [line.split(":")[0]?.toLowerCase() ?? "", line.replace(/^[^:]*: */, "")]),
  );
}

/** Events as a stream's body. */
export function events(...objects: readonly object[]): string {
  return objects.map((object) => `data: ${JSON.stringify(object)}\n\n`).join("");
}

function smallestReply(path: string): string {
  if (path.endsWith("/messages")) {
    return events(
      { type: "message_start", message: { id: "msg_1", content: [], usage: { input_tokens: 1, output_tokens: 1 } } },
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "ok" } },
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 1 } },
      { type: "message_stop" },
    );
  }
  if (path.endsWith("/responses")) {
    const item = { type: "message", id: "msg_1", content: [{ type: "output_text", text: "ok" }] };
    return events({ type: "response.completed", response: { id: "r", status: "completed", output: [item] } });
  }
  if (/generateContent/i.test(path)) {
    return events({ candidates: [{ content: { parts: [{ text: "ok" }] }, finishReason: "STOP" }] });
  }
  if (path.endsWith("/api/chat")) {
    return `${JSON.stringify({ model: "m", message: { content: "ok" }, done_reason: "stop", done: true })}\n`;
  }
  return `${events({ id: "c", choices: [{ index: 0, delta: { content: "ok" }, finish_reason: "stop" }] })}data: [DONE]\n\n`;
}
