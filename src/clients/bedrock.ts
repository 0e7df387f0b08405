/** Models at Amazon Bedrock. */

import { bedrockChat, bedrockMessages, bedrockResponses, mantleMessages } from "#runtime";
import { type AwsCredentials, type AwsCredentialsFunction, areCredentials } from "../call/aws-credentials.ts";
import { awsSigner } from "../call/aws-signer.ts";
import { SendError } from "../contract/errors.ts";
import { environmentValue } from "../platform/environment.ts";
import { type ClientOptions, chosenApi, givenOptions, type ProviderDefinition } from "./definition.ts";
import { ProviderClient } from "./provider-client.ts";

/** The options of `BedrockClient`. */
export interface BedrockClientOptions extends ClientOptions {
  /** The id of a model or of an inference profile, such as `global.anthropic.claude-opus-5-5`. */
  readonly model: string;
  /** Such as `us-east-1`. Default: the environment's `AWS_REGION` or `AWS_DEFAULT_REGION`. */
  readonly region?: string | undefined;
  /**
   * Signs the requests, in place of a key. Default: the environment's `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and
   * `AWS_SESSION_TOKEN`. A function is called before each request: it can ask the AWS SDK's provider chain.
   */
  readonly credentials?: AwsCredentials | AwsCredentialsFunction | undefined;
  /**
   * The service:
   * - `runtime` (default): `bedrock-runtime`.
   * - `mantle`: `bedrock-mantle`.
   */
  readonly endpoint?: "runtime" | "mantle" | undefined;
  /**
   * The protocol to use:
   * - `messages` (default for Claude): Anthropic Messages. The `baseUrl` ends in `/anthropic`.
   * - `responses` (default for OpenAI's GPT models): the `baseUrl` ends in `/openai/v1`.
   * - `chat` (default for all others): Chat Completions, at the same `baseUrl`.
   */
  readonly api?: "messages" | "responses" | "chat" | undefined;
}

/**
 * A client of Amazon Bedrock. Key: `apiKey`, or `credentials`, else the environment's `CLOUDLLM_BEDROCK_API_KEY` or
 * `AWS_BEARER_TOKEN_BEDROCK`, else its AWS credentials, which sign each request (Signature Version 4). Profiles, SSO
 * and roles are the business of a `credentials` function.
 * @throws {TypeError} when there is no region
 * @see https://docs.aws.amazon.com/bedrock/latest/userguide/endpoints.html
 * @example
 * ```ts
 * import { BedrockClient } from "cloudllm";
 *
 * export const client = new BedrockClient({ model: "global.anthropic.claude-haiku-5-5", region: "eu-central-1" });
 * ```
 */
export class BedrockClient extends ProviderClient {
  constructor(options: BedrockClientOptions) {
    const {
      api,
      region: given,
      credentials,
      endpoint = "runtime",
      ...rest
    } = givenOptions(options, "api", "region", "credentials", "endpoint");
    if (endpoint !== "runtime" && endpoint !== "mantle")
      throw new TypeError(`Unknown \`endpoint\` ${JSON.stringify(endpoint)}. Valid values: runtime, mantle.`);
    if (credentials !== undefined && typeof credentials !== "function" && !areCredentials(credentials))
      throw new TypeError("`credentials` must be { accessKeyId, secretAccessKey, sessionToken? } or a function.");
    const anyRegion = given ?? environmentValue("AWS_REGION") ?? environmentValue("AWS_DEFAULT_REGION");
    // A key at an address of its own needs none.
    const region = checkedRegion(anyRegion ?? (rest.baseUrl && rest.apiKey ? "us-east-1" : undefined));
    const chosen = api ?? apiOf(rest.model);
    const common = {
      provider: "bedrock",
      // Credentials that are given take precedence over a key of the environment.
      keyNames: credentials === undefined ? ["CLOUDLLM_BEDROCK_API_KEY", "AWS_BEARER_TOKEN_BEDROCK"] : [],
      keyOptional: true,
      sign: awsSigner({
        region,
        service: endpoint === "mantle" ? "bedrock-mantle" : "bedrock",
        credentials: credentials ?? credentialsFromEnvironment,
      }),
    } as const;
    const baseUrl = addressOf(endpoint, chosen, region, rest.model);
    const apis = {
      messages: () => ({ ...common, baseUrl, protocol: endpoint === "mantle" ? mantleMessages : bedrockMessages }),
      responses: () => ({ ...common, baseUrl, protocol: bedrockResponses }),
      chat: () => ({ ...common, baseUrl, protocol: bedrockChat }),
    } satisfies Record<string, () => ProviderDefinition>;
    super(chosenApi(apis, chosen), rest);
  }
}

/** OpenAI's models but for those with open weights. */
const GPT = /(^|\.)openai\.gpt-(?!oss)/;

function apiOf(model: string): "messages" | "responses" | "chat" {
  if (/(^|\.)anthropic\./.test(model)) return "messages";
  return GPT.test(model) ? "responses" : "chat";
}

function addressOf(endpoint: "runtime" | "mantle", api: string, region: string, model: string): string {
  const own = environmentValue(api === "messages" ? "ANTHROPIC_BEDROCK_MANTLE_BASE_URL" : "AWS_BEDROCK_BASE_URL");
  if (own !== undefined && (api !== "messages" || endpoint === "mantle")) return own;
  const suffix = region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  const host = endpoint === "mantle" ? `bedrock-mantle.${region}.api.aws` : `bedrock-runtime.${region}.${suffix}`;
  if (api === "messages") return `https://${host}/anthropic`;
  // Mantle refuses each model on the other path.
  return endpoint === "mantle" && !GPT.test(model) ? `https://${host}/v1` : `https://${host}/openai/v1`;
}

/** Returns the region, which becomes a part of the host that receives the key. */
function checkedRegion(region: string | undefined): string {
  if (region === undefined) throw new TypeError("The region is missing. Pass `region`, or set AWS_REGION.");
  if (typeof region === "string" && /^[a-z]{2,8}(-[a-z0-9]+)+-\d+$/.test(region)) return region;
  throw new TypeError("`region` must be the name of an AWS region, such as us-east-1.");
}

function credentialsFromEnvironment(): AwsCredentials {
  const accessKeyId = environmentValue("AWS_ACCESS_KEY_ID");
  const secretAccessKey = environmentValue("AWS_SECRET_ACCESS_KEY");
  if (accessKeyId !== undefined && secretAccessKey !== undefined)
    return { accessKeyId, secretAccessKey, sessionToken: environmentValue("AWS_SESSION_TOKEN") };
  throw new SendError(
    "authentication",
    "No key for bedrock. Pass `apiKey` or `credentials`, or set AWS_BEARER_TOKEN_BEDROCK, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
  );
}
