/** The pieces that connections send: text, and bytes where a connection needs them. */

/** Each connection that takes a string makes bytes of it again: longer ones are made once, in UTF-16 units. */
const MAX_TEXT = 16_384;

const encoder = new TextEncoder();

/** A piece of a response. Every connection gets the same bytes of it. */
export class Frame {
  #content: string | Uint8Array;

  constructor(text: string) {
    this.#content = text.length > MAX_TEXT ? encoder.encode(text) : text;
  }

  /** Text, or UTF-8. Node writes a short string in less time than bytes. */
  get content(): string | Uint8Array {
    return this.#content;
  }

  /** Returns this frame and the next one as one; `undefined` when one of them is long. */
  with(next: Frame): Frame | undefined {
    const [text, more] = [this.#content, next.#content];
    return typeof text === "string" && typeof more === "string" ? new Frame(text + more) : undefined;
  }

  get bytes(): Uint8Array {
    if (typeof this.#content === "string") this.#content = encoder.encode(this.#content);
    return this.#content;
  }
}
