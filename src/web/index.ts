/** The public face of `cloudllm/web`. */

export type { MessageChunk } from "../contract/chunk.ts";
export type { ClientWrapper, TypedClient } from "../contract/client.ts";
export { SendError } from "../contract/errors.ts";
export type { AssistantMessage, Message } from "../contract/message.ts";
export type { SendOptions } from "../contract/options.ts";
export type { MessageStream } from "../stream/message-stream.ts";
export { partialObject } from "./partial-object.ts";
export { type RelayClient, type RelayClientOptions, relayClient } from "./relay-client.ts";
export type { RelayHeaders } from "./requests.ts";
