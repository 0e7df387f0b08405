/** Access tokens of Google Cloud: the Application Default Credentials, and those of a service account's key. */

import { allNames, checkNames } from "../contract/unknown-option.ts";
import { base64UrlOf } from "../platform/base64-url.ts";
import { environmentValue } from "../platform/environment.ts";
import type { JsonObject } from "../platform/json-object.ts";
import { type Issued, type KeptCredential, kept } from "./kept-credential.ts";
import {
  endAfter,
  fileText,
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

const SCOPE = "https://www.googleapis.com/auth/cloud-platform";
const TOKEN_URL = "https://oauth2.googleapis.com/token";
const METADATA = "169.254.169.254";
const FLAVOR = { "metadata-flavor": "Google" };

/** The options of both functions. */
export interface GoogleOptions extends ServiceRequestOptions {
  /** @default "https://www.googleapis.com/auth/cloud-platform" */
  readonly scope?: string | undefined;
}

const OPTION_NAMES = /* @__PURE__ */ allNames<GoogleOptions>({ scope: true, fetch: true });

/** The JSON of a service account's key, as Google writes it. */
export interface GoogleServiceAccountKey {
  readonly client_email: string;
  /** In PEM (PKCS #8). */
  readonly private_key: string;
  readonly private_key_id?: string | undefined;
  readonly token_uri?: string | undefined;
}

/**
 * Returns tokens of the Application Default Credentials: of the file that `GOOGLE_APPLICATION_CREDENTIALS` names, else
 * of the file that `gcloud auth application-default login` writes, else of the machine's metadata server. A file may
 * hold the key of a service account, or a user's login.
 * @throws {TypeError} when an option is unknown
 * @see https://cloud.google.com/docs/authentication/application-default-credentials
 * @example
 * ```ts
 * import { VertexClient } from "cloudllm";
 * import { googleApplicationDefault } from "cloudllm/credentials";
 *
 * const apiKey = googleApplicationDefault();
 * export const client = new VertexClient({ model: "gemini-3.5-flash-lite", project: "my-project", apiKey });
 * ```
 */
export function googleApplicationDefault(options: GoogleOptions = {}): KeptCredential<string> {
  checkNames(options, OPTION_NAMES);
  return kept(async () => {
    const file = await credentialsFile();
    if (!file) return tokenOfMachine(options);
    const { type } = file.content;
    if (type === "service_account") return tokenOfAccount(accountIn(file.content, file.path), options);
    if (type === "authorized_user") return tokenOfUser(file.content, file.path, options);
    throw refused(
      `${file.path} has credentials of the type ${JSON.stringify(type)}. Use google-auth-library for it: apiKey: () => auth.getAccessToken().`,
    );
  });
}

/**
 * Returns tokens of a service account. It needs WebCrypto and no files, so it runs in every runtime.
 * @param key the content of the account's key file
 * @throws {TypeError} when an option is unknown
 * @see https://developers.google.com/identity/protocols/oauth2/service-account#httprest
 */
export function googleServiceAccount(
  key: GoogleServiceAccountKey,
  options: GoogleOptions = {},
): KeptCredential<string> {
  checkNames(options, OPTION_NAMES);
  const account = accountIn({ ...key }, "The key of the service account");
  return kept(() => tokenOfAccount(account, options));
}

interface CredentialsFile {
  readonly path: string;
  readonly content: JsonObject;
}

/** A file that a variable names must be there; gcloud's own may be missing. */
async function credentialsFile(): Promise<CredentialsFile | undefined> {
  const named = environmentValue("GOOGLE_APPLICATION_CREDENTIALS");
  if (named !== undefined) {
    return { path: named, content: objectIn(await fileText(named, "GOOGLE_APPLICATION_CREDENTIALS"), named) };
  }
  const path = await gcloudFile();
  const text = await fileText(path, "The login of gcloud").catch(() => undefined);
  return text === undefined ? undefined : { path, content: objectIn(text, path) };
}

async function gcloudFile(): Promise<string> {
  const [{ homedir, platform }, { join }] = await Promise.all([import("node:os"), import("node:path")]);
  const roaming = platform() === "win32" ? environmentValue("APPDATA") : undefined;
  const folder =
    environmentValue("CLOUDSDK_CONFIG") ?? (roaming ? join(roaming, "gcloud") : join(homedir(), ".config", "gcloud"));
  return join(folder, "application_default_credentials.json");
}

async function tokenOfMachine(options: GoogleOptions): Promise<Issued<string>> {
  const host = environmentValue("GCE_METADATA_IP") ?? environmentValue("GCE_METADATA_HOST") ?? METADATA;
  const service = "Google's metadata server";
  const scopes = encodeURIComponent(options.scope ?? SCOPE);
  const url = `http://${host}/computeMetadata/v1/instance/service-accounts/default/token?scopes=${scopes}`;
  const { text, headers } = await sendRequest(
    { service, url, headers: FLAVOR, timeoutMs: LOCAL_TIMEOUT_MS },
    options,
  ).catch((cause: unknown) => {
    const advice = "Set GOOGLE_APPLICATION_CREDENTIALS, or run: gcloud auth application-default login";
    throw refused(`There are no Application Default Credentials: no file, and no metadata server. ${advice}`, {
      retryable: isRetryable(cause),
      cause,
    });
  });
  // Another server at this address is not Google's.
  if (headers.get("metadata-flavor") !== "Google") throw refused(`${service} did not answer as Google's does.`);
  return tokenIn(objectIn(text, service), service);
}

async function tokenOfUser(file: JsonObject, path: string, options: GoogleOptions): Promise<Issued<string>> {
  const fields = ["client_id", "client_secret", "refresh_token"].map((name) => [name, textIn(file, name, path)]);
  const form = { grant_type: "refresh_token", ...(Object.fromEntries(fields) as Readonly<Record<string, string>>) };
  const service = "Google";
  return tokenIn(await requestObject({ service, url: tokenUrlIn(file), method: "POST", form }, options), service);
}

interface Account {
  readonly email: string;
  readonly pem: string;
  readonly keyId: string | undefined;
  readonly tokenUrl: string;
}

function accountIn(content: JsonObject, path: string): Account {
  const { private_key_id: id } = content;
  return {
    email: textIn(content, "client_email", path),
    pem: textIn(content, "private_key", path),
    keyId: typeof id === "string" ? id : undefined,
    tokenUrl: tokenUrlIn(content),
  };
}

function tokenUrlIn({ token_uri: url }: JsonObject): string {
  return typeof url === "string" ? safeUrl(url, "`token_uri`") : TOKEN_URL;
}

async function tokenOfAccount(account: Account, options: GoogleOptions): Promise<Issued<string>> {
  const { email, keyId, tokenUrl: aud } = account;
  const iat = Math.floor(Date.now() / 1_000);
  const header = { alg: "RS256", typ: "JWT", ...(keyId !== undefined && { kid: keyId }) };
  const claims = { iss: email, scope: options.scope ?? SCOPE, aud, iat, exp: iat + 3_600 };
  const unsigned = [header, claims].map((part) => base64UrlOf(bytesOf(JSON.stringify(part)))).join(".");
  const signature = await crypto.subtle.sign("RSASSA-PKCS1-v1_5", await keyOf(account.pem), bytesOf(unsigned));
  const assertion = `${unsigned}.${base64UrlOf(new Uint8Array(signature))}`;
  const form = { grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion };
  const service = "Google";
  return tokenIn(await requestObject({ service, url: aud, method: "POST", form }, options), service);
}

async function keyOf(pem: string): Promise<CryptoKey> {
  try {
    const base64 = pem.replace(/-----(?:BEGIN|END) PRIVATE KEY-----|\s/g, "");
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
    return await crypto.subtle.importKey("pkcs8", bytes, algorithm, false, ["sign"]);
  } catch {
    throw refused("The `private_key` of the service account is not a PEM of PKCS #8."); // the cause may show it
  }
}

function tokenIn(answer: JsonObject, service: string): Issued<string> {
  return { value: textIn(answer, "access_token", service), expiresAt: endAfter(answer.expires_in) };
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
