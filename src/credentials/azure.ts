/** Tokens of Microsoft Entra ID: of a managed identity, of a pod in Kubernetes, or for a client secret. */

import { allNames, checkNames } from "../contract/unknown-option.ts";
import { environmentValue } from "../platform/environment.ts";
import { type Issued, type KeptCredential, kept } from "./kept-credential.ts";
import {
  endAfter,
  fileText,
  headerValue,
  LOCAL_TIMEOUT_MS,
  refused,
  requestObject,
  type ServiceRequestOptions,
  safeUrl,
  textIn,
  urlIn,
} from "./service-request.ts";

/** The audience of Azure OpenAI, and of Claude in Foundry. */
const RESOURCE = "https://cognitiveservices.azure.com";
const SCOPE = `${RESOURCE}/.default`;
const AUTHORITY = "https://login.microsoftonline.com";
const METADATA = "http://169.254.169.254";

/** The options of `azureManagedIdentity`. */
export interface AzureManagedIdentityOptions extends ServiceRequestOptions {
  /**
   * The client id of a user-assigned identity.
   * @default the identity of the machine itself
   */
  readonly clientId?: string | undefined;
  /**
   * The audience of the token.
   * @default "https://cognitiveservices.azure.com"
   */
  readonly resource?: string | undefined;
}

/**
 * Returns tokens of the managed identity of this machine: a virtual machine, App Service, Functions or Container Apps.
 * @throws {TypeError} when an option is unknown
 * @see https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
 * @example
 * ```ts
 * import { AzureClient } from "cloudllm";
 * import { azureManagedIdentity } from "cloudllm/credentials";
 *
 * const apiKey = azureManagedIdentity();
 * export const client = new AzureClient({ model: "gpt-6-luna", resource: "my-resource", apiKey });
 * ```
 */
export function azureManagedIdentity(options: AzureManagedIdentityOptions = {}): KeptCredential<string> {
  checkNames(options, allNames<AzureManagedIdentityOptions>({ clientId: true, resource: true, fetch: true }));
  const { clientId, resource = RESOURCE } = options;
  return kept(async () => {
    const [endpoint, secret] = [environmentValue("IDENTITY_ENDPOINT"), environmentValue("IDENTITY_HEADER")];
    const isService = endpoint !== undefined && secret !== undefined;
    const host = environmentValue("AZURE_POD_IDENTITY_AUTHORITY_HOST") ?? METADATA;
    const url = isService
      ? urlIn(endpoint, "IDENTITY_ENDPOINT")
      : urlIn(`${host.replace(/\/+$/, "")}/metadata/identity/oauth2/token`, "AZURE_POD_IDENTITY_AUTHORITY_HOST");
    url.searchParams.set("api-version", isService ? "2019-08-01" : "2018-02-01");
    url.searchParams.set("resource", resource);
    if (clientId !== undefined) url.searchParams.set("client_id", clientId);
    const service = "The managed identity of Azure";
    const headers = isService ? { "x-identity-header": headerValue(secret, "IDENTITY_HEADER") } : { metadata: "true" };
    const answer = await requestObject({ service, url: url.href, headers, timeoutMs: LOCAL_TIMEOUT_MS }, options);
    const { expires_on: end, expires_in: seconds } = answer;
    const at = Number(end) * 1_000; // the seconds since 1970, as a string
    return { value: textIn(answer, "access_token", service), expiresAt: at > 0 ? at : endAfter(seconds) };
  });
}

/** An application of Entra ID. A field that is absent is read from the environment. */
interface Application extends ServiceRequestOptions {
  /** @default `AZURE_TENANT_ID` */
  readonly tenantId?: string | undefined;
  /** @default `AZURE_CLIENT_ID` */
  readonly clientId?: string | undefined;
  /** @default "https://cognitiveservices.azure.com/.default" */
  readonly scope?: string | undefined;
}

/** The options of `azureWorkloadIdentity`. */
export interface AzureWorkloadIdentityOptions extends Application {
  /**
   * The file with the token of the pod, which is read for each new token.
   * @default `AZURE_FEDERATED_TOKEN_FILE`
   */
  readonly tokenFile?: string | undefined;
}

/**
 * Returns tokens of the workload identity of a pod in Kubernetes.
 * @throws {TypeError} when an option is unknown
 * @see https://learn.microsoft.com/azure/aks/workload-identity-overview
 */
export function azureWorkloadIdentity(options: AzureWorkloadIdentityOptions = {}): KeptCredential<string> {
  checkNames(
    options,
    allNames<AzureWorkloadIdentityOptions>({
      tenantId: true,
      clientId: true,
      scope: true,
      fetch: true,
      tokenFile: true,
    }),
  );
  return kept(async () => {
    const file = given("tokenFile", options.tokenFile, "AZURE_FEDERATED_TOKEN_FILE");
    const assertion = (await fileText(file, "The token of the pod")).trim();
    return tokenFor(options, {
      client_assertion: assertion,
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    });
  });
}

/** The options of `azureClientSecret`. */
export interface AzureClientSecretOptions extends Application {
  /** @default `AZURE_CLIENT_SECRET` */
  readonly clientSecret?: string | undefined;
}

/**
 * Returns tokens of an application with a secret.
 * @throws {TypeError} when an option is unknown
 * @see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
 */
export function azureClientSecret(options: AzureClientSecretOptions = {}): KeptCredential<string> {
  checkNames(
    options,
    allNames<AzureClientSecretOptions>({
      tenantId: true,
      clientId: true,
      scope: true,
      fetch: true,
      clientSecret: true,
    }),
  );
  return kept(async () =>
    tokenFor(options, { client_secret: given("clientSecret", options.clientSecret, "AZURE_CLIENT_SECRET") }),
  );
}

async function tokenFor(options: Application, proof: Readonly<Record<string, string>>): Promise<Issued<string>> {
  const tenant = given("tenantId", options.tenantId, "AZURE_TENANT_ID");
  const client_id = given("clientId", options.clientId, "AZURE_CLIENT_ID");
  const authority = safeUrl(environmentValue("AZURE_AUTHORITY_HOST") ?? AUTHORITY, "AZURE_AUTHORITY_HOST").replace(
    /\/+$/,
    "",
  );
  const service = "Microsoft Entra ID";
  const form = { grant_type: "client_credentials", client_id, scope: options.scope ?? SCOPE, ...proof };
  const url = `${authority}/${encodeURIComponent(tenant)}/oauth2/v2.0/token`;
  const answer = await requestObject({ service, url, method: "POST", form }, options);
  return { value: textIn(answer, "access_token", service), expiresAt: endAfter(answer.expires_in) };
}

function given(option: string, value: string | undefined, name: string): string {
  const text = value ?? environmentValue(name);
  if (text !== undefined) return text;
  throw refused(`\`${option}\` is missing. Pass it, or set ${name}.`);
}
