/** The reply of a run as a page shows it while the run is written. */

import type { AssistantMessage } from "../contract/message.ts";
import type { ChatReply, ChatToolCall } from "../dialects/native/chat-message.ts";
import type { LinkEvent } from "./link.ts";
import { withChunk } from "./with-chunk.ts";

/** Folds the events of a run. A relay that sends the reply again takes no shown word back, unless a word changes. */
export class LiveReply {
  /** The reply before the run; empty, unless an earlier reply is continued. */
  readonly base: ChatReply;
  /** The reply as the relay sends it. */
  #received: ChatReply;
  /** The reply as it was, shown while the relay sends it again. */
  #before: ChatReply | undefined;

  constructor(base: ChatReply) {
    this.base = base;
    this.#received = base;
  }

  get shown(): ChatReply {
    return this.#before ?? this.#received;
  }

  /** Takes an event that is not the end of the run. */
  add(event: LinkEvent): void {
    if (event.type === "restart" || event.type === "snapshot") {
      this.#before ??= this.#received;
      this.#received = this.base;
    }
    if ("chunks" in event) {
      for (const chunk of event.chunks) this.#received = withChunk(this.#received, chunk, this.base.content.length);
    }
    if (this.#before && !isAhead(this.#before, this.#received)) this.#before = undefined;
  }

  /**
   * Returns the reply at its end. Its tools run no more.
   * @param last the relay's last word
   * @param hasFailed whether the reply has failed: a page may have more words than the relay's log
   */
  ended(state: ChatReply["state"], last: Partial<AssistantMessage> = {}, hasFailed = false): ChatReply {
    const { base, shown } = this;
    const { content, reasoning = "", toolCalls: open = [], finishReason, usage, estimatedUsage } = last;
    const { metrics, provider, model } = last;
    const text = { content: base.content + content, reasoning: base.reasoning + reasoning };
    const toolCalls = shown.toolCalls.map((call): ChatToolCall => {
      const waiting = open.find(({ id }) => id === call.id);
      if (waiting) return { ...call, state: waiting.needsApproval ? "needsApproval" : "needsResult" };
      if (call.state !== "running" && call.state !== "writing") return call;
      return { ...call, state: state === "complete" ? "done" : "failed" };
    });
    return {
      ...shown,
      ...(content !== undefined && !(hasFailed && isAhead(shown, { ...shown, ...text })) && text),
      toolCalls,
      state,
      finishReason,
      usage,
      estimatedUsage,
      metrics,
      provider,
      model,
    };
  }

  /** Whether a reply of this run has nothing of it. */
  isEmpty(reply: ChatReply): boolean {
    return sizeOf(reply) <= sizeOf(this.base);
  }
}

/** Returns how much of a reply has come. */
function sizeOf({ content, reasoning, toolCalls, media, providerToolCalls }: ChatReply): number {
  return content.length + reasoning.length + toolCalls.length + media.length + providerToolCalls.length;
}

/** Returns whether a reply has all that the other has, and more. */
function isAhead(one: ChatReply, other: ChatReply): boolean {
  const goesOn = one.content.startsWith(other.content) && one.reasoning.startsWith(other.reasoning);
  return goesOn && sizeOf(one) > sizeOf(other);
}
