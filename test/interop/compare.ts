/** The same question to the same server, by our client and by the provider's own library: what both make of the answer. */

import { existsSync } from "node:fs";
import {
  ClaudeClient,
  type ClientOptions,
  CompatibleClient,
  GeminiClient,
  GrokClient,
  OpenAIClient,
  OpenRouterClient,
  type ProviderClient,
  SendError,
} from "cloudllm";
import { anthropic, chat, gemini, type Peer, responses, resultOf } from "./peers.mjs";

/** Why nothing can be compared here; `undefined` when it can. */
export const peersMissing: string | undefined = existsSync(new URL("node_modules/openai", import.meta.url))
  ? undefined
  : "the providers' libraries are not installed: npm ci --prefix test/interop";

export type How = "stream" | "whole";

export const HOW: readonly How[] = ["stream", "whole"];

/** A reply, as far as it can be compared. */
export interface Result {
  readonly text: string;
  readonly reasoning?: string;
  readonly calls?: readonly { readonly id?: string | undefined; readonly name: string; readonly arguments: unknown }[];
  readonly finish?: string | undefined;
  readonly usage?: { readonly input: number; readonly output: number; readonly total?: number | undefined } | undefined;
  readonly id?: string | undefined;
  readonly model?: string | undefined;
  /** How it failed; `text` is what had come by then. */
  readonly failed?: {
    readonly status?: number | undefined;
    readonly message: string;
    readonly code?: string | undefined;
    readonly retryAfterMs?: number | undefined;
    readonly kind?: string;
  };
}

/** One format: who speaks it here, and who speaks it there. */
export interface Format {
  readonly name: string;
  readonly model: string;
  readonly peer: Peer;
  /** Of the base URL. */
  readonly path: string;
  client(options: ClientOptions & { readonly baseUrl: string }): ProviderClient;
}

export const FORMATS: readonly Format[] = [
  {
    name: "Chat Completions",
    model: "gpt-6-luna",
    peer: chat,
    path: "/v1",
    client: (options) => new OpenAIClient({ ...options, api: "chat" }),
  },
  {
    name: "Responses",
    model: "gpt-6-luna",
    peer: responses,
    path: "/v1",
    client: (options) => new OpenAIClient(options),
  },
  {
    name: "Anthropic Messages",
    model: "claude-haiku-4-5",
    peer: anthropic,
    path: "",
    client: (options) => new ClaudeClient(options),
  },
  {
    name: "Gemini",
    model: "gemini-2.5-flash",
    peer: gemini,
    path: "",
    client: (options) => new GeminiClient(options),
  },
  {
    name: "Grok's Responses",
    model: "grok-4.3",
    peer: responses,
    path: "/v1",
    client: (options) => new GrokClient(options),
  },
  {
    name: "OpenRouter",
    model: "openai/gpt-6-luna",
    peer: chat,
    path: "/api/v1",
    client: (options) => new OpenRouterClient(options),
  },
  {
    name: "Ollama",
    model: "llama3.2",
    peer: chat,
    path: "/v1",
    client: (options) => new CompatibleClient({ ...options, preset: "ollama" }),
  },
];

/** What our client and the provider's library make of one answer. */
export async function both(
  format: Format,
  how: How,
  origin: string,
  text: string,
): Promise<{ readonly ours: Result; readonly theirs: Result }> {
  const { model, path, peer } = format;
  return {
    ours: await ourResult(format, how, origin, text),
    theirs: await resultOf(peer, how, { origin, path, model, text }),
  };
}

async function ourResult({ client, model, path }: Format, how: How, origin: string, text: string): Promise<Result> {
  const asked = client({ model, apiKey: "k", baseUrl: origin + path, retries: 0 });
  const messages = [{ role: "user", content: text }] as const;
  try {
    const message =
      how === "whole"
        ? await asked.sendMessage(messages)
        : await (await asked.sendMessageStream(messages)).finalMessage();
    const { content, reasoning, toolCalls, rawFinishReason, usage, id, model: named } = message;
    return {
      text: content,
      reasoning,
      calls: toolCalls,
      finish: rawFinishReason,
      usage: usage && { input: usage.inputTokens, output: usage.outputTokens, total: usage.totalTokens },
      id,
      model: named,
    };
  } catch (error) {
    if (!(error instanceof SendError)) throw error;
    const { status, message, code, retryAfterMs, kind, partial } = error;
    return { failed: { status, message, code, retryAfterMs, kind }, text: partial?.content ?? "" };
  }
}
