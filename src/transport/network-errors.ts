/** Failures of the network itself as `SendError`s with advice for the developer. */

import { SendError } from "../contract/errors.ts";
import { messageOf, wordsOf } from "../platform/text-of.ts";
import type { ResponseHead } from "./transport.ts";

/**
 * Returns the error for a redirect. Redirects are not followed: the key must reach only the address it is meant for.
 */
export function redirectError(provider: string, head: ResponseHead): SendError {
  const location = head.header("location");
  const target = location !== undefined && URL.canParse(location) ? ` to ${new URL(location).origin}` : "";
  const message = `${provider} answered with a redirect${target}, which is not followed. Set \`baseUrl\` to the final address.`;
  const status = head.status > 0 ? head.status : undefined;
  return new SendError("protocol", message, { status, retryable: false });
}

/** Returns the error for a reply over the limit. A retry would be as large. */
export function tooLargeError({
  provider,
  maxReplyBytes,
}: {
  readonly provider: string;
  readonly maxReplyBytes: number;
}): SendError {
  const message = `${provider} sent more than ${maxReplyBytes} bytes in one reply (limit \`maxReplyBytes\`). Raise it if replies may be so large.`;
  return new SendError("protocol", message, { retryable: false });
}

/** Returns the error for a request that the transport does not accept. */
export function unsentError(error: unknown): SendError {
  if (error instanceof SendError) return error; // a transport's own
  return new SendError("invalidRequest", `The request could not be sent: ${messageOf(error)}`, { cause: error });
}

/** A failure before the request reached the network, for `Receiver.onError`. */
export class NotSent extends Error {
  readonly failure: SendError;

  constructor(failure: SendError) {
    super(failure.message);
    this.failure = failure;
  }
}

/** Returns the error for a missing or broken connection; `begun`: whether the reply had begun. */
export function transportError(provider: string, error: unknown, begun: boolean): SendError {
  if (error instanceof NotSent) return error.failure;
  const root = rootOf(error);
  const code = "code" in root && typeof root.code === "string" ? root.code : undefined;
  const plain = !begun && isPlainHttp(root, code);
  const detail = plain ? PLAIN_HTTP : wordsOf(root.message) || code || "no reason given";
  const message = begun
    ? `The connection to ${provider} broke in the middle of the reply: ${detail}`
    : `Could not reach ${provider}: ${detail}${adviceFor(code)}`;
  return new SendError("network", message, {
    code,
    cause: error,
    retryable: plain || isCertificate(code) ? false : undefined,
  });
}

/** Returns the root cause. An error of a caller's `fetch` may contain a cycle. */
const MAX_CAUSE_DEPTH = 8;

/** Returns the cause of an error: `fetch` wraps it, and a connection tried at several addresses gathers several. */
function rootOf(error: unknown): Error {
  let root = error;
  for (let depth = 0; depth < MAX_CAUSE_DEPTH; depth++) {
    const inner: unknown = root instanceof AggregateError ? root.errors[0] : root instanceof Error ? root.cause : root;
    if (!(inner instanceof Error)) break;
    root = inner;
  }
  return root instanceof Error ? root : new Error(wordsOf(root));
}

function adviceFor(code: string | undefined): string {
  if (code === "ECONNREFUSED") return ". Is the server running there?";
  if (code === "ENOTFOUND") return ". Is the base URL right, and is there a network?";
  if (isCertificate(code))
    return `. Nothing was sent: its certificate is not trusted.${hasOwnRoot(code) ? OWN_ROOT : ""}`;
  return "";
}

/** A certificate of a company's own root: its servers, and its proxies that read TLS. */
function hasOwnRoot(code: string | undefined): boolean {
  return code !== undefined && /SELF_SIGNED|UNABLE_TO|UNKNOWN_ISSUER/.test(code);
}

const OWN_ROOT =
  " If your company's proxy or server signs with a root of its own, name that root's file in NODE_EXTRA_CA_CERTS (Deno: DENO_CERT).";

const PLAIN_HTTP =
  "the server there does not speak TLS. If it is a server of your own, begin its base URL with http: instead of https:.";

/** A server of plain HTTP answers TLS in words that OpenSSL takes for a record of an unknown version. */
function isPlainHttp({ message }: Error, code: string | undefined): boolean {
  return code === "ERR_SSL_WRONG_VERSION_NUMBER" || (code === "EPROTO" && /wrong version number/i.test(message));
}

/** Returns whether the code is that of a certificate that is not trusted. */
export function isCertificate(code: string | undefined): boolean {
  return code !== undefined && /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME/.test(code);
}
