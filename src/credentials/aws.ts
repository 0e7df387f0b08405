/** AWS credentials as the SDKs find them: variables, a profile, a pod's or a container's role, the machine's role. */

import type { AwsCredentials } from "../call/aws-credentials.ts";
import { allNames, checkNames } from "../contract/unknown-option.ts";
import { environmentValue } from "../platform/environment.ts";
import type { JsonObject } from "../platform/json-object.ts";
import { profileIn } from "./aws-profile.ts";
import { type Issued, type KeptCredential, kept } from "./kept-credential.ts";
import {
  fileText,
  headerValue,
  isRetryable,
  LOCAL_TIMEOUT_MS,
  objectIn,
  refused,
  requestObject,
  type ServiceRequestOptions,
  safeUrl,
  sendRequest,
  textIn,
} from "./service-request.ts";

/** The options of `awsCredentials`. */
export interface AwsCredentialsOptions extends ServiceRequestOptions {
  /**
   * The name of a profile in `~/.aws`. A given one comes before all variables.
   * @default `AWS_PROFILE`, else "default"
   */
  readonly profile?: string | undefined;
}

/**
 * Returns AWS credentials, from the first of these places that has some: a `profile` that is given; the variables
 * `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`; a web identity
 * (`AWS_WEB_IDENTITY_TOKEN_FILE`, as in EKS); a profile with keys; the role of a container (ECS, EKS); the role of the
 * machine (EC2). Profiles of SSO, roles and processes need the AWS SDK.
 * @throws {TypeError} when an option is unknown
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
 * @example
 * ```ts
 * import { BedrockClient } from "cloudllm";
 * import { awsCredentials } from "cloudllm/credentials";
 *
 * const credentials = awsCredentials();
 * export const client = new BedrockClient({ model: "openai.gpt-6-luna", region: "eu-west-1", credentials });
 * ```
 */
export function awsCredentials(options: AwsCredentialsOptions = {}): KeptCredential<AwsCredentials> {
  checkNames(options, allNames<AwsCredentialsOptions>({ profile: true, fetch: true }));
  return kept(async () => {
    if (options.profile !== undefined) return profileOf(options.profile, true);
    return (
      ofVariables() ??
      (await ofWebIdentity(options)) ??
      (await profileOf(environmentValue("AWS_PROFILE") ?? "default", environmentValue("AWS_PROFILE") !== undefined)) ??
      (await ofContainer(options)) ??
      (await ofMachine(options))
    );
  });
}

type Found = Issued<AwsCredentials>;

function ofVariables(): Found | undefined {
  const accessKeyId = environmentValue("AWS_ACCESS_KEY_ID");
  const secretAccessKey = environmentValue("AWS_SECRET_ACCESS_KEY");
  if (accessKeyId === undefined || secretAccessKey === undefined) return undefined;
  return { value: { accessKeyId, secretAccessKey, sessionToken: environmentValue("AWS_SESSION_TOKEN") }, expiresAt: 0 };
}

/** Files may change: they are read for each request. */
async function profileOf(name: string, isNamed: true): Promise<Found>;
async function profileOf(name: string, isNamed: boolean): Promise<Found | undefined>;
async function profileOf(name: string, isNamed: boolean): Promise<Found | undefined> {
  const [{ homedir }, { join }] = await Promise.all([import("node:os"), import("node:path")]);
  const folder = join(homedir(), ".aws");
  const files = [
    environmentValue("AWS_SHARED_CREDENTIALS_FILE") ?? join(folder, "credentials"),
    environmentValue("AWS_CONFIG_FILE") ?? join(folder, "config"),
  ];
  const texts = await Promise.all(files.map((file) => fileText(file, "A file of AWS").catch(() => "")));
  const profile = Object.assign({}, ...texts.map((text) => profileIn(text, name)).reverse()) as JsonObject;
  const { aws_access_key_id: id, aws_secret_access_key: secret, aws_session_token: token } = profile;
  if (typeof id === "string" && typeof secret === "string") {
    const sessionToken = typeof token === "string" ? token : undefined;
    return { value: { accessKeyId: id, secretAccessKey: secret, sessionToken }, expiresAt: 0 };
  }
  const other = Object.keys(profile).find((field) => /^(sso_|role_arn|credential_process|login_session)/.test(field));
  if (!isNamed && other === undefined) return undefined;
  const reason = other === undefined ? "has no keys" : `uses \`${other}\``;
  throw refused(
    `The profile ${JSON.stringify(name)} of AWS ${reason}. Use fromNodeProviderChain() of @aws-sdk/credential-providers, or set the variables that \`aws configure export-credentials --format env\` prints.`,
  );
}

