/** The JSON value in a reply's text, chunk by chunk. */

import type { MessageChunk } from "../contract/chunk.ts";
import { TextBuffer } from "../platform/text-buffer.ts";
import { PartialJson } from "./partial-json.ts";

/** The value in the text of a reply so far. */
export class PartialOutput {
  #json = new PartialJson({ exact: true });
  #text = new TextBuffer();

  add(chunk: MessageChunk): void {
    switch (chunk.type) {
      case "text":
        this.#json.push(chunk.content);
        this.#text.add(chunk.content);
        break;
      case "rewind":
        if (chunk.length === 0) break; // only thinking was taken back
        this.#text.cut(this.#text.length - chunk.length);
        this.#json = new PartialJson({ exact: true });
        this.#json.push(this.#text.toString());
        break;
      case "toolResult": // the model reads it and begins again
        this.#json = new PartialJson({ exact: true });
        this.#text = new TextBuffer();
        break;
      case "final":
        this.#end();
        break;
    }
  }

  /** Returns the value so far: the same object where nothing was added, `undefined` before it begins. */
  get value(): unknown {
    return this.#json.value;
  }

  /**
   * Closes a number that is the complete value, which only the end does. A text that is not JSON was reported when the
   * reply was validated.
   */
  #end(): void {
    try {
      this.#json.end();
    } catch {
      // nothing to show
    }
  }
}
