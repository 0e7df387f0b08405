/** The public face of `cloudllm`. */

export type { KeyFunction, KeyRequest, RequestToSign, SignRequest } from "./call/authorization.ts";
export type { AwsCredentials, AwsCredentialsFunction } from "./call/aws-credentials.ts";
export { type AwsSignerOptions, awsSigner } from "./call/aws-signer.ts";
export type { ObservedRequest, ObservedResponse } from "./call/observers.ts";
export { AzureClient, type AzureClientOptions } from "./clients/azure.ts";
export { BedrockClient, type BedrockClientOptions } from "./clients/bedrock.ts";
export { ClaudeClient, type ClaudeClientOptions } from "./clients/claude.ts";
export { CompatibleClient, type CompatibleClientOptions, type CompatiblePreset } from "./clients/compatible.ts";
export type { ClientOptions, ProviderDefinition } from "./clients/definition.ts";
export { GeminiClient, type GeminiClientOptions } from "./clients/gemini.ts";
export { GrokClient, type GrokClientOptions } from "./clients/grok.ts";
export { type HttpGetOptions, httpGet } from "./clients/http-get.ts";
export {
  ClaudeModel,
  type ClaudeModelId,
  GeminiModel,
  type GeminiModelId,
  GrokModel,
  type GrokModelId,
  OpenAIModel,
  type OpenAIModelId,
} from "./clients/models.ts";
export { OllamaClient, type OllamaClientOptions } from "./clients/ollama.ts";
export { OpenAIClient, type OpenAIClientOptions } from "./clients/openai.ts";
export { OpenRouterClient, type OpenRouterClientOptions } from "./clients/openrouter.ts";
export { ProviderClient } from "./clients/provider-client.ts";
export type {
  ClaudeProviderOptions,
  GeminiProviderOptions,
  GrokProviderOptions,
  OllamaProviderOptions,
  OpenAIProviderOptions,
  OpenRouterProviderOptions,
} from "./clients/provider-options.ts";
export { VertexClient, type VertexClientOptions } from "./clients/vertex.ts";
export type {
  CitationChunk,
  FinalChunk,
  MediaChunk,
  MessageChunk,
  ProviderToolCallChunk,
  ReasoningChunk,
  RewindChunk,
  TextChunk,
  ToolCallChunk,
  ToolCallDeltaChunk,
  ToolResultChunk,
} from "./contract/chunk.ts";
export type { ClientWrapper, ReplyTo, TypedClient } from "./contract/client.ts";
export type { ContentFilterFinding } from "./contract/content-filter.ts";
export type { SendErrorKind, TimeoutPhase } from "./contract/error-kind.ts";
export { SendError, type SendErrorData, type SendErrorFacts } from "./contract/errors.ts";
export type { FinishReason } from "./contract/finish-reason.ts";
export type { InferArguments, InferSchema } from "./contract/infer-schema.ts";
export {
  type AssistantMessage,
  type AssistantTurn,
  type AttachmentSource,
  type Citation,
  type ContentPart,
  type FilePart,
  type ImagePart,
  type Media,
  type Message,
  type MessageWithOutput,
  type ProviderToolCall,
  type RateLimit,
  type RateLimits,
  type Replay,
  Role,
  type SearchActivity,
  type SystemMessage,
  type TextPart,
  type TokenLogprob,
  type ToolCall,
  type ToolMessage,
  type UnfinishedToolCall,
  type UserMessage,
} from "./contract/message.ts";
export type { Attempt, ReplyMetrics } from "./contract/metrics.ts";
export type {
  Approval,
  PromptCache,
  ReasoningEffort,
  Recovery,
  SearchParameters,
  SendOptions,
  Tool,
  ToolApproval,
  ToolChoice,
  ToolContext,
} from "./contract/options.ts";
export type { RetryOptions } from "./contract/retry-policy.ts";
export type { JsonSchema, Schema, SchemaIssue, SchemaResult, StandardSchema } from "./contract/schema.ts";
export type { Timeouts } from "./contract/timeouts.ts";
export type { TokenCount } from "./contract/token-count.ts";
export { type ToolDefinition, tool } from "./contract/tool.ts";
export { completeUsageOf, type ReplyUsage, type TokenUsage } from "./contract/usage.ts";
export type {
  BackgroundReplies,
  Decoder,
  Endpoint,
  Protocol,
  ProtocolRequest,
  ReplyPosition,
  TokenCounting,
} from "./protocols/protocol.ts";
export type { CircuitOptions } from "./reliability/circuit-breaker.ts";
export { type FallbackOptions, fallback } from "./reliability/fallback.ts";
export { type HedgeOptions, hedge } from "./reliability/hedge.ts";
export { rateLimit } from "./reliability/rate-limit.ts";
export type { RateLimitOptions } from "./reliability/rate-limit-options.ts";
export type { SharedAnswer, SharedCall, SharedWindow } from "./reliability/shared-window.ts";
export type { AnsweredCall, CallAnswer, StoredAnswer } from "./session/call-answer.ts";
export type { TurnInput } from "./session/history.ts";
export type { OpenOptions, RestoreOptions, SessionOptions, TurnOptions } from "./session/options.ts";
export type { SessionRecord } from "./session/record.ts";
export type { SavedSession } from "./session/saved-session.ts";
export { LLMSession } from "./session/session.ts";
export type { SessionSnapshot } from "./session/snapshot.ts";
export type { ListOptions, SessionPage, SessionStore, StoredSession } from "./session/store.ts";
export type { CostOf, TurnBudget } from "./session/turn-budget.ts";
export type { SessionUsage, TurnUsage } from "./session/usage.ts";
export { MemoryStore } from "./store/memory.ts";
export type { DeepPartial } from "./stream/deep-partial.ts";
export { MessageStream, type StreamOptions } from "./stream/message-stream.ts";
export { type ClientParts, clientOf, openStream } from "./stream/open-stream.ts";
export { PartialJson } from "./stream/partial-json.ts";
export type { ReplyFacts } from "./stream/reply-facts.ts";
export { type ReportWaitingOptions, reportWaiting, type Waiting } from "./stream/report-waiting.ts";
export type { ChunkSink, ChunkSource, DrainLimits } from "./stream/source.ts";
export { estimateTokens, type TokenCounter } from "./tokens/estimate.ts";
export type { FetchLike } from "./transport/fetch.ts";
export type { HttpAgent } from "./transport/network.ts";
