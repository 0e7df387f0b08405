/** The view of one run for its viewers: the policy's masks, and the relay's signature. */

import { SendError } from "../../contract/errors.ts";
import type { AssistantMessage } from "../../contract/message.ts";
import type { EndEvent, Mask } from "../feed/feed-events.ts";
import type { RunHead } from "../log/log.ts";
import { exposedChunks, exposedMessage } from "../policy/exposed-message.ts";
import { maskedError } from "../policy/masked-error.ts";
import type { Policy } from "../policy/policy.ts";
import type { Signer } from "../request/signature.ts";

/** @param signer signs tool calls, for a relay that must recognize them when they come back */
export function maskOf(
  { id, owner, startedAt }: RunHead,
  { expose, describe }: Policy,
  signer: Signer | undefined,
): Mask {
  const exposed = (message: AssistantMessage): AssistantMessage => exposedMessage(message, expose);
  const complete = (message: AssistantMessage): EndEvent => ({ type: "complete", message });
  return {
    chunks: (chunks) => exposedChunks(chunks, expose),
    message: exposed,
    end: (end) => {
      if (end.type === "failed") {
        const error = maskedError(SendError.from(end.error), { requestId: id, describe, exposed });
        return { type: "failed", error };
      }
      const message = exposed(end.message);
      if (!signer || message.toolCalls.length === 0) return complete(message);
      return signer.sign(owner, message, { run: id, at: startedAt }).then(complete, () => complete(message));
    },
  };
}
