/**
 * Ids of sessions as keys of a database. No two ids share a key, and the keys of ids with a prefix begin with the key
 * of that prefix.
 */

import { SendError } from "../contract/errors.ts";

/** The index of PostgreSQL takes 2,704 bytes. */
const MAX_BYTES = 1_024;

/** NUL and halves of pairs, which databases refuse or change; and the character that escapes them. */
const ESCAPED = /[\\\0]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const ESCAPE = /\\([\da-f]{4})/g;

/**
 * Returns the key of an id.
 * @throws {SendError} kind `invalidRequest` when the id is too long
 */
export function keyOfId(id: string): string {
  const key = id.replace(ESCAPED, (unit) => `\\${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  const bytes = new TextEncoder().encode(key).length;
  if (bytes <= MAX_BYTES) return key;
  const message = `The \`id\` of a session is too long: it has ${bytes} bytes, and the store takes ${MAX_BYTES}.`;
  throw new SendError("invalidRequest", message);
}

/** Returns the id that has this key. */
export function idOfKey(key: string): string {
  return key.replace(ESCAPE, (_escape, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
