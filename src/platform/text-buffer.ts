/** Text that grows by many small pieces. */

/** Gathered before they are laid out, in UTF-16 units: few enough to be cheap to hold, many enough to be worth it. */
const ROW = 1_024;

/** So much of the beginning is kept apart, in UTF-16 units. */
const HEAD = 2_048;

/**
 * What `text += piece` does, but gentle on the garbage collector: V8 keeps a sum of strings as a tree with a node for each
 * piece, which lives as long as the text and is walked again and again. Here the tree is laid out before it is large.
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

  /** In UTF-16 units. */
  get length(): number {
    return this.#text.length + this.#recent.length;
  }

  /** The first 2,048 UTF-16 units or more, or all there are: to cut them from the text itself would lay it all out. */
  get head(): string {
    this.#layOut();
    return this.#head;
  }

  toString(): string {
    this.#layOut();
    return this.#text;
  }

  #layOut(): void {
    // To read a character of it, V8 writes the tree out as one row; of an empty text there is none.
    if (Number.isNaN(this.#recent.charCodeAt(0))) return;
    if (this.#head.length < HEAD) this.#head += this.#recent.slice(0, HEAD);
    this.#text += this.#recent;
    this.#recent = "";
  }
}
