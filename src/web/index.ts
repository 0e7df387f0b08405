/** The public face of `cloudllm/web`. */

export type { MessageChunk } from "../contract/chunk.ts";
export type { ClientWrapper, TypedClient } from "../contract/client.ts";
export { SendError } from "../contract/errors.ts";
export type { AssistantMessage, Message } from "../contract/message.ts";
export type { SendOptions } from "../contract/options.ts";
export { completeUsageOf, type ReplyUsage } from "../contract/usage.ts";
export type { ChatMessage, ChatReply, ChatToolCall, ChatUserMessage } from "../dialects/native/chat-message.ts";
export type { CallApproval, ChatList, ChatSummary, ShownHistory as ChatHistory } from "../dialects/native/wire.ts";
export type { MessageStream } from "../stream/message-stream.ts";
export { type ReportWaitingOptions, reportWaiting, type Waiting } from "../stream/report-waiting.ts";
export type { Chat, ChatOptions, ChatSnapshot, ChatStatus, ChatsOptions } from "./chat.ts";
export { type Chats, createChats } from "./chats.ts";
export { partialObject } from "./partial-object.ts";
export { type RelayClient, type RelayClientOptions, relayClient } from "./relay-client.ts";
export type { RelayHeaders } from "./requests.ts";
