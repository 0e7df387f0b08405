/** Loads a part of the library for a call. */

import type { LazyPart } from "../platform/lazy-part.ts";
import { messageOf } from "../platform/text-of.ts";
import { SendError } from "./errors.ts";

/**
 * Resolves with the part.
 * @throws {SendError} kind `unsupported` when it cannot be loaded
 */
export async function loadPart<Part>(part: LazyPart<Part>): Promise<Part> {
  try {
    return await part.load();
  } catch (cause) {
    const message = `${part.name} cannot be loaded: ${messageOf(cause)}. Check that its file is there.`;
    throw new SendError("unsupported", message, { cause, attempts: [] });
  }
}
