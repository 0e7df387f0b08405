/** Keys of our own, by which programs use a gateway. */

import type { Authorize } from "../policy/policy-options.ts";

/** Where programs send their key: OpenAI's libraries and Anthropic's newer ones, Anthropic's older ones, Azure's. */
const HEADERS = ["authorization", "x-api-key", "api-key"] as const;

/**
 * Returns a function for the option `authorize` that admits requests with a key, in `Authorization: Bearer`,
 * `x-api-key` or `api-key`. The comparison takes the same time however much of a key is right.
 * @param keys one key, whose user is `"key"`, or the key of each user
 * @throws {TypeError} when a key is empty
 *
 * @example
 * ```ts
 * import { bearerKey } from "cloudllm/server";
 *
 * export const one = bearerKey("a-long-random-key");
 * export const several = bearerKey({ ada: "the-key-of-ada", bob: "the-key-of-bob" });
 * ```
 */
export function bearerKey(keys: string | Readonly<Record<string, string>>): Authorize {
  const users = Object.entries(typeof keys === "string" ? { key: keys } : (keys ?? {}));
  if (users.length === 0 || users.some(([user, key]) => user === "" || typeof key !== "string" || key === "")) {
    throw new TypeError("`bearerKey` needs a key that is a non-empty string, or an object of users and their keys.");
  }
  const digests = users.map(([user, key]) => ({ user, digest: digestOf(key) }));
  return async ({ headers }) => {
    for (const name of HEADERS) {
      const sent = keyIn(headers.get(name), name);
      if (sent === undefined) continue;
      const digest = await digestOf(sent);
      let caller: { readonly user: string } | undefined;
      for (const known of digests) if (isEqual(digest, await known.digest)) caller = { user: known.user };
      if (caller) return caller;
    }
    return undefined;
  };
}

function keyIn(value: string | null, name: (typeof HEADERS)[number]): string | undefined {
  if (value === null) return undefined;
  if (name !== "authorization") return value;
  return /^bearer +(\S+)$/i.exec(value.trim())?.[1];
}

/** Digests have one length, and a caller cannot choose how one begins. */
async function digestOf(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  let difference = one.length ^ other.length;
  for (const [index, byte] of one.entries()) difference |= byte ^ (other[index] ?? 0);
  return difference === 0;
}
