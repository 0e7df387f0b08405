/** Refuses what is not a script where a test hands it over, by name. */

import { receivedText } from "../platform/received.ts";

/**
 * Validates the first argument of `scriptedClient` or `startProviderServer`: a function, or an array.
 * @param words the fields of which each script has one
 * @throws {TypeError} that names what is not a script
 */
export function checkScripts(scripts: unknown, words: readonly string[]): void {
  if (typeof scripts === "function") return;
  if (!Array.isArray(scripts)) {
    throw new TypeError(`The scripts must be an array or a function. Received ${receivedText(scripts)}.`);
  }
  for (const [index, script] of scripts.entries()) checkScript(script, words, `Script ${index + 1}`);
}

/** @throws {TypeError} when the value is not a script */
export function checkScript(script: unknown, words: readonly string[], name: string): void {
  if (typeof script === "object" && script !== null && words.some((word) => word in script)) return;
  const fields = `${words
    .slice(0, -1)
    .map((word) => `\`${word}\``)
    .join(", ")} or \`${words.at(-1)}\``;
  const example = typeof script === "string" ? ', such as { text: "Hello" }' : "";
  throw new TypeError(`${name} must be an object with ${fields}${example}. Received ${receivedText(script)}.`);
}
