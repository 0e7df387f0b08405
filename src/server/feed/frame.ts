/** The pieces that connections send: text, and bytes where a connection needs them. */

/** Each connection that takes a string makes bytes of it again: longer ones are made once, in UTF-16 units. */
const MAX_TEXT = 16_384;

const NOT_ASCII = /[\u0080-\uffff]/;

const encoder = new TextEncoder();

/** A frame as HTTP/1.1 sends it where the length of a body is not known: its length in bytes, then its text. */
export interface Chunk {
  readonly text: string;
  /** Node writes ASCII in less time when it is called Latin-1. */
  readonly encoding: "latin1" | "utf8";
}

/** A piece of a response. Every connection gets the same bytes of it. */
export class Frame {
  #content: string | Uint8Array;
  #chunk: Chunk | undefined;

  constructor(text: string) {
    this.#content = text.length > MAX_TEXT ? encoder.encode(text) : text;
  }

  /** Text, or UTF-8. Node writes a short string in less time than bytes. */
  get content(): string | Uint8Array {
    return this.#content;
  }

  /**
   * Returns the text as a chunk, made once for all connections; `undefined` for bytes, and for no text: an empty chunk
   * ends a body.
   */
  get chunk(): Chunk | undefined {
    const text = this.#content;
    if (typeof text !== "string" || text === "") return undefined;
    this.#chunk ??= chunkOf(text);
    return this.#chunk;
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

function chunkOf(text: string): Chunk {
  const isAscii = !NOT_ASCII.test(text);
  const size = isAscii ? text.length : encoder.encode(text).byteLength;
  return { text: `${size.toString(16)}\r\n${text}\r\n`, encoding: isAscii ? "latin1" : "utf8" };
}
