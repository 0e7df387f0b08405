/** The reply of a run as a page shows it while the run is written. */

import type { AssistantMessage, AssistantTurn } from "../contract/message.ts";
import type { ChatReply } from "./chat-message.ts";
import type { LinkEvent } from "./link.ts";
import { ended, isAhead, joined, sizeOf } from "./shown.ts";
import { withChunk } from "./with-chunk.ts";

/** Folds the events of a run. A relay that sends the reply again takes no shown word back, unless a word changes. */
export class LiveReply {
  /** The reply before the run; empty, unless an earlier reply is continued. */
  readonly base: ChatReply;
  /** The reply as the relay sends it. */
  #received: ChatReply;
  /** The reply as it was, shown while the relay sends it again. */
  #shownBefore: ChatReply | undefined;

  constructor(base: ChatReply) {
    this.base = base;
    this.#received = base;
  }

  get shown(): ChatReply {
    return this.#shownBefore ?? this.#received;
  }

  /** Takes an event that is not the end of the run. */
  add(event: LinkEvent): void {
    const start = this.base.content.length;
    switch (event.type) {
      case "chunks":
        for (const chunk of event.chunks) this.#received = withChunk(this.#received, chunk, start);
        break;
      case "restart":
        this.#again(this.base);
        break;
      case "snapshot": {
        const { toolCalls, ...message } = event.message;
        this.#again({ ...joined(this.base, message), state: "writing" });
        for (const chunk of event.tools ?? []) this.#received = withChunk(this.#received, chunk, start);
        for (const toolCall of toolCalls) {
          this.#received = withChunk(
            this.#received,
            { type: "toolCall", content: "", toolCall, isFinal: false },
            start,
          );
        }
      }
    }
    if (this.#shownBefore && !isAhead(this.#shownBefore, this.#received)) this.#shownBefore = undefined;
  }

  /** Returns the reply with the relay's last word. */
  complete(turn: AssistantTurn): ChatReply {
    return ended(joined(this.base, turn), this.shown);
  }

  /** Takes the relay's last word about a reply that has failed. A page may have more words. */
  partial(message: AssistantMessage): void {
    const complete = this.complete(message);
    if (!isAhead(this.shown, complete)) this.#shownBefore = complete;
  }

  /** Returns the reply as far as it has come. Its tools run no more. */
  interrupted(finishReason?: "stopped"): ChatReply {
    return ended({ ...this.shown, state: "interrupted", finishReason }, this.shown);
  }

  /** Whether a reply of this run has nothing of it. */
  isEmpty(reply: ChatReply): boolean {
    return sizeOf(reply) <= sizeOf(this.base);
  }

  #again(reply: ChatReply): void {
    this.#shownBefore ??= this.#received;
    this.#received = reply;
  }
}
