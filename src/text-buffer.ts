/** Text that grows by many small pieces. */

/** Gathered before they are laid out, in UTF-16 units: few enough to be cheap to hold, many enough to be worth it. */
const ROW = 1_024;

/**
 * What `text += piece` does, but gentle on the garbage collector: V8 keeps a sum of strings as a tree with a node for each
 * piece, which lives as long as the text and is walked again and again. Here the tree is laid out before it is large.
 */
export class TextBuffer {
  #text = "";
  #recent = "";

  add(piece: string): void {
    this.#recent += piece;
    if (this.#recent.length >= ROW) this.#layOut();
  }

  /** Keeps the first `length` UTF-16 units. */
  cut(length: number): void {
    this.#text = this.toString().slice(0, Math.max(0, length));
  }

  toString(): string {
    this.#layOut();
    return this.#text;
  }

  #layOut(): void {
    // To read a character of it, V8 writes the tree out as one row; of an empty text there is none.
    if (Number.isNaN(this.#recent.charCodeAt(0))) return;
    this.#text += this.#recent;
    this.#recent = "";
  }
}
