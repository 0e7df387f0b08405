/** `cloudllm/embedded`: a toy model that runs in this process. */

export { EmbeddedClient, type EmbeddedClientOptions } from "./embedded-client.ts";
