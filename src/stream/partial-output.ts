/** The JSON value in a reply's text, chunk by chunk. */

import type { MessageChunk } from "../contract/chunk.ts";
import { ModelJson } from "../platform/model-json.ts";
import { TextBuffer } from "../platform/text-buffer.ts";
import { PartialJson } from "./partial-json.ts";

/** The value in the text of a reply so far. */
export class PartialOutput {
  #json = new PartialJson({ exact: true });
  #escaped = new ModelJson();
  #text = new TextBuffer();

  add(chunk: MessageChunk): void {
    switch (chunk.type) {
      case "text":
        this.#push(chunk.content);
        break;
      case "rewind":
        if (chunk.length === 0) break; // only thinking was taken back
        this.#text.cut(this.#text.length - chunk.length);
        this.#beginWith(this.#text.toString());
        break;
      case "toolResult": // the model reads it and begins again
        this.#beginWith("");
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

  #push(text: string): void {
    this.#text.add(text);
    this.#json.push(this.#escaped.add(text));
  }

  #beginWith(text: string): void {
    this.#json = new PartialJson({ exact: true });
    this.#escaped = new ModelJson();
    this.#text = new TextBuffer();
    this.#push(text);
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
