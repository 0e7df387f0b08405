/** The public face of `cloudllm/web`. */

export type { ClientWrapper, TypedClient } from "../contract/client.ts";
export { SendError } from "../contract/errors.ts";
export { partialObject } from "./partial-object.ts";
export { type RelayClient, type RelayClientOptions, relayClient } from "./relay-client.ts";
export type { RelayHeaders } from "./requests.ts";
