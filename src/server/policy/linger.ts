/** How long a run continues without a viewer, also on a platform that freezes a function after its response. */

import { SendError } from "../../contract/errors.ts";

const DEFAULT_LINGER_MS = 300_000;

/** The facts that the default depends on. */
export interface LingerFacts {
  readonly hasLog: boolean;
  readonly hasWaitUntil: boolean;
}

/**
 * Returns how long a run continues without a viewer, in milliseconds. Without `waitUntil`, it is 0 on a platform that
 * freezes a function after its response.
 * @param report is called when the platform has changed the default
 * @throws {TypeError} when a run is to continue where the platform does not let it
 */
export function lingerMsOf(
  linger: "stop" | "continue" | number | undefined,
  { hasLog, hasWaitUntil }: LingerFacts,
  report: (error: SendError) => void,
): number {
  const platform = hasWaitUntil ? undefined : freezingPlatform();
  const wished = linger ?? (hasLog ? DEFAULT_LINGER_MS : "stop");
  const ms = wished === "stop" ? 0 : wished === "continue" ? Number.POSITIVE_INFINITY : wished;
  if (platform === undefined || ms === 0) return ms;
  const fact = `${platform} freezes a function after its response`;
  const remedy = 'Pass `waitUntil`, or `linger: "stop"`.';
  if (linger !== undefined) {
    throw new TypeError(`${fact}, so no run continues for \`linger: ${JSON.stringify(linger)}\`. ${remedy}`);
  }
  report(new SendError("unsupported", `${fact}: a run is stopped when its last viewer leaves. ${remedy}`));
  return 0;
}

/** Returns the name of such a platform. Each documents the mark that it is known by. */
function freezingPlatform(): string | undefined {
  if (globalThis.navigator?.userAgent === "Cloudflare-Workers") return "Cloudflare Workers";
  if ("Deno" in globalThis) return undefined; // it asks its user before it shows a variable
  const env = globalThis.process?.env ?? {};
  if (env.VERCEL) return "Vercel";
  return env.AWS_LAMBDA_FUNCTION_NAME ? "AWS Lambda" : undefined;
}
