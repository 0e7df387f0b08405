/** Zephyr, a provider that does not exist and speaks Anthropic Messages. */

import type { ClientOptions, ProviderDefinition } from "../../../src/clients/definition.ts";
import { ProviderClient } from "../../../src/clients/provider-client.ts";
import { anthropicMessages } from "../../../src/protocols/anthropic-messages/protocol.ts";

/** @see https://zephyr.example/docs/api */
const ZEPHYR = {
  provider: "zephyr",
  baseUrl: "https://api.zephyr.example",
  keyNames: ["CLOUDLLM_ZEPHYR_API_KEY", "ZEPHYR_API_KEY"],
  protocol: anthropicMessages,
  authenticate: (key) => ({ "x-api-key": key }),
} as const satisfies ProviderDefinition;

/** Talks to Zephyr. Key: `apiKey`, else the environment's `CLOUDLLM_ZEPHYR_API_KEY` or `ZEPHYR_API_KEY`. */
export class ZephyrClient extends ProviderClient {
  constructor(options: ClientOptions) {
    super(ZEPHYR, options);
  }
}
