/** `cloudllm/server`: the relay, the logs that keep its replies, and the gateway for programs. */

export { agUi } from "../dialects/ag-ui/dialect.ts";
export { type AiSdkOptions, aiSdk, aiSdkWith } from "../dialects/ai-sdk/dialect.ts";
export type {
  BodyRoute,
  Dialect,
  DialectBody,
  DialectStart,
  EncoderOf,
  ReplyEncoder,
  ReplyEvent,
  ReplyView,
  RequestHeaders,
  RequestLine,
  StartContext,
} from "../dialects/dialect.ts";
export { native } from "../dialects/native/dialect.ts";
export { bearerKey } from "./gateway/bearer-key.ts";
export { createGateway, type Gateway } from "./gateway/gateway.ts";
export type { GatewayLimits, GatewayOptions } from "./gateway/options.ts";
export { type NodeHandler, type NodeResponse, toNode } from "./http/node-adapter.ts";
export type { NodeRequest } from "./http/node-request.ts";
export type { EntryId } from "./log/entry-id.ts";
export type {
  ChatRun,
  LogEntry,
  LogPage,
  LogWriter,
  ReplyLog,
  RunEnd,
  RunHead,
  RunRequest,
  WriterState,
} from "./log/log.ts";
export { type MemoryLogOptions, memoryLog } from "./log/memory-log.ts";
export type {
  AllowedOption,
  Authorize,
  Caller,
  Exposure,
  HistoryRule,
  LimitAnswer,
  PolicyOptions,
  RelayLimits,
  SharedChat,
} from "./policy/policy-options.ts";
export { createRelay, type Relay } from "./relay.ts";
export type { RelayOptions } from "./relay-options.ts";
export type { SessionSetup } from "./run/session-turn.ts";
