/** Text that grows by many small pieces. */

/** Joined at once: few enough to be cheap to hold, many enough to be worth a join. */
const PIECES = 256;

/**
 * What `text += piece` does, but gentle on the garbage collector: V8 keeps a sum of strings as a tree with a node for each
 * piece, which lives as long as the text and is walked again and again. Here pieces are joined by the hundreds.
 */
export class TextBuffer {
  #text = "";
  #pieces: string[] = [];

  add(piece: string): void {
    if (this.#pieces.push(piece) === PIECES) this.#join();
  }

  /** Keeps the first `length` UTF-16 units. */
  cut(length: number): void {
    this.#text = this.toString().slice(0, Math.max(0, length));
  }

  toString(): string {
    this.#join();
    return this.#text;
  }

  #join(): void {
    if (this.#pieces.length === 0) return;
    this.#text += this.#pieces.join("");
    this.#pieces = [];
  }
}
