/** The choices of a way to the network that a runtime does not have. */

import { SendError } from "../contract/errors.ts";
import type { Network } from "./network.ts";

/** Returns the error for a part of an option that the runtime lacks. */
export function unsupported(name: string, advice: string): SendError {
  return new SendError("unsupported", `This runtime does not support ${name}. ${advice}`);
}

/** Returns the error for a choice that the runtime lacks as a whole. */
export function unsupportedNetwork({ type }: Exclude<Network, { readonly type: "direct" }>): SendError {
  switch (type) {
    case "agent":
      return unsupported("`agent`", "It is for Node. Pass a `fetch`.");
    case "socket":
      return unsupported("a `baseUrl` that begins with unix:", "Pass a `fetch` that has it.");
    case "proxy":
    case "environment":
      return unsupported("`proxy`", "Here the network of the system decides. Pass a `fetch`.");
  }
}
