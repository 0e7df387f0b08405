/** Refusals as their providers sent them, through each client: kind, code, status and ids are on the error, and a sentence for a person. */

import { readFileSync } from "node:fs";
import {
  ClaudeClient,
  CompatibleClient,
  GeminiClient,
  GrokClient,
  OpenAIClient,
  OpenRouterClient,
  type ProviderClient,
  SendError,
  type SendErrorKind,
} from "cloudllm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RawServer, rawServer, response } from "../support/raw-server.ts";
import { recordingsMissing } from "../support/recordings.ts";

let server: RawServer;
let answer = "";
beforeAll(async () => {
  server = await rawServer(({ socket }) => socket.end(answer));
});
afterAll(() => server[Symbol.asyncDispose]());

type Make = (options: { baseUrl: string; model: string; apiKey: string; retries: number }) => ProviderClient;

const claude: Make = (options) => new ClaudeClient(options);
const openai: Make = (options) => new OpenAIClient(options);
const chat: Make = (options) => new OpenAIClient({ ...options, api: "chat" });
const grok: Make = (options) => new GrokClient(options);
const gemini: Make = (options) => new GeminiClient(options);
const openrouter: Make = (options) => new OpenRouterClient(options);
const groq: Make = (options) => new CompatibleClient({ ...options, preset: "groq" });

interface Due {
  readonly kind: SendErrorKind;
  readonly code?: string;
  readonly requestId?: string;
  readonly retryable?: boolean;
  readonly retryAfterMs?: number;
  readonly message?: unknown;
}

async function failureOf(make: Make, status: number, body: string, headers: Record<string, string> = {}) {
  answer = response(status, body, { connection: "close", ...headers });
  const client = make({ baseUrl: server.baseUrl, model: "m", apiKey: "k", retries: 0 });
  const outcome: unknown = await client
    .sendMessageStream([{ role: "user", content: "hi" }])
    .catch((error: unknown) => error);
  if (!(outcome instanceof SendError)) throw new Error("It was no failure.");
  return outcome;
}

describe.skipIf(recordingsMissing)(`recorded refusals${recordingsMissing ? ` (${recordingsMissing})` : ""}`, () => {
  test.each<[string, number, Make, Due]>([
    [
      "anthropic-messages/anthropic__model_name_suggestions.model_name_suggestion-anthropic.0.error.json",
      404,
      claude,
      {
        kind: "notFound",
        code: "not_found_error",
        requestId: "req_011CdufXo8Y2LVfY2veyuQWG",
        message: expect.stringMatching(/claude-sonet-4-5.*Check the model's name/),
      },
    ],
    [
      "openai-responses/openai__model_name_suggestions.model_name_suggestion-openai-responses.0.error.json",
      400,
      openai,
      {
        kind: "notFound",
        code: "model_not_found",
        message: expect.stringMatching(/gpt-5\.2-proo.*Check the model's name/),
      },
    ],
    [
      "openai-chat/openai__model_name_suggestions.model_name_suggestion-openai-chat.0.error.json",
      404,
      chat,
      { kind: "notFound", code: "model_not_found" },
    ],
    [
      "openai-chat/openai__reasoning-model-legacy-parameter-error.json",
      400,
      chat,
      { kind: "invalidRequest", code: "unsupported_parameter" },
    ],
    [
      "openai-responses/openai__reasoning-model-temperature-error.json",
      400,
      openai,
      { kind: "invalidRequest", message: expect.stringMatching(/temperature/) },
    ],
    [
      "openai-responses/openai__openai_responses.openai_responses_thinking_with_modified_history.1.error.json",
      400,
      openai,
      { kind: "invalidRequest", message: expect.stringMatching(/required following item/) },
    ],
    [
      "gemini/google__model_name_suggestions.model_name_suggestion-google.0.error.json",
      404,
      gemini,
      { kind: "notFound", code: "NOT_FOUND", message: expect.stringMatching(/gemini-3\.6-flahs/) },
    ],
    [
      "gemini/google__google-429-retry-info.json",
      429,
      gemini,
      { kind: "rateLimit", code: "RESOURCE_EXHAUSTED", retryable: true, retryAfterMs: 34_400 },
    ],
    [
      "openai-chat/openrouter__openrouter.openrouter_errors_raised.0.error.json",
      429,
      openrouter,
      {
        kind: "rateLimit",
        code: "429",
        retryable: true,
        message: expect.stringMatching(/temporarily rate-limited upstream/),
      },
    ],
    [
      "openai-chat/groq__groq.tool_use_failed_error.0.error.json",
      400,
      groq,
      { kind: "invalidRequest", code: "tool_use_failed" },
    ],
  ])("%s", async (file, status, make, due) => {
    const body = readFileSync(new URL(`../../../shared/fixtures/${file}`, import.meta.url), "utf8");
    const failure = await failureOf(make, status, body);
    expect(failure).toMatchObject({ retryable: false, status, model: "m", ...due });
    expect(failure.message).toContain(String(failure.provider));
  });
});

test.each<[string, Make, Record<string, string>, Due]>([
  ["OpenAI's", openai, { "x-request-id": "req_1" }, { kind: "rateLimit", requestId: "req_1", retryAfterMs: 1_500 }],
  [
    "Anthropic's",
    claude,
    { "request-id": "req_2", "retry-after": "7" },
    { kind: "rateLimit", requestId: "req_2", retryAfterMs: 7_000 },
  ],
  [
    "OpenRouter's",
    openrouter,
    { "x-generation-id": "gen_3" },
    { kind: "rateLimit", requestId: "gen_3", retryAfterMs: 1_500 },
  ],
  ["xAI's", grok, { "retry-after-ms": "20" }, { kind: "rateLimit", retryAfterMs: 20 }],
])("%s id and wait are on the error; a header says it before the words do", async (_name, make, headers, due) => {
  const body = JSON.stringify({
    error: { message: "Please try again in 1.5s.", type: "requests", code: "rate_limit_exceeded" },
  });
  expect(await failureOf(make, 429, body, headers)).toMatchObject({ status: 429, retryable: true, ...due });
});

test.each([
  ["an event", 'data: {"error":{"message":"Pay.","code":"insufficient_quota"}}\n\n'],
  ["an event with a name", 'event: error\r\ndata: {"error":{"message":"Pay.","code":"insufficient_quota"}}\r\n\r\n'],
])("a refusal that comes as %s is read like any other", async (_form, body) => {
  answer = response(429, body, { "content-type": "text/event-stream" });
  const client = openai({ baseUrl: server.baseUrl, model: "m", apiKey: "k", retries: 0 });
  const error: unknown = await client.sendMessage([{ role: "user", content: "hi" }]).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(SendError);
  expect(error).toMatchObject({ kind: "rateLimit", status: 429, code: "insufficient_quota", retryable: false });
});
