/** The context of a Chat Completions request. */

import type { RequestContext } from "../protocol.ts";
import type { ChatDialect } from "./dialects.ts";

/** The facts that the functions of this request builder share. */
export interface ChatContext extends RequestContext {
  readonly dialect: ChatDialect;
}
