/** Signatures of Amazon Web Services, version 4, by WebCrypto: they work in every runtime. */

import { SendError } from "../contract/errors.ts";
import { allNames, checkNames } from "../contract/unknown-option.ts";
import { answerOf, type KeyRequest, type RequestToSign, type SignRequest } from "./authorization.ts";

/** The credentials of an AWS identity. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Present in temporary credentials. */
  readonly sessionToken?: string | undefined;
}

/** Returns the credentials of the next request. It keeps them for as long as they are valid. */
export type AwsCredentialsFunction = (asked: KeyRequest) => AwsCredentials | Promise<AwsCredentials>;

/** The options of `awsSigner`. */
export interface AwsSignerOptions {
  /** Such as `us-east-1`. */
  readonly region: string;
  /** The service's name in signatures, such as `bedrock`. */
  readonly service: string;
  readonly credentials: AwsCredentials | AwsCredentialsFunction;
  /**
   * The time in milliseconds since 1970.
   * @default Date.now
   */
  readonly now?: (() => number) | undefined;
}

/** Headers that a signature covers, in addition to the host. Proxies change others on the way. */
const SIGNED_HEADERS = ["content-type", "x-amz-date", "x-amz-security-token"];

/**
 * Returns a function for the option `sign` of a client.
 * @throws {TypeError} when an option is unknown or invalid
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export function awsSigner(options: AwsSignerOptions): SignRequest {
  checkNames(options, allNames<AwsSignerOptions>({ region: true, service: true, credentials: true, now: true }));
  const { region, service, credentials, now = Date.now } = options;
  return async (request) => {
    const asked = { isRefused: request.isRefused === true };
    const given =
      typeof credentials === "function" ? await answerOf("credentials", () => credentials(asked)) : credentials;
    if (!areCredentials(given)) {
      const message = "The AWS credentials are invalid. Expected { accessKeyId, secretAccessKey, sessionToken? }.";
      throw new SendError("authentication", message);
    }
    const { accessKeyId, secretAccessKey, sessionToken } = given;
    const date = new Date(now()).toISOString().replace(/[-:]|\.\d{3}/g, "");
    const added = { "x-amz-date": date, ...(sessionToken && { "x-amz-security-token": sessionToken }) };
    const { canonical, names } = await canonicalRequest({ ...request, headers: { ...request.headers, ...added } });
    const scope = `${date.slice(0, 8)}/${region}/${service}/aws4_request`;
    const text = ["AWS4-HMAC-SHA256", date, scope, hex(await sha256(canonical))].join("\n");
    let key: BufferSource = bytesOf(`AWS4${secretAccessKey}`);
    for (const part of scope.split("/")) key = await hmac(key, part);
    const signature = hex(await hmac(key, text));
    return {
      ...added,
      authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`,
    };
  };
}

/** Returns the request in the form that is signed, and the names of the headers in it. */
async function canonicalRequest({ method, url, headers, body }: RequestToSign) {
  const { host, pathname, searchParams } = new URL(url);
  const signed: [name: string, value: string][] = [["host", host]];
  for (const [name, value] of Object.entries(headers)) {
    if (SIGNED_HEADERS.includes(name)) signed.push([name, value.trim().replace(/ +/g, " ")]);
  }
  signed.sort(byText);
  const names = signed.map(([name]) => name).join(";");
  // Every service but S3 encodes a path that is encoded already.
  const path = pathname.split("/").map(encoded).join("/");
  const query = [...searchParams]
    .map(([name, value]): [string, string] => [encoded(name), encoded(value)])
    .sort(byText)
    .map((pair) => pair.join("="))
    .join("&");
  const lines = signed.map(([name, value]) => `${name}:${value}\n`).join("");
  return { canonical: [method, path, query, lines, names, hex(await sha256(body))].join("\n"), names };
}

function byText(one: readonly [string, string], other: readonly [string, string]): number {
  const [a, b] = one[0] === other[0] ? [one[1], other[1]] : [one[0], other[0]];
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Encodes everything but letters, digits and `-._~` (RFC 3986). */
function encoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function sha256(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", bytesOf(text));
}

async function hmac(secret: BufferSource, text: string): Promise<ArrayBuffer> {
  const key = await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return await crypto.subtle.sign("HMAC", key, bytesOf(text));
}

function hex(bytes: ArrayBuffer): string {
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Ids and tokens are headers, so they are visible ASCII. */
const VISIBLE = /^[\x21-\x7e]+$/;

/** Returns whether a value is a set of credentials that can be sent. */
export function areCredentials(value: unknown): value is AwsCredentials {
  if (typeof value !== "object" || value === null) return false;
  const { accessKeyId, secretAccessKey, sessionToken } = value as Partial<Record<keyof AwsCredentials, unknown>>;
  const isText = (text: unknown) => typeof text === "string" && VISIBLE.test(text);
  return isText(accessKeyId) && isText(secretAccessKey) && (!sessionToken || isText(sessionToken));
}
