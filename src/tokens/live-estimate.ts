/** Estimates the tokens of a text that still grows. */

import { estimateTokens } from "./estimate.ts";

/** Characters of its beginning that are read, so that the cost of an estimate does not grow with the text. */
const LIVE_SAMPLE = 2_000;

/** A text whose length and beginning are known. */
export interface Sampled {
  readonly length: number;
  /** At least the first `LIVE_SAMPLE` UTF-16 units, or all there are. */
  readonly head: string;
}

/** A text that is kept for its estimate alone. */
export class Sample implements Sampled {
  length = 0;
  head = "";

  add(text: string): void {
    this.length += text.length;
    if (this.head.length < LIVE_SAMPLE) this.head += text.slice(0, LIVE_SAMPLE);
  }
}

/** Estimates the tokens of one growing text from its beginning, which is read again only while it grows. */
export class LiveEstimate {
  readonly #text: Sampled;
  #sampled = 0;
  #tokens = 0;

  constructor(text: Sampled) {
    this.#text = text;
  }

  tokens(): number {
    const { head, length } = this.#text;
    if (length === 0) return 0;
    const sampled = Math.min(head.length, LIVE_SAMPLE);
    if (sampled !== this.#sampled) {
      this.#sampled = sampled;
      this.#tokens = estimateTokens(head.slice(0, LIVE_SAMPLE));
    }
    return (this.#tokens * length) / sampled;
  }
}
