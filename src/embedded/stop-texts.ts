/** Texts at which a model stops writing. A text that may be the beginning of one is held back until it is known. */

/** Passes text through until a stop text comes. */
export class StopTexts {
  readonly #stops: readonly string[];
  #pending = "";

  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  /** Returns the text that can be shown now, and whether a stop text came, which is not shown itself. */
  push(text: string): { readonly text: string; readonly stopped: boolean } {
    if (this.#stops.length === 0) return { text, stopped: false };
    const all = this.#pending + text;
    const ends = this.#stops.map((stop) => all.indexOf(stop)).filter((at) => at >= 0);
    if (ends.length > 0) {
      this.#pending = "";
      return { text: all.slice(0, Math.min(...ends)), stopped: true };
    }
    const pending = Math.max(...this.#stops.map((stop) => overlap(all, stop)));
    this.#pending = all.slice(all.length - pending);
    return { text: all.slice(0, all.length - pending), stopped: false };
  }

  /** Returns the text that is still held back, and was not a stop text, at the end. */
  rest(): string {
    const rest = this.#pending;
    this.#pending = "";
    return rest;
  }
}

/** Returns the length of the longest end of `text` that is the beginning of `stop`. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length;
  }
  return 0;
}
