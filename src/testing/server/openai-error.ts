/** The errors of OpenAI's servers, in both of their formats. */

import type { ScriptedError } from "../script.ts";
import { NO_MESSAGE } from "./wire.ts";

/**
 * Returns the body of an error as OpenAI's servers write it.
 * @see https://platform.openai.com/docs/guides/error-codes
 */
export function openaiError({ message = NO_MESSAGE, code }: ScriptedError): unknown {
  return { error: { message, type: null, param: null, code: code ?? null } };
}
