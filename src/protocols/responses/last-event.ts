/** The last event of a reply: its name and its response say how the reply has ended. */

import type { WireResponse } from "./wire.ts";

/**
 * Returns the response with the status of its last event, where its own is missing. An event that says that the reply
 * is not complete always counts.
 */
export function ended(response: WireResponse, type: string): WireResponse {
  const named = /^response\.(completed|incomplete|failed|cancelled)$/.exec(type)?.[1];
  const isComplete = !response.status || response.status === "completed";
  const isBroken = named === "failed" || named === "cancelled";
  const status = isBroken || (named && isComplete) ? named : response.status;
  return status === response.status ? response : { ...response, status };
}