/** @see https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html */
async function ofWebIdentity(options: ServiceRequestOptions): Promise<Found | undefined> {
  const [file, role] = [environmentValue("AWS_WEB_IDENTITY_TOKEN_FILE"), environmentValue("AWS_ROLE_ARN")];
  if (file === undefined || role === undefined) return undefined;
  const region = environmentValue("AWS_REGION") ?? environmentValue("AWS_DEFAULT_REGION");
  const host = region && /^[a-z0-9-]+$/.test(region) ? `sts.${region}` : "sts";
  const suffix = region?.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  const own = environmentValue("AWS_ENDPOINT_URL_STS");
  const service = "AWS STS";
  const { text } = await sendRequest(
    {
      service,
      url: own === undefined ? `https://${host}.${suffix}/` : safeUrl(own, "AWS_ENDPOINT_URL_STS"),
      method: "POST",
      form: {
        Action: "AssumeRoleWithWebIdentity",
        Version: "2011-06-15",
        RoleArn: role,
        RoleSessionName: environmentValue("AWS_ROLE_SESSION_NAME") ?? `cloudllm-${Date.now()}`,
        WebIdentityToken: (await fileText(file, "AWS_WEB_IDENTITY_TOKEN_FILE")).trim(),
      },
    },
    options,
  );
  const names = ["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"];
  const fields = names.map((name) => [name, new RegExp(`<${name}>([^<]+)</${name}>`).exec(text)?.[1]]);
  const { SessionToken: Token, ...others } = Object.fromEntries(fields) as JsonObject;
  return credentialsIn({ ...others, Token }, service);
}

/** Hosts of the agents of ECS and EKS, which answer over http. */
const AGENTS = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"];

async function ofContainer(options: ServiceRequestOptions): Promise<Found | undefined> {
  const [path, full] = [
    environmentValue("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
    environmentValue("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
  ];
  if (path === undefined && full === undefined) return undefined;
  const name = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
  const url = path === undefined ? (full ?? "") : new URL(path, `http://${AGENTS[0]}`).href;
  const isAgent = URL.canParse(url) && AGENTS.includes(new URL(url).hostname);
  const service = "The role of the container";
  const tokenFile = environmentValue("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  const authorization =
    tokenFile === undefined
      ? environmentValue("AWS_CONTAINER_AUTHORIZATION_TOKEN")
      : (await fileText(tokenFile, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")).trim();
  const what = "The authorization token of the container";
  const headers = authorization === undefined ? {} : { authorization: headerValue(authorization, what) };
  const answer = await requestObject({ service, url: isAgent ? url : safeUrl(url, name), headers }, options);
  return credentialsIn(answer, service);
}

/** @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html */
async function ofMachine(options: ServiceRequestOptions): Promise<Found> {
  const none = "No AWS credentials were found: no variables, no profile, no role.";
  if (environmentValue("AWS_EC2_METADATA_DISABLED")?.toLowerCase() === "true") throw refused(none);
  const base = (environmentValue("AWS_EC2_METADATA_SERVICE_ENDPOINT") ?? "http://169.254.169.254").replace(/\/+$/, "");
  const service = "The role of the machine";
  const age = { "x-aws-ec2-metadata-token-ttl-seconds": "21600" };
  const { text: token } = await sendRequest(
    { service, url: `${base}/latest/api/token`, method: "PUT", headers: age, timeoutMs: LOCAL_TIMEOUT_MS },
    options,
  ).catch((cause: unknown) => {
    throw refused(none, { retryable: isRetryable(cause), cause });
  });
  const headers = { "x-aws-ec2-metadata-token": token };
  const roles = `${base}/latest/meta-data/iam/security-credentials/`;
  const { text } = await sendRequest({ service, url: roles, headers }, options);
  const [role = ""] = text.trim().split("\n");
  const { text: answer } = await sendRequest({ service, url: roles + encodeURIComponent(role), headers }, options);
  return credentialsIn(objectIn(answer, service), service);
}

function credentialsIn(answer: JsonObject, service: string): Found {
  const end = Date.parse(textIn(answer, "Expiration", service));
  return {
    value: {
      accessKeyId: textIn(answer, "AccessKeyId", service),
      secretAccessKey: textIn(answer, "SecretAccessKey", service),
      sessionToken: textIn(answer, "Token", service),
    },
    expiresAt: Number.isNaN(end) ? 0 : end,
  };
}
