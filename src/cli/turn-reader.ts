/** Lines that make turns: what is said may have several, and a line that starts with a slash is a command. */

export type Turn =
  | { readonly type: "say"; readonly text: string }
  | { readonly type: "command"; readonly name: string; readonly argument: string };

const FENCE = '"""';

/**
 * Collects lines until a turn is whole. A line that ends in `\` goes on in the next; `"""` opens a block that ends with
 * the line that ends in `"""`. Text that must begin with a slash is written with a blank before it.
 */
export class TurnReader {
  #lines: string[] = [];
  #inBlock = false;

  /** True while a turn has begun that more lines belong to. */
  get isOpen(): boolean {
    return this.#inBlock || this.#lines.length > 0;
  }

  /** Takes a line (or several, as pasted) and returns the turn that it makes whole. Empty turns are none. */
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

  /** What was begun, as it is: nothing more comes. */
  rest(): Turn | undefined {
    const text = this.#lines.join("\n").trim();
    this.clear();
    return text === "" ? undefined : { type: "say", text };
  }

  /** Forgets what was begun. */
  clear(): void {
    this.#lines = [];
    this.#inBlock = false;
  }
}
