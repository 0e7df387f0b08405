/** The key of a call: its source, and whether it may be sent. */

import { KEY } from "../call/authorization.ts";
import { SendError } from "../contract/errors.ts";
import { environmentValue } from "../platform/environment.ts";
import type { ProviderDefinition } from "./definition.ts";

/**
 * Returns the key of a provider from the environment; `undefined` where none is needed. It is read at each call, so a
 * key set later counts.
 * @throws {SendError} kind `authentication` when the key is missing or invalid
 */
export function keyFromEnvironment(
  { provider, keyNames, keyOptional }: ProviderDefinition,
  model: string,
): string | undefined {
  for (const name of keyNames) {
    const key = environmentValue(name);
    if (key === undefined) continue;
    if (KEY.test(key)) return key;
    throw new SendError(
      "authentication",
      `The key in ${name} contains invalid characters. Expected visible ASCII without spaces.`,
      { provider },
    );
  }
  if (keyOptional) return undefined;
  const message = `No API key for ${provider}. Pass \`apiKey\`, or set ${keyNames.join(" or ")}.`;
  throw new SendError("authentication", message, { provider, model });
}

/** @throws {TypeError} when the option `apiKey` is neither a key nor a function */
export function checkKey(apiKey: unknown): void {
  if (typeof apiKey === "function") return; // its keys are checked when they come
  if (typeof apiKey !== "string" || apiKey.trim() === "") {
    throw new TypeError("`apiKey` is empty. Pass a key, or omit the option to read the key from the environment.");
  }
  if (!KEY.test(apiKey))
    throw new TypeError("`apiKey` contains invalid characters (spaces, line breaks …). Expected visible ASCII.");
}

/** Returns the fault of sending a key to this host over http. */
export function insecureFault(hostname: string): string {
  return `The key would be sent to ${hostname} over http, readable on the way. Use an https address, or set \`allowInsecureHttp: true\`.`;
}
