/** The part of a reply that has arrived and is not in a record yet. */

import type { MessageChunk } from "../contract/chunk.ts";
import type { Media } from "../contract/message.ts";
import { completeMedium, estimateMediaTokens } from "../stream/media-collector.ts";
import { estimateTokens } from "../tokens/estimate.ts";
import type { SessionRecord } from "./record.ts";

/** Collects chunks for one record. */
export class UnsavedReply {
  #text = "";
  /** How much of the text in earlier records was discarded. */
  #rewind = 0;
  /** Text that is billed and not visible. */
  #unseen = "";
  #mediaTokens = 0;
  readonly #media: Media[] = [];

  add(chunk: MessageChunk): void {
    switch (chunk.type) {
      case "text":
        this.#text += chunk.content;
        break;
      case "reasoning":
        this.#unseen += chunk.reasoning;
        break;
      case "toolCallDelta":
        this.#unseen += chunk.argumentsDelta;
        break;
      case "media": {
        const medium = completeMedium(chunk);
        if (medium) this.#media.push(medium);
        this.#mediaTokens += estimateMediaTokens(chunk);
        break;
      }
      case "rewind": {
        const kept = Math.max(0, this.#text.length - chunk.length);
        this.#rewind += Math.max(0, chunk.length - this.#text.length);
        this.#unseen += this.#text.slice(kept);
        this.#text = this.#text.slice(0, kept);
      }
    }
  }

  record(): Extract<SessionRecord, { readonly type: "text" }> {
    const unseenTokens = (this.#unseen === "" ? 0 : estimateTokens(this.#unseen)) + Math.ceil(this.#mediaTokens);
    return {
      type: "text",
      text: this.#text,
      ...(this.#rewind > 0 && { rewind: this.#rewind }),
      ...(unseenTokens > 0 && { unseenTokens }),
      ...(this.#media.length > 0 && { media: this.#media }),
    };
  }
}
