/** Why a run ends, and the error that its viewers get for that. */

import { SendError } from "../../contract/errors.ts";
import type { RunHead } from "../log/log.ts";

/**
 * Why a run ends before its reply does.
 * - `asked`: a viewer stopped it. `unwatched`: all viewers have left.
 * - `tooLong`, `tooLarge`: it has reached a limit. `shutdown`: its process ends.
 * - `handedOver`: its process ends, and another one continues. `lost`: another process has it.
 * - `doubled`: the log did not answer when it began, and another process has begun it also.
 */
export type StopReason =
  | "asked"
  | "unwatched"
  | "tooLong"
  | "tooLarge"
  | "shutdown"
  | "handedOver"
  | "lost"
  | "doubled";

/** A run ends when its chunks take more, in bytes. */
export const MAX_RUN_BYTES = 8_388_608;

/** Returns the error of a run that its relay ended. `totalMs`: its limit. */
export function endedError(
  reason: Extract<StopReason, "tooLong" | "tooLarge" | "shutdown" | "doubled">,
  { provider, model }: RunHead,
  totalMs: number,
): SendError {
  switch (reason) {
    case "tooLong": {
      const message = `The run took longer than ${totalMs} ms.`;
      const facts = { provider, model, phase: "total", waitedMs: totalMs, retryable: false } as const;
      return new SendError("timeout", message, facts);
    }
    case "tooLarge": {
      const message = `The run has more than ${MAX_RUN_BYTES} bytes of chunks.`;
      return new SendError("truncated", message, { provider, model, code: "runTooLarge", retryable: false });
    }
    case "doubled": {
      const message = "Another process has begun the run while the log was away. Its reply counts.";
      return new SendError("truncated", message, { provider, model, code: "begunElsewhere", retryable: true });
    }
    case "shutdown": {
      const facts = { provider, model, code: "serverShutdown", retryable: true };
      return new SendError("truncated", "The server ends.", facts);
    }
  }
}
