/** How a reply ends, and the finish reason that follows from it. */

import type { FinishReason } from "../contract/finish-reason.ts";

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
