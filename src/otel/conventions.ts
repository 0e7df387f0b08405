/**
 * The names of OpenTelemetry's conventions for generative AI: semantic-conventions-genai v0.1.0, as of 2026-11-29. All
 * but `error.type` and `server.*` are in development, so this file has all of them.
 * @see https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/client-inference.md
 */

import type { FinishReason } from "../contract/finish-reason.ts";

/** The attributes of a call. */
export const ATTRIBUTE = {
  operation: "gen_ai.operation.name",
  provider: "gen_ai.provider.name",
  requestModel: "gen_ai.request.model",
  serverAddress: "server.address",
  serverPort: "server.port",
  errorType: "error.type",
  outputType: "gen_ai.output.type",
  seed: "gen_ai.request.seed",
  stream: "gen_ai.request.stream",
  topK: "gen_ai.request.top_k",
  topP: "gen_ai.request.top_p",
  temperature: "gen_ai.request.temperature",
  frequencyPenalty: "gen_ai.request.frequency_penalty",
  presencePenalty: "gen_ai.request.presence_penalty",
  maxTokens: "gen_ai.request.max_tokens",
  stopSequences: "gen_ai.request.stop_sequences",
  reasoningLevel: "gen_ai.request.reasoning.level",
  previousResponse: "gen_ai.request.previous_response.id",
  responseId: "gen_ai.response.id",
  responseModel: "gen_ai.response.model",
  finishReasons: "gen_ai.response.finish_reasons",
  timeToFirstChunk: "gen_ai.response.time_to_first_chunk",
  inputMessages: "gen_ai.input.messages",
  outputMessages: "gen_ai.output.messages",
  systemInstructions: "gen_ai.system_instructions",
  toolDefinitions: "gen_ai.tool.definitions",
  modality: "gen_ai.token.modality",
  httpStatus: "http.response.status_code",
  toolName: "gen_ai.tool.name",
  toolCallId: "gen_ai.tool.call.id",
  toolType: "gen_ai.tool.type",
  toolDescription: "gen_ai.tool.description",
  toolArguments: "gen_ai.tool.call.arguments",
  toolResult: "gen_ai.tool.call.result",
} as const;

/** The attributes of this library, in addition to the conventions. */
export const OWN = {
  attempts: "cloudllm.attempts",
  requestId: "cloudllm.request_id",
  errorCode: "cloudllm.error.code",
  rawFinishReason: "cloudllm.finish_reason.raw",
  estimated: "cloudllm.usage.estimated",
  estimatedInput: "cloudllm.usage.estimated.input_tokens",
  estimatedOutput: "cloudllm.usage.estimated.output_tokens",
  attemptEvent: "cloudllm.attempt",
} as const;

/** The instruments. */
export const METRIC = {
  duration: "gen_ai.client.inference.duration",
  timeToFirstChunk: "gen_ai.client.inference.time_to_first_chunk",
  timePerOutputChunk: "gen_ai.client.inference.time_per_output_chunk",
  inputTokens: "gen_ai.client.inference.usage.input_tokens",
  outputTokens: "gen_ai.client.inference.usage.output_tokens",
  cacheReadTokens: "gen_ai.client.inference.usage.cache_read.input_tokens",
  cacheWriteTokens: "gen_ai.client.inference.usage.cache_write.input_tokens",
  reasoningTokens: "gen_ai.client.inference.usage.reasoning.output_tokens",
  operationInput: "gen_ai.client.inference.operation.input_tokens",
  operationOutput: "gen_ai.client.inference.operation.output_tokens",
  toolDuration: "gen_ai.execute_tool.duration",
} as const;

/** Bucket boundaries of durations, in seconds. */
export const SECONDS: readonly number[] = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];

/** Bucket boundaries of counts of tokens. */
export const TOKENS: readonly number[] = [
  1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864,
];

/** Names of our clients that the conventions spell otherwise. A name that is not here stays as it is. */
const PROVIDERS: Readonly<Record<string, string>> = {
  gemini: "gcp.gemini",
  vertex: "gcp.vertex_ai",
  bedrock: "aws.bedrock",
  azure: "azure.ai.openai",
  xai: "x_ai",
  grok: "x_ai",
  mistral: "mistral_ai",
  moonshot: "moonshot_ai",
};

/** Returns the conventions' name of a provider. */
export function providerNameOf(provider: string): string {
  return Object.hasOwn(PROVIDERS, provider) ? (PROVIDERS[provider] ?? provider) : provider;
}

/**
 * The conventions' words for our finish reasons. `refusal` has no word of its own. A reason that was expected and did
 * not come is `error`.
 */
const FINISH_REASONS: Readonly<Record<Exclude<FinishReason, "unknown">, string>> = {
  stop: "stop",
  length: "length",
  toolCalls: "tool_call",
  contentFilter: "content_filter",
  refusal: "content_filter",
  stopped: "error",
  budget: "error",
  interrupted: "error",
};

/** Returns the conventions' word for the end of a reply. */
export function finishReasonOf(reason: FinishReason, raw: string | undefined): string {
  if (reason !== "unknown") return FINISH_REASONS[reason];
  return raw ? raw.toLowerCase() : "error";
}
