/** Whether JSON that comes in pieces is complete. */

/** Counts the brackets of a text. Each character is read once, however often the getters are called. */
export class JsonProgress {
  #unread: string;
  #depth = 0;
  #isQuoted = false;
  #isEscaped = false;
  #isEmpty = true;

  constructor(text: string) {
    this.#unread = text;
  }

  add(piece: string): void {
    this.#unread += piece;
  }

  /** Whether nothing but white space has come. */
  get isEmpty(): boolean {
    this.#read();
    return this.#isEmpty;
  }

  /** Whether something has come, and as many brackets are closed as were opened. */
  get isComplete(): boolean {
    this.#read();
    return this.#depth === 0 && !this.#isQuoted && !this.#isEmpty;
  }

  #read(): void {
    const text = this.#unread;
    this.#unread = "";
    this.#isEmpty &&= text.trim() === "";
    for (let at = 0; at < text.length; at++) {
      const character = text[at];
      if (this.#isEscaped) this.#isEscaped = false;
      else if (this.#isQuoted) {
        if (character === "\\") this.#isEscaped = true;
        else if (character === '"') this.#isQuoted = false;
      } else if (character === '"') this.#isQuoted = true;
      else if (character === "{" || character === "[") this.#depth++;
      else if (character === "}" || character === "]") this.#depth--;
    }
  }
}
