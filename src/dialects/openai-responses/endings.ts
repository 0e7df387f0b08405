/** How replies end in the words of the Responses wire. */

import type { SendErrorKind } from "../../contract/error-kind.ts";
import type { FinishReason } from "../../contract/finish-reason.ts";
import type { AssistantMessage } from "../../contract/message.ts";

type Ending = Pick<AssistantMessage, "finishReason" | "interrupted">;

interface Words {
  readonly status: "completed" | "incomplete" | "cancelled";
  /** `incomplete_details.reason`. Clients take an incomplete response without one for a complete one. */
  readonly reason?: string;
}

/**
 * A call of a tool is an item, and has no word of its own. Nor has a refusal that the model reports at its end: its
 * text was sent as text, and may be partial, so it counts as filtered.
 */
const ENDINGS: Readonly<Record<FinishReason, Words>> = {
  stop: { status: "completed" },
  toolCalls: { status: "completed" },
  refusal: { status: "incomplete", reason: "content_filter" },
  length: { status: "incomplete", reason: "max_output_tokens" },
  budget: { status: "incomplete", reason: "max_output_tokens" },
  contentFilter: { status: "incomplete", reason: "content_filter" },
  stopped: { status: "cancelled", reason: "cancelled" },
  interrupted: { status: "incomplete", reason: "interrupted" },
  unknown: { status: "incomplete", reason: "unknown" },
};

function wordsOf({ finishReason, interrupted }: Ending): Words {
  const isNamed = finishReason === "stopped" || finishReason === "budget";
  return interrupted && !isNamed ? ENDINGS.interrupted : ENDINGS[finishReason];
}

/** Returns the status of a response that has ended. */
export function statusOf(message: Ending): Words["status"] {
  return wordsOf(message).status;
}

/** Returns the reason of a response that is not complete; `undefined` for a complete one. */
export function incompleteReasonOf(message: Ending): string | undefined {
  return wordsOf(message).reason;
}

/** The codes of `response.error`; clients try `server_error` and `rate_limit_exceeded` again. */
const CODES: Readonly<Partial<Record<SendErrorKind, string>>> = {
  rateLimit: "rate_limit_exceeded",
  contextLength: "context_length_exceeded",
  contentFilter: "content_filter",
  invalidRequest: "invalid_prompt",
  unsupported: "invalid_prompt",
  // A provider that refuses this server itself refuses it again.
  authentication: "invalid_prompt",
  permission: "invalid_prompt",
  notFound: "invalid_prompt",
};

/** Returns the code of a failure. */
export function errorCodeOf(kind: SendErrorKind): string {
  return CODES[kind] ?? "server_error";
}
