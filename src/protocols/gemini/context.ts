/** The context of a Gemini request. */

import type { GeminiCapabilities } from "../capabilities/gemini.ts";
import type { RequestContext } from "../protocol.ts";

/** The facts that the functions of this request builder share. */
export interface GeminiContext extends RequestContext {
  readonly capabilities: GeminiCapabilities;
}
