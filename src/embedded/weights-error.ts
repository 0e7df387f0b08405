/** What is said of a weights file that cannot be used. */

import { SendError } from "../contract/errors.ts";

/** The file is not what it was: kind `protocol`. `what` ends a sentence that begins with the file's name. */
export function damaged(file: string, what: string): SendError {
  return new SendError("protocol", `The weights file ${file} is damaged: ${what}.`, { retryable: false });
}

/** The file is whole, and made for another engine: kind `unsupported`. */
export function foreign(file: string, what: string): SendError {
  return new SendError("unsupported", `The weights file ${file} cannot be used here: ${what}.`);
}
