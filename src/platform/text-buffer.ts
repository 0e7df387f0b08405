/** Text that grows by many small pieces. */

/**
 * Pieces are gathered up to this length before they are flattened, in UTF-16 units: small enough to be cheap to keep,
 * large enough to be worth it.
 */
const ROW = 1_024;

/** Length of the beginning that is kept apart, in UTF-16 units. */
const HEAD = 2_048;

/**
 * Concatenates pieces as `text += piece` does, with less work for the garbage collector. V8 keeps a sum of strings as a
 * tree with a node for each piece, which lives as long as the text and is traversed again and again. Here the tree is
 * flattened before it is large.
 */
export class TextBuffer {
  #text = "";
  #recent = "";
  #head = "";

  add(piece: string): void {
    this.#recent += piece;
    if (this.#recent.length >= ROW) this.#layOut();
  }

  /** Keeps the first `length` UTF-16 units. */
  cut(length: number): void {
    const kept = Math.max(0, length);
    this.#text = this.toString().slice(0, kept);
    this.#head = this.#head.slice(0, kept);
  }

  /** The length in UTF-16 units. */
  get length(): number {
    return this.#text.length + this.#recent.length;
  }

  /**
   * The first 2,048 UTF-16 units or more, or the complete text. Cutting them from the text itself would flatten all of
   * it.
   */
  get head(): string {
    this.#layOut();
    return this.#head;
  }

  toString(): string {
    this.#layOut();
    return this.#text;
  }

  #layOut(): void {
    // V8 flattens the tree in order to read a character of it. An empty text has none.
    if (Number.isNaN(this.#recent.charCodeAt(0))) return;
    if (this.#head.length < HEAD) this.#head += this.#recent.slice(0, HEAD);
    this.#text += this.#recent;
    this.#recent = "";
  }
}
