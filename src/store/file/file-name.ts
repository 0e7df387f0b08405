/** Ids of sessions as names of files: no id leads out of its folder, and no two ids share a file on any system. */

import { SendError } from "../../contract/errors.ts";

/** Names that Windows reserves for devices, with any extension. */
const DEVICES = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])$/;
/** Most systems take 255 bytes, including the extension. */
const MAX_LENGTH = 200;

/**
 * Returns the name of a session's file. Lowercase letters, digits, `-` and `_` stay. All else is percent-encoded, also
 * capitals, because some systems ignore case.
 * @throws {SendError} kind `invalidRequest` when it cannot be the name of a file
 */
export function fileNameOf(id: string): string {
  if (typeof id !== "string" || id === "") throw unusable("must be a non-empty string");
  const name = encoded(id).replace(DEVICES, (device) => `%${device.charCodeAt(0).toString(16)}${device.slice(1)}`);
  if (name.length <= MAX_LENGTH) return name;
  throw unusable(`is too long: as the name of a file it has ${name.length} characters`);
}

/** Returns the id whose file has this name; `undefined` when there is none. */
export function idOf(name: string): string | undefined {
  try {
    const id = decodeURIComponent(name);
    return fileNameOf(id) === name ? id : undefined;
  } catch {
    return undefined;
  }
}

function encoded(id: string): string {
  try {
    return encodeURIComponent(id).replace(/%[0-9A-F]{2}|[A-Z.!~*'()]/g, (part) =>
      part.length === 3 ? part.toLowerCase() : `%${part.charCodeAt(0).toString(16)}`,
    );
  } catch {
    throw unusable("has a lone surrogate, which a file name cannot have");
  }
}

function unusable(why: string): SendError {
  return new SendError("invalidRequest", `The \`id\` of a session ${why}.`);
}
