/** Nimbus, a provider that does not exist and speaks everything. */

import {
  type ClientOptions,
  chosenApi,
  givenOptions,
  type ProviderDefinition,
} from "../../../src/clients/definition.ts";
import { ProviderClient } from "../../../src/clients/provider-client.ts";
import { anthropicMessages } from "../../../src/protocols/anthropic-messages/protocol.ts";
import { chatCompletions } from "../../../src/protocols/chat-completions/protocol.ts";
import { gemini } from "../../../src/protocols/gemini/protocol.ts";
import { OPENAI_RESPONSES } from "../../../src/protocols/responses/dialects.ts";
import { responses } from "../../../src/protocols/responses/protocol.ts";

/** Its name in messages and errors, and where its key is looked for. */
const COMMON = { provider: "nimbus", keyNames: ["CLOUDLLM_NIMBUS_API_KEY", "NIMBUS_API_KEY"] } as const;

/** @see https://nimbus.example/docs/api */
const APIS = {
  chat: () => ({
    ...COMMON,
    baseUrl: "https://api.nimbus.example/v1",
    protocol: chatCompletions({ maxTokensField: "max_tokens", streamOptions: { include_usage: true } }),
  }),
  responses: () => ({
    ...COMMON,
    baseUrl: "https://api.nimbus.example/v1",
    protocol: responses(OPENAI_RESPONSES),
  }),
  messages: () => ({
    ...COMMON,
    baseUrl: "https://api.nimbus.example",
    protocol: anthropicMessages,
    authenticate: (key) => ({ "x-api-key": key }),
  }),
  gemini: () => ({
    ...COMMON,
    baseUrl: "https://api.nimbus.example",
    protocol: gemini,
    authenticate: (key) => ({ "x-goog-api-key": key }),
  }),
} as const satisfies Record<string, () => ProviderDefinition>;

/** What `NimbusClient` takes. */
export interface NimbusClientOptions extends ClientOptions {
  /** The protocol to speak. Default `chat`. */
  readonly api?: "chat" | "responses" | "messages" | "gemini" | undefined;
}

/** Talks to Nimbus. Key: `apiKey`, else the environment's `CLOUDLLM_NIMBUS_API_KEY` or `NIMBUS_API_KEY`. */
export class NimbusClient extends ProviderClient {
  constructor(options: NimbusClientOptions) {
    const { api, ...rest } = givenOptions(options, "api");
    super(chosenApi(APIS, api ?? "chat"), rest);
  }
}
