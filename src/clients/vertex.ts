/** Models at Google Cloud (Vertex AI): Gemini, Claude and open models. */

import { commonChat, vertexGemini, vertexMessages } from "#runtime";
import { environmentValue } from "../platform/environment.ts";
import { type ClientOptions, chosenApi, givenOptions, type ProviderDefinition } from "./definition.ts";
import { ProviderClient } from "./provider-client.ts";
import type { GeminiProviderOptions } from "./provider-options.ts";
import { bearer } from "./request-headers.ts";

/** The options of `VertexClient`. */
export interface VertexClientOptions extends ClientOptions {
  readonly providerOptions?: GeminiProviderOptions | undefined;
  /** The id of a model, such as `claude-haiku-4-5@20251001`, or `endpoints/ID` for a tuned Gemini. */
  readonly model: string;
  /**
   * The id of the project. Default: the environment's `GOOGLE_CLOUD_PROJECT`, `GOOGLE_VERTEX_PROJECT` or
   * `GCLOUD_PROJECT` (for Claude first `ANTHROPIC_VERTEX_PROJECT_ID`).
   */
  readonly project?: string | undefined;
  /**
   * A region such as `europe-west1`, `us` or `eu` for all regions there, or `global`. Default: the environment's
   * `GOOGLE_CLOUD_LOCATION` or `GOOGLE_VERTEX_LOCATION` (for Claude first `CLOUD_ML_REGION`), else `global`.
   */
  readonly location?: string | undefined;
  /** The address without a path. Default: the environment's `GOOGLE_VERTEX_BASE_URL`, else the location's host. */
  readonly baseUrl?: string | undefined;
  /**
   * The protocol to use:
   * - `gemini` (default): Gemini's own.
   * - `messages` (default for names that begin with `claude`): Anthropic Messages.
   * - `chat`: Chat Completions, for open models, named `publisher/model`.
   */
  readonly api?: "gemini" | "messages" | "chat" | undefined;
}

/**
 * A client of Google Cloud. `apiKey` is a function that returns an access token, or a string: a token, or a key of the
 * express mode (Gemini only), which needs no project. Without `apiKey`, a token for a project is the environment's
 * `CLOUDLLM_VERTEX_API_KEY`; without a project, a key is that, `GOOGLE_VERTEX_API_KEY`, `GOOGLE_CLOUD_API_KEY` or
 * `GOOGLE_API_KEY`.
 * @throws {TypeError} when Claude or an open model has no project
 * @see https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations
 * @example
 * ```ts
 * import { execFile } from "node:child_process";
 * import { promisify } from "node:util";
 * import { VertexClient } from "cloudllm";
 *
 * const apiKey = async () => (await promisify(execFile)("gcloud", ["auth", "print-access-token"])).stdout.trim();
 * const options = { model: "gemini-3.5-flash-lite", project: "my-project", location: "eu", apiKey };
 * export const client = new VertexClient(options);
 * ```
 */
export class VertexClient extends ProviderClient<GeminiProviderOptions> {
  constructor(options: VertexClientOptions) {
    const { api, project, location, baseUrl, ...rest } = givenOptions(options, "api", "project", "location");
    const chosen = api ?? (/^claude/.test(rest.model) ? "messages" : "gemini");
    const isClaude = chosen === "messages";
    const place = {
      project,
      location: checked("location", /^[a-z0-9-]+$/, location ?? locationInEnvironment(isClaude) ?? "global"),
      origin: (baseUrl ?? environmentValue("GOOGLE_VERTEX_BASE_URL"))?.replace(/\/+$/, ""),
    };
    const address = addressOf(place, chosen, rest);
    const common = {
      provider: "vertex",
      keyNames: address.takesKeys ? KEYS : KEYS.slice(0, 1), // a project needs a token
      authenticate: (key: string) => (isToken(key) ? bearer(key) : { "x-goog-api-key": key }),
      authenticateToken: bearer,
    } as const;
    const apis = {
      gemini: () => ({ ...common, baseUrl: address.url, protocol: vertexGemini }),
      messages: () => ({ ...common, baseUrl: address.url, protocol: vertexMessages }),
      chat: () => ({ ...common, baseUrl: `${address.url}/endpoints/openapi`, protocol: commonChat }),
    } satisfies Record<string, () => ProviderDefinition>;
    super(chosenApi(apis, chosen), rest);
  }
}

const KEYS = ["CLOUDLLM_VERTEX_API_KEY", "GOOGLE_VERTEX_API_KEY", "GOOGLE_CLOUD_API_KEY", "GOOGLE_API_KEY"];

/** Access tokens of Google and of identity providers. All other strings are keys of the express mode. */
function isToken(key: string): boolean {
  return /^(ya29\.|ey[\w-]+\.)/.test(key);
}

interface Place {
  readonly project: string | undefined;
  readonly location: string;
  /** The address in place of the location's host. */
  readonly origin: string | undefined;
}

/**
 * Returns the address of a project, or that of the express mode. A given project or key counts before those of the
 * environment, whose project counts before its key.
 */
function addressOf(
  { project: given, location, origin = originOf(location) }: Place,
  api: string,
  { apiKey }: ClientOptions,
): { readonly url: string; readonly takesKeys: boolean } {
  const isExpressKey = typeof apiKey === "string" && !isToken(apiKey);
  const project = checked(
    "project",
    /^[a-zA-Z0-9_-][a-zA-Z0-9_.:-]*$/,
    given ?? (isExpressKey ? undefined : projectInEnvironment(api === "messages")),
  );
  if (project === undefined) {
    if (api === "gemini" && typeof apiKey !== "function" && (apiKey === undefined || isExpressKey))
      return { url: `${origin}/v1`, takesKeys: true };
    throw new TypeError("The project is missing. Pass `project`, or set GOOGLE_CLOUD_PROJECT.");
  }
  return { url: `${origin}/v1/projects/${project}/locations/${location}`, takesKeys: false };
}

function originOf(location: string): string {
  if (location === "global") return "https://aiplatform.googleapis.com";
  if (location === "us" || location === "eu") return `https://aiplatform.${location}.rep.googleapis.com`;
  return `https://${location}-aiplatform.googleapis.com`;
}

function projectInEnvironment(isClaude: boolean): string | undefined {
  const names = ["GOOGLE_CLOUD_PROJECT", "GOOGLE_VERTEX_PROJECT", "GCLOUD_PROJECT"];
  return firstIn(isClaude ? ["ANTHROPIC_VERTEX_PROJECT_ID", ...names] : names);
}

function locationInEnvironment(isClaude: boolean): string | undefined {
  const names = ["GOOGLE_CLOUD_LOCATION", "GOOGLE_VERTEX_LOCATION"];
  return firstIn(isClaude ? ["CLOUD_ML_REGION", ...names] : names);
}

function firstIn(names: readonly string[]): string | undefined {
  return names.map(environmentValue).find((value) => value !== undefined);
}

/** Returns the value, which becomes a part of the address that receives the key. */
function checked<Value extends string | undefined>(name: string, pattern: RegExp, value: Value): Value {
  if (value === undefined || (typeof value === "string" && pattern.test(value))) return value;
  throw new TypeError(`\`${name}\` is invalid: ${JSON.stringify(value)}.`);
}
