/** Errors of a weights file that cannot be used. */

import { SendError } from "../contract/errors.ts";

/** Returns the error for a damaged file: kind `protocol`. `what` ends a sentence that begins with the file's name. */
export function damaged(file: string, what: string): SendError {
  return new SendError("protocol", `The weights file ${file} is damaged: ${what}.`, { retryable: false });
}

/** Returns the error for a file that is made for another engine: kind `unsupported`. */
export function foreign(file: string, what: string): SendError {
  return new SendError("unsupported", `The weights file ${file} cannot be used here: ${what}.`);
}
