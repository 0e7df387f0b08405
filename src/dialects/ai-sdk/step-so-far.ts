/** The parts of one step so far, for front ends that can begin the step again. */

import type { UiChunk } from "./parts.ts";

/** Text and thinking, joined, and the other parts between them. */
export type StepItem =
  | { readonly type: "text" | "reasoning"; readonly text: string }
  | { readonly type: "part"; readonly chunk: UiChunk };

/** Collects the parts of a step. */
export class StepSoFar {
  #items: StepItem[] = [];

  write(type: "text" | "reasoning", text: string): void {
    const last = this.#items.at(-1);
    if (last?.type !== type) this.#items.push({ type, text });
    else this.#items[this.#items.length - 1] = { type, text: last.text + text };
  }

  keep(chunk: UiChunk): void {
    this.#items.push({ type: "part", chunk });
  }

  clear(): void {
    this.#items = [];
  }

  /** Removes the last `length` units of text and `reasoningLength` of thinking. Returns the rest, and forgets it. */
  takeBack(length: number, reasoningLength: number): readonly StepItem[] {
    const left = { text: length, reasoning: reasoningLength };
    const kept: StepItem[] = [];
    for (const item of this.#items.reverse()) {
      if (item.type === "part") {
        kept.unshift(item);
        continue;
      }
      const text = item.text.slice(0, Math.max(0, item.text.length - left[item.type]));
      left[item.type] -= item.text.length - text.length;
      if (text !== "") kept.unshift({ type: item.type, text });
    }
    this.clear();
    return kept;
  }
}
