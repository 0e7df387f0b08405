/** Failures of the network itself as `SendError`s a person can act on. */

import { SendError } from "../errors.ts";
import type { ResponseHead } from "./transport.ts";

/** A redirect. Not followed: the key must reach nobody but the address it was meant for. */
export function redirectError(provider: string, head: ResponseHead): SendError {
  const location = head.header("location");
  const target = location !== undefined && URL.canParse(location) ? ` to ${new URL(location).origin}` : "";
  const message = `${provider} answered with a redirect${target}, which is not followed; set baseUrl to the final address.`;
  const status = head.status > 0 ? head.status : undefined;
  return new SendError("protocol", message, { status, retryable: false });
}

/** No connection, or one that broke; `begun` tells whether the reply had begun. */
export function transportError(provider: string, error: unknown, begun: boolean): SendError {
  const root = rootOf(error);
  const code = "code" in root && typeof root.code === "string" ? root.code : undefined;
  const detail = root.message || code || "no reason given";
  const message = begun
    ? `The connection to ${provider} broke in the middle of the reply: ${detail}`
    : `Could not reach ${provider}: ${detail}${adviceFor(code)}`;
  return new SendError("network", message, { code, cause: error, retryable: isCertificate(code) ? false : undefined });
}

/** Causes have causes; somebody's may go in a circle. */
const MOST_CAUSES = 10;

/** `fetch` wraps the reason, and a connection tried at several addresses gathers several. */
function rootOf(error: unknown, left: number = MOST_CAUSES): Error {
  if (left > 0) {
    if (error instanceof AggregateError && error.errors[0] instanceof Error) return rootOf(error.errors[0], left - 1);
    if (error instanceof Error && error.cause instanceof Error) return rootOf(error.cause, left - 1);
  }
  return error instanceof Error ? error : new Error(String(error));
}

function adviceFor(code: string | undefined): string {
  if (code === "ECONNREFUSED") return ". Is the server running there?";
  if (code === "ENOTFOUND") return ". Is the base URL right, and is there a network?";
  if (isCertificate(code)) return ". Nothing was sent: its certificate is not trusted.";
  return "";
}

function isCertificate(code: string | undefined): boolean {
  return code !== undefined && /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME/.test(code);
}
