/** The credentials of clouds where no key is set: from the cloud's own services, loaded for the first request. */

import type { AwsCredentials } from "../index.ts";

type Environment = Readonly<Record<string, string | undefined>>;
type Module = typeof import("../credentials/index.ts");

interface Token {
  readonly apiKey?: () => Promise<string>;
}

/** A token of Entra ID, where the environment says which identity this is. Another machine would not answer. */
export function azureToken(env: Environment): Token {
  if (isAnySet(env, ["CLOUDLLM_AZURE_API_KEY", "AZURE_OPENAI_API_KEY", "ANTHROPIC_FOUNDRY_API_KEY", "AZURE_API_KEY"]))
    return {};
  if (env.AZURE_FEDERATED_TOKEN_FILE) return { apiKey: lazily((module) => module.azureWorkloadIdentity()) };
  if (env.AZURE_CLIENT_SECRET) return { apiKey: lazily((module) => module.azureClientSecret()) };
  return env.IDENTITY_ENDPOINT ? { apiKey: lazily((module) => module.azureManagedIdentity()) } : {};
}

/** A token of the Application Default Credentials, for a project. Keys are for calls without a project. */
export function googleToken(env: Environment): Token {
  const projects = ["GOOGLE_CLOUD_PROJECT", "GOOGLE_VERTEX_PROJECT", "GCLOUD_PROJECT", "ANTHROPIC_VERTEX_PROJECT_ID"];
  if (env.CLOUDLLM_VERTEX_API_KEY || !isAnySet(env, projects)) return {};
  return { apiKey: lazily((module) => module.googleApplicationDefault()) };
}

/** AWS credentials of a profile, a pod, a container or a machine. */
export function awsIdentity(env: Environment): { readonly credentials?: () => Promise<AwsCredentials> } {
  if (isAnySet(env, ["CLOUDLLM_BEDROCK_API_KEY", "AWS_BEARER_TOKEN_BEDROCK"])) return {};
  return { credentials: lazily((module) => module.awsCredentials()) };
}

function isAnySet(env: Environment, names: readonly string[]): boolean {
  return names.some((name) => env[name]);
}

function lazily<Value>(make: (module: Module) => () => Promise<Value>): () => Promise<Value> {
  let source: Promise<() => Promise<Value>> | undefined;
  return async () => {
    source ??= import("../credentials/index.ts").then(make);
    return (await source)();
  };
}
