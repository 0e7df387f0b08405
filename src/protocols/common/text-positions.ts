/**
 * Positions in a text that grows: JavaScript counts UTF-16 units, many servers count code points, Gemini bytes of
 * UTF-8.
 */

import { isFirstHalf } from "../../platform/surrogates.ts";

/**
 * The unit that a server counts: the size of a character by its first UTF-16 unit; the second half of a pair is counted
 * with the first.
 */
type UnitSize = (unit: number) => number;

/** Code points: one for each character. */
export const codePoints: UnitSize = () => 1;

/** Bytes of UTF-8. */
export const utf8Bytes: UnitSize = (unit) => (unit < 0x80 ? 1 : unit < 0x800 ? 2 : isFirstHalf(unit) ? 4 : 3);

/** Maximum number of characters that are scanned to find a position. */
const BLOCK = 512;

interface Block {
  readonly text: string;
  /** Its beginning, in UTF-16 units; `count` is the same in the server's units. */
  readonly offset: number;
  readonly count: number;
}

/** Translates a server's positions. Each character is scanned once, and every position costs the same. */
export class TextPositions {
  readonly #sizeOf: UnitSize;
  readonly #blocks: Block[] = [];
  #pending: string;
  #offset = 0;
  #count = 0;

  constructor(sizeOf: UnitSize, text = "") {
    this.#sizeOf = sizeOf;
    this.#pending = text;
  }

  add(text: string): void {
    this.#pending += text;
  }

  /** The length so far, in UTF-16 units. */
  get length(): number {
    return this.#offset + this.#pending.length;
  }

  /** The length so far, in the server's units. */
  get count(): number {
    this.#settle();
    return this.#count;
  }

  /** Returns the offset, in UTF-16 units, of a server's position; the end of the text for a position beyond it. */
  offsetOf(position: number): number {
    this.#settle();
    if (!(position > 0)) return 0;
    if (position >= this.#count) return this.#offset;
    const { text, offset, count } = this.#blockOf(position);
    let left = position - count;
    let at = 0;
    while (at < text.length && (left > 0 || isSecondHalf(text.charCodeAt(at)))) {
      const unit = text.charCodeAt(at++);
      if (!isSecondHalf(unit)) left -= this.#sizeOf(unit);
    }
    return offset + at;
  }

  #blockOf(position: number): Block {
    let low = 0;
    let high = this.#blocks.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#blocks[middle]?.count ?? 0) <= position) low = middle;
      else high = middle;
    }
    return this.#blocks[low] ?? { text: "", offset: 0, count: 0 };
  }

  /** Counts the text since the last call. Half a surrogate pair waits for its other half. */
  #settle(): void {
    const text = this.#pending;
    const end = isFirstHalf(text.charCodeAt(text.length - 1)) ? text.length - 1 : text.length;
    for (let at = 0; at < end; ) {
      const limit = Math.min(end, at + BLOCK);
      const to = isSecondHalf(text.charCodeAt(limit)) ? limit + 1 : limit;
      const block = { text: text.slice(at, to), offset: this.#offset, count: this.#count };
      this.#blocks.push(block);
      for (; at < to; at++) {
        const unit = text.charCodeAt(at);
        if (!isSecondHalf(unit)) this.#count += this.#sizeOf(unit);
      }
      this.#offset += block.text.length;
    }
    this.#pending = text.slice(end);
  }
}

function isSecondHalf(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}
