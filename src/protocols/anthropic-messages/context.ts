/** The context of an Anthropic Messages request. */

import type { ClaudeCapabilities } from "../capabilities/claude.ts";
import type { RequestContext } from "../protocol.ts";

/** The facts that the functions of this request builder share. */
export interface AnthropicContext extends RequestContext {
  readonly capabilities: ClaudeCapabilities;
}
