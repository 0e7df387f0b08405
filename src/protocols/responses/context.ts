/** The context of a Responses request. */

import type { RequestContext } from "../protocol.ts";
import type { ResponsesDialect } from "./dialects.ts";

/** The facts that the functions of this request builder share. */
export interface ResponsesContext extends RequestContext {
  readonly dialect: ResponsesDialect;
}
