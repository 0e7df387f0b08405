/** Models at Microsoft Azure: OpenAI's, and Claude in Foundry. */

import { azureChat, azureResponses, claudeMessages } from "#runtime";
import { environmentValue } from "../platform/environment.ts";
import { type ClientOptions, chosenApi, givenOptions, type ProviderDefinition } from "./definition.ts";
import { ProviderClient } from "./provider-client.ts";
import type { OpenAIProviderOptions } from "./provider-options.ts";
import { bearer } from "./request-headers.ts";

const AZURE_KEYS = ["CLOUDLLM_AZURE_API_KEY", "AZURE_OPENAI_API_KEY", "AZURE_API_KEY"] as const;

/** A string is a key of the resource; a function returns tokens of Microsoft Entra ID. */
const OPENAI = {
  provider: "azure",
  keyNames: AZURE_KEYS,
  authenticate: (key: string) => ({ "api-key": key }),
  authenticateToken: bearer,
} as const;

const CLAUDE = {
  provider: "azure",
  keyNames: ["CLOUDLLM_AZURE_API_KEY", "ANTHROPIC_FOUNDRY_API_KEY", "AZURE_API_KEY"],
  authenticate: (key: string) => ({ "x-api-key": key }),
  authenticateToken: bearer,
} as const;

/** The options of `AzureClient`. */
export interface AzureClientOptions extends ClientOptions {
  readonly providerOptions?: OpenAIProviderOptions | undefined;
  /** The name of the deployment. The client knows what a model takes if the deployment has the model's name. */
  readonly model: string;
  /** The name of the resource, in place of a `baseUrl`. */
  readonly resource?: string | undefined;
  /**
   * The protocol to use:
   * - `responses` (default) and `chat`: OpenAI's. The `baseUrl` ends in `/openai/v1`.
   * - `messages` (default for names that begin with `claude`): Claude in Foundry. The `baseUrl` ends in `/anthropic`.
   */
  readonly api?: "responses" | "chat" | "messages" | undefined;
}

/**
 * A client of Azure, over its v1 API. Address: `baseUrl`, or `resource`, else the environment's
 * `AZURE_OPENAI_BASE_URL`, `AZURE_OPENAI_ENDPOINT`, `AZURE_RESOURCE_NAME` or `AZURE_OPENAI_RESOURCE_NAME` (for Claude
 * also `ANTHROPIC_FOUNDRY_BASE_URL` and `ANTHROPIC_FOUNDRY_RESOURCE`). Key: `apiKey`, else the environment's
 * `CLOUDLLM_AZURE_API_KEY`, `AZURE_OPENAI_API_KEY` (for Claude `ANTHROPIC_FOUNDRY_API_KEY`) or `AZURE_API_KEY`. A
 * function `apiKey` returns a token of Microsoft Entra ID.
 * @throws {TypeError} when there is no address
 * @see https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle
 * @example
 * ```ts
 * import { AzureClient } from "cloudllm";
 *
 * export const client = new AzureClient({ model: "gpt-6-luna", resource: "my-resource" });
 * ```
 */
export class AzureClient extends ProviderClient<OpenAIProviderOptions> {
  constructor(options: AzureClientOptions) {
    const { api, resource, ...rest } = givenOptions(options, "api", "resource");
    const chosen = api ?? (/^claude/.test(rest.model) ? "messages" : "responses");
    const baseUrl = rest.baseUrl ?? (chosen === "messages" ? claudeAddress(resource) : openaiAddress(resource));
    const apis = {
      responses: () => ({ ...OPENAI, baseUrl, protocol: azureResponses }),
      chat: () => ({ ...OPENAI, baseUrl, protocol: azureChat }),
      messages: () => ({ ...CLAUDE, baseUrl, protocol: claudeMessages }),
    } satisfies Record<string, () => ProviderDefinition>;
    super(chosenApi(apis, chosen), rest);
  }
}

function openaiAddress(resource: string | undefined): string {
  if (resource !== undefined) return `https://${label(resource)}.openai.azure.com/openai/v1`;
  const url = environmentValue("AZURE_OPENAI_BASE_URL");
  if (url !== undefined) return url;
  const endpoint = environmentValue("AZURE_OPENAI_ENDPOINT")?.replace(/\/+$/, "");
  if (endpoint !== undefined) return endpoint.endsWith("/openai/v1") ? endpoint : `${endpoint}/openai/v1`;
  return openaiAddress(resourceInEnvironment("AZURE_RESOURCE_NAME", "AZURE_OPENAI_RESOURCE_NAME"));
}

function claudeAddress(resource: string | undefined): string {
  if (resource !== undefined) return `https://${label(resource)}.services.ai.azure.com/anthropic`;
  const url = environmentValue("ANTHROPIC_FOUNDRY_BASE_URL");
  return url ?? claudeAddress(resourceInEnvironment("ANTHROPIC_FOUNDRY_RESOURCE", "AZURE_RESOURCE_NAME"));
}

function resourceInEnvironment(...names: readonly string[]): string {
  for (const name of names) {
    const resource = environmentValue(name);
    if (resource !== undefined) return resource;
  }
  throw new TypeError(`The address is missing. Pass \`resource\` or \`baseUrl\`, or set ${names.join(" or ")}.`);
}

/** Returns the resource's name, which becomes a part of the host that receives the key. */
function label(resource: string): string {
  if (typeof resource === "string" && /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(resource)) return resource;
  throw new TypeError("`resource` must be the name of a resource: 1 to 63 letters, digits and hyphens.");
}
