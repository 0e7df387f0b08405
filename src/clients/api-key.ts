/** The key of a call: where it comes from, and whether it may be sent. */

import { SendError } from "../contract/errors.ts";
import type { ProviderDefinition } from "./definition.ts";

/** Visible ASCII: everything else would break the header that it is sent in. */
const KEY = /^[\x21-\x7e]+$/;

/** Without the line break that files of secrets end in. Some runtimes have no environment, or ask before they show it. */
function environmentValue(name: string): string | undefined {
  try {
    return globalThis.process?.env?.[name]?.trim() || undefined;
  } catch {
    return undefined; // not allowed is as good as not set
  }
}

/**
 * Returns the key that the environment holds for a provider, read at each call, so that one set later counts; `undefined` where
 * none is needed.
 * @throws {SendError} kind `authentication` when there is none, or when it is invalid
 */
export function keyFromEnvironment(
  { provider, keyNames, keyOptional }: ProviderDefinition,
  model: string,
): string | undefined {
  for (const name of keyNames) {
    const key = environmentValue(name);
    if (key === undefined) continue;
    if (KEY.test(key)) return key;
    throw new SendError("authentication", `The key in ${name} holds characters that no key has.`, { provider });
  }
  if (keyOptional) return undefined;
  const message = `No API key for ${provider}: pass \`apiKey\`, or set ${keyNames.join(" or ")}.`;
  throw new SendError("authentication", message, { provider, model });
}

/** @throws {TypeError} when the option `apiKey` is not a key */
export function checkKey(apiKey: unknown): void {
  if (typeof apiKey !== "string" || apiKey.trim() === "") {
    throw new TypeError("`apiKey` is empty: give a key, or leave it out to take it from the environment.");
  }
  if (!KEY.test(apiKey)) throw new TypeError("`apiKey` holds characters that no key has (spaces, line breaks …).");
}

/** Returns what is wrong with sending a key to this host over http. */
export function insecureFault(hostname: string): string {
  return `The key would be sent to ${hostname} over http, readable on the way. Use an https address, or set \`allowInsecureHttp: true\`.`;
}
