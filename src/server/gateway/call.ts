/** One request of a program, admitted. */

import type { GatewayDialect } from "../../dialects/gateway/dialect.ts";
import type { Asked } from "../http/handler.ts";
import type { Caller } from "../policy/policy-options.ts";

/** One request, and who makes it. */
export interface GatewayCall {
  readonly request: Asked;
  readonly dialect: GatewayDialect;
  readonly caller: Caller;
  /** The gateway's own id of the request, and of the run that answers it. */
  readonly id: string;
}
