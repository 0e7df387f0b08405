/** JSON as models write it: with line breaks and other control characters inside strings, which JSON wants escaped. */

import { parseExact } from "./exact-json.ts";

/**
 * Returns the value of a JSON text. Control characters inside strings stand for themselves.
 * @throws {SyntaxError} when the text is not JSON otherwise
 */
export function parseModelJson(json: string): unknown {
  try {
    return parseExact(json);
  } catch (error) {
    const escaped = new ModelJson().add(json);
    if (escaped === json) throw error;
    return parseExact(escaped);
  }
}

const CONTROL_CHARACTER = /[^ -\uffff]/;

/** A JSON text that comes in pieces. */
export class ModelJson {
  /** Pieces without control characters: they are read when one comes. */
  #unread = "";
  #isQuoted = false;
  #isEscaped = false;

  /** Returns the next piece with each control character of its strings escaped, unless a backslash precedes it. */
  add(piece: string): string {
    if (!CONTROL_CHARACTER.test(piece)) {
      this.#unread += piece;
      return piece;
    }
    this.#read(this.#unread);
    this.#unread = "";
    return this.#read(piece);
  }

  #read(text: string): string {
    let escaped = "";
    let from = 0;
    for (let at = 0; at < text.length; at++) {
      const character = text[at] ?? "";
      if (this.#isEscaped) this.#isEscaped = false;
      else if (character === '"') this.#isQuoted = !this.#isQuoted;
      else if (character === "\\") this.#isEscaped = this.#isQuoted;
      else if (this.#isQuoted && character < " ") {
        escaped += text.slice(from, at) + JSON.stringify(character).slice(1, -1);
        from = at + 1;
      }
    }
    return escaped + text.slice(from);
  }
}
