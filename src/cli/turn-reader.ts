/** Turns from lines: a message may have several lines, and a line that starts with a slash is a command. */

export type Turn =
  | { readonly type: "say"; readonly text: string }
  | { readonly type: "command"; readonly name: string; readonly argument: string };

const FENCE = '"""';

/**
 * Collects lines until a turn is complete. A line that ends in `\` continues in the next. `"""` opens a block that ends
 * with the line that ends in `"""`. A blank before a slash makes the line a message.
 */
export class TurnReader {
  #lines: string[] = [];
  #inBlock = false;

  /** True while an unfinished turn waits for more lines. */
  get isOpen(): boolean {
    return this.#inBlock || this.#lines.length > 0;
  }

  /** Takes a line (or several, as pasted) and returns the turn that it completes. Empty turns are skipped. */
  push(line: string): Turn | undefined {
    if (this.#inBlock) {
      if (!line.trimEnd().endsWith(FENCE)) return void this.#lines.push(line);
      this.#lines.push(line.trimEnd().slice(0, -FENCE.length));
      return this.rest();
    }
    if (!this.isOpen) {
      if (line.trimStart().startsWith(FENCE)) {
        this.#inBlock = true;
        return this.push(line.trimStart().slice(FENCE.length));
      }
      const command = /^\/(\S*)(?:[ \t]+(.*))?$/.exec(line.trimEnd());
      if (command) return { type: "command", name: command[1] ?? "", argument: command[2]?.trim() ?? "" };
    }
    if (line.endsWith("\\")) return void this.#lines.push(line.slice(0, -1));
    this.#lines.push(line);
    return this.rest();
  }

  /** Returns the unfinished turn at the end of input. */
  rest(): Turn | undefined {
    const text = this.#lines.join("\n").trim();
    this.clear();
    return text === "" ? undefined : { type: "say", text };
  }

  /** Discards the unfinished turn. */
  clear(): void {
    this.#lines = [];
    this.#inBlock = false;
  }
}
