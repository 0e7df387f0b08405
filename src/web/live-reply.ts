/** The reply of a run as a page shows it while the run is written. */

import type { AssistantMessage } from "../contract/message.ts";
import type { ChatReply } from "../dialects/native/chat-message.ts";
import { EMPTY_REPLY } from "../dialects/native/shown.ts";
import type { LinkEvent } from "./link.ts";
import { withChunk, withMore } from "./with-chunk.ts";

/** The reply of a run. */
export interface LiveReply {
  readonly shown: ChatReply;
  /** Takes an event that is not the end of the run. */
  add(event: LinkEvent): void;
  /**
   * Returns the reply at its end. Its tools run no more.
   * @param last the relay's last word
   * @param isLost whether the relay did not end the reply itself: a page may have more words than its log
   */
  ended(state: ChatReply["state"], last?: Partial<AssistantMessage>, isLost?: boolean): ChatReply;
  /** Returns whether a reply of this run has nothing of it. */
  isEmpty(reply: ChatReply): boolean;
}

/**
 * Returns the reply of a run, which folds its events. A relay that sends the reply again takes no shown word back,
 * unless a word changes.
 */
export function liveReply({
  finishReason,
  usage,
  estimatedUsage,
  metrics,
  ...parts
}: ChatReply = EMPTY_REPLY): LiveReply {
  const base: ChatReply = { ...parts, state: "writing" };
  const start = base.content.length;
  /** The reply as the relay sends it. */
  let received = base;
  /** The reply as it is shown: as it was, while the relay sends it again. */
  let shown = base;
  let isAgain = false;
  return {
    get shown() {
      return shown;
    },
    add(event) {
      if (event.type === "snapshot" || (event.type === "lost" && event.isAgain)) {
        isAgain = true;
        received = base;
      }
      if ("chunks" in event) {
        for (const chunk of event.chunks) received = withChunk(received, chunk, start);
      }
      isAgain &&= isAhead(shown, received);
      if (!isAgain) shown = received;
    },
    ended(state, last = {}, isLost = false) {
      const { toolCalls: open = [], finishReason, usage, estimatedUsage, metrics, provider, model } = last;
      const toolCalls = shown.toolCalls.map((call) => {
        const waiting = open.find(({ id }) => id === call.id);
        if (waiting) return { ...call, state: waiting.needsApproval ? "needsApproval" : "needsResult" } as const;
        if (call.state !== "running" && call.state !== "writing") return call;
        return { ...call, state: state === "complete" ? "done" : "failed" } as const;
      });
      // A sound comes in pieces, which the relay has joined, and a log that was away may have missed a part.
      const theirs = { ...withMore(base, last, start), toolCalls };
      const all = isLost && isAhead(shown, theirs) ? shown : theirs;
      const facts = { finishReason, usage, estimatedUsage, metrics, provider, model };
      return { ...all, toolCalls, state, ...facts };
    },
    isEmpty: (reply) => sizeOf(reply) <= sizeOf(base),
  };
}

/** Returns how much of a reply has come. */
function sizeOf({ content, reasoning, toolCalls, media, providerToolCalls }: ChatReply): number {
  return content.length + reasoning.length + toolCalls.length + media.length + providerToolCalls.length;
}

/** Returns whether a reply has all that the other has, and more. */
function isAhead(one: ChatReply, other: ChatReply): boolean {
  const continues = one.content.startsWith(other.content) && one.reasoning.startsWith(other.reasoning);
  return continues && sizeOf(one) > sizeOf(other);
}
