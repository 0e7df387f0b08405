/** Signatures of Amazon Web Services, version 4, by WebCrypto: they work in every runtime. */

import { SendError } from "../contract/errors.ts";
import type { RequestToSign } from "./authorization.ts";
import { answerOf } from "./authorized-call.ts";
import { type AwsCredentials, type AwsCredentialsFunction, areCredentials } from "./aws-credentials.ts";

/** Whose signature it is, and for what. */
interface Signer {
  readonly region: string;
  readonly service: string;
  readonly credentials: AwsCredentials | AwsCredentialsFunction;
  readonly now: () => number;
}

/** Headers that a signature covers, in addition to the host. Proxies change others on the way. */
const SIGNED_HEADERS = ["content-type", "x-amz-date", "x-amz-security-token"];

/**
 * Returns the headers that sign a request.
 * @throws {SendError} kind `authentication` when there are no valid credentials
 */
export async function signedHeaders(
  request: RequestToSign,
  { region, service, credentials, now }: Signer,
): Promise<Readonly<Record<string, string>>> {
  const asked = { isRefused: request.isRefused === true };
  const given =
    typeof credentials === "function" ? await answerOf("credentials", () => credentials(asked)) : credentials;
  if (!areCredentials(given)) {
    const message = "The AWS credentials are invalid. Expected { accessKeyId, secretAccessKey, sessionToken? }.";
    throw new SendError("authentication", message);
  }
  return await signatureOf(request, given, { region, service, at: now() });
}

/** @param at the time in milliseconds since 1970 */
async function signatureOf(
  request: RequestToSign,
  { accessKeyId, secretAccessKey, sessionToken }: AwsCredentials,
  { region, service, at }: { readonly region: string; readonly service: string; readonly at: number },
): Promise<Readonly<Record<string, string>>> {
  const date = new Date(at).toISOString().replace(/[-:]|\.\d{3}/g, "");
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
