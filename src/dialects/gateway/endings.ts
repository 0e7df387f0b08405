/** The ends of a reply that a program's wire has no word for. */

import type { FinishReason } from "../../contract/finish-reason.ts";
import { Refusal } from "../refusal.ts";
import type { GatewayError } from "./dialect.ts";

/** The finish reasons that these wires have words for. */
export type NamedFinish = Exclude<FinishReason, "stopped" | "interrupted" | "unknown">;

/** Returns whether a reply with this finish reason is complete. Half a reply is never shown as a complete one. */
export function isNamed(reason: FinishReason): reason is NamedFinish {
  return reason !== "stopped" && reason !== "interrupted" && reason !== "unknown";
}

/** Returns the failure to report for a reply that ended without a reason that has a word. */
export function unnamedEnd(reason: Exclude<FinishReason, NamedFinish>): GatewayError {
  switch (reason) {
    case "stopped":
      return { kind: "aborted", message: "The reply was stopped before it was complete." };
    case "interrupted":
      return { kind: "truncated", message: "The reply ended before it was complete." };
    case "unknown":
      return { kind: "truncated", message: "The model gave no known reason for the end of its reply." };
  }
}

/**
 * Returns the finish reason of a complete reply.
 * @throws {Refusal} 502 when the reply ended without a reason that has a word
 */
export function namedFinish(finishReason: FinishReason): NamedFinish {
  if (isNamed(finishReason)) return finishReason;
  const { kind, message } = unnamedEnd(finishReason);
  throw new Refusal(502, kind, message);
}

/** The failure of a reply whose text the model takes back: what a program has read stays read. */
export const TAKEN_BACK: GatewayError = {
  kind: "truncated",
  message: "The model began its reply again, which this API cannot express. Send the request again.",
};

/** The failure of a reply that continues in another process. */
export const SENT_AWAY: GatewayError = {
  kind: "truncated",
  message: "The server ends. Send the request again.",
};
