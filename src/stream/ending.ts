/** How a reply ends, the finish reason that follows from it, and the listeners that get the end. */

import type { SendError } from "../contract/errors.ts";
import type { FinishReason } from "../contract/finish-reason.ts";
import type { AssistantMessage } from "../contract/message.ts";

/** Receives how a reply ended: the message as far as it came, and the error if it failed. */
export type EndListener = (message: AssistantMessage, error: SendError | undefined) => void;

/** Calls a listener. Its error is reported as uncaught, and does not keep the others from receiving the end. */
export function notify(listener: EndListener, message: AssistantMessage, error: SendError | undefined): void {
  try {
    listener(message, error);
  } catch (thrown) {
    queueMicrotask(() => {
      throw thrown;
    });
  }
}

/**
 * How the reply ended: as its provider ended it, by the caller, or by a failure. `drained`: stopped, and then read to
 * its end for the bill. `running` while it has not ended.
 */
export type Ending = "complete" | "stopped" | "drained" | "interrupted" | "running";

/** Returns the finish reason of a message. `given`: that of the provider. */
export function endReasonOf(ending: Ending, given: FinishReason | undefined): FinishReason {
  switch (ending) {
    case "complete":
      return given ?? "unknown";
    case "stopped":
    case "drained":
      return "stopped";
    case "interrupted":
    case "running":
      return "interrupted";
  }
}
