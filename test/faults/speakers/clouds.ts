/** The clients of clouds, each in each of its protocols, with its path and its credential. */

import { AzureClient, BedrockClient, type ClientOptions, type ProviderClient, VertexClient } from "cloudllm";
import { anthropic } from "./anthropic.ts";
import { chat } from "./chat.ts";
import { gemini } from "./gemini.ts";
import { responses } from "./responses.ts";
import type { Speaker } from "./speaker.ts";

export const CLOUD_NAMES = ["Azure", "Bedrock", "Vertex"] as const;
export type CloudName = (typeof CLOUD_NAMES)[number];

type Options = Omit<ClientOptions, "baseUrl" | "model" | "apiKey">;

/** One protocol at one cloud. */
export interface Cloud extends Speaker {
  readonly cloud: CloudName;
  readonly path: string;
  /** The header that carries a credential which changes. */
  readonly header: string;
  /** A client that asks a function for the credential of each request. */
  changing(origin: string, keys: () => Promise<string>, options: Options): ProviderClient;
}

type Own = Pick<Cloud, "cloud" | "path" | "changing"> & Partial<Pick<Cloud, "header" | "client">>;

/** In the table's other faults, its credential is a key that stays where it takes one, else one that changes. */
function cloudOf(base: Speaker, own: Own): Cloud {
  const client: Speaker["client"] = (origin, { apiKey, ...options }) =>
    own.changing(origin, async () => String(apiKey), options);
  const provider = own.cloud.toLowerCase();
  const program = `${own.cloud}, ${base.protocol}`;
  return { ...base, provider, program, header: "authorization", asksAgain: own.client === undefined, client, ...own };
}

const MODEL = "m-1";
const AWS = { region: "eu-west-1", model: MODEL } as const;
const GOOGLE = { project: "my-project", location: "eu", model: MODEL } as const;
const PLACE = "/v1/projects/my-project/locations/eu";

function azure(origin: string, api: "responses" | "chat" | "messages", options: Partial<ClientOptions>): AzureClient {
  const path = api === "messages" ? "/anthropic" : "/openai/v1";
  return new AzureClient({ ...options, model: MODEL, api, baseUrl: origin + path });
}

function bedrock(origin: string, api: "responses" | "chat", options: Partial<ClientOptions>): BedrockClient {
  return new BedrockClient({ ...options, ...AWS, api, baseUrl: `${origin}/openai/v1` });
}

export const CLOUDS: readonly Cloud[] = [
  cloudOf(responses, {
    cloud: "Azure",
    path: "/openai/v1/responses",
    client: (origin, options) => azure(origin, "responses", options),
    changing: (origin, apiKey, options) => azure(origin, "responses", { ...options, apiKey }),
  }),
  cloudOf(chat, {
    cloud: "Azure",
    path: "/openai/v1/chat/completions",
    changing: (origin, apiKey, options) => azure(origin, "chat", { ...options, apiKey }),
  }),
  cloudOf(anthropic, {
    cloud: "Azure",
    path: "/anthropic/v1/messages",
    client: (origin, options) => azure(origin, "messages", options),
    changing: (origin, apiKey, options) => azure(origin, "messages", { ...options, apiKey }),
  }),
  cloudOf(anthropic, {
    cloud: "Bedrock",
    path: "/anthropic/v1/messages",
    header: "x-amz-security-token",
    changing(origin, keys, options) {
      const credentials = async () => {
        const sessionToken = await keys();
        return { accessKeyId: sessionToken && "AKIDEXAMPLE", secretAccessKey: "a-secret-of-aws", sessionToken };
      };
      return new BedrockClient({ ...options, ...AWS, api: "messages", credentials, baseUrl: `${origin}/anthropic` });
    },
  }),
  cloudOf(responses, {
    cloud: "Bedrock",
    path: "/openai/v1/responses",
    client: (origin, options) => bedrock(origin, "responses", options),
    changing: (origin, apiKey, options) => bedrock(origin, "responses", { ...options, apiKey }),
  }),
  cloudOf(chat, {
    cloud: "Bedrock",
    path: "/openai/v1/chat/completions",
    changing: (origin, apiKey, options) => bedrock(origin, "chat", { ...options, apiKey }),
  }),
  cloudOf(gemini, {
    cloud: "Vertex",
    path: `${PLACE}/publishers/google/models/m-1:streamGenerateContent?alt=sse`,
    changing: (baseUrl, apiKey, options) => new VertexClient({ ...options, ...GOOGLE, apiKey, baseUrl }),
  }),
  cloudOf(anthropic, {
    cloud: "Vertex",
    path: `${PLACE}/publishers/anthropic/models/m-1:streamRawPredict`,
    changing: (baseUrl, apiKey, options) =>
      new VertexClient({ ...options, ...GOOGLE, apiKey, baseUrl, api: "messages" }),
  }),
  cloudOf(chat, {
    cloud: "Vertex",
    path: `${PLACE}/endpoints/openapi/chat/completions`,
    changing: (baseUrl, apiKey, options) => new VertexClient({ ...options, ...GOOGLE, apiKey, baseUrl, api: "chat" }),
  }),
];
