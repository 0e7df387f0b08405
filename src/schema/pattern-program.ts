/** Matches a regular expression in bounded time: it follows all paths through it at once, without backtracking. */

import type { PatternNode } from "./pattern-syntax.ts";

/**
 * Steps of one match, plus some for each character. They take about a second; a match that needs more is given up.
 */
const MAX_STEPS = 10_000_000;
const MAX_STEPS_EACH = 20;

/** Maximum number of instructions of one expression: repetitions with large counts are written out. */
const MAX_INSTRUCTIONS = 20_000;

type Instruction =
  | { readonly op: "match" }
  | { readonly op: "character"; readonly fits: (character: string) => boolean }
  | { readonly op: "jump"; readonly to: readonly number[] }
  | { readonly op: "assert"; readonly holds: (text: string, at: number, work: Work) => boolean };

interface Work {
  /** The remaining steps; below 0 the match needed too many. */
  steps: number;
}

/** An expression as instructions for a machine that is in many states at once (Thompson, 1968). */
export class PatternProgram {
  readonly #isUnicode: boolean;
  readonly #instructions: Instruction[] = [];

  /** @throws {RangeError} when its repetitions count too far */
  constructor(tree: PatternNode, isUnicode: boolean) {
    this.#isUnicode = isUnicode;
    this.#write(tree);
    this.#add({ op: "match" });
  }

  /** Returns whether it matches somewhere in the text; `undefined` when that takes too many steps. */
  matches(text: string): boolean | undefined {
    const work = { steps: MAX_STEPS + MAX_STEPS_EACH * text.length };
    const isFound = this.#run(text, 0, { isAnchored: false }, work);
    return work.steps < 0 ? undefined : isFound;
  }

  /** `isAnchored`: the match must begin at `from`. `to`: the match must end there. */
  #run(text: string, from: number, ends: { readonly isAnchored: boolean; readonly to?: number }, work: Work): boolean {
    let states: number[] = [];
    let next: number[] = [];
    // The position at which each state was last entered; one for each instruction.
    const entered = new Array<number>(this.#instructions.length).fill(-1);
    const limit = ends.to ?? text.length;
    work.steps -= this.#instructions.length;
    for (let at = from; at <= limit; ) {
      if (!ends.isAnchored || at === from) this.#enter(0, text, at, states, entered, work);
      const character = this.#characterAt(text, at);
      for (const state of states) {
        const instruction = this.#instructions[state];
        if (instruction?.op === "match" && (ends.to === undefined || at === ends.to)) return true;
        if (instruction?.op !== "character" || at >= limit || !instruction.fits(character)) continue;
        this.#enter(state + 1, text, at + character.length, next, entered, work);
      }
      if (work.steps < 0) return false;
      if (next.length === 0 && ends.isAnchored) return false;
      at += character.length || 1;
      [states, next] = [next, states];
      next.length = 0;
    }
    return false;
  }

  /** Adds the states that are reachable from `state` without a character. */
  #enter(state: number, text: string, at: number, states: number[], entered: number[], work: Work): void {
    const waiting = [state];
    for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
      work.steps--;
      if (entered[one] === at || work.steps < 0) continue;
      entered[one] = at;
      const instruction = this.#instructions[one];
      if (instruction?.op === "jump") waiting.push(...instruction.to);
      else if (instruction?.op === "assert") {
        if (instruction.holds(text, at, work)) waiting.push(one + 1);
      } else states.push(one);
    }
  }

  #characterAt(text: string, at: number): string {
    return this.#isUnicode
      ? String.fromCodePoint(text.codePointAt(at) ?? 0).slice(0, text.length - at)
      : text.charAt(at);
  }

  #write(node: PatternNode): void {
    switch (node.type) {
      case "character":
        this.#add({ op: "character", fits: fitting(node.source, this.#isUnicode) });
        return;
      case "sequence":
        for (const part of node.parts) this.#write(part);
        return;
      case "alternatives":
        return this.#writeAlternatives(node.parts);
      case "repetition":
        return this.#writeRepetition(node.part, node.min, node.max);
      case "look": {
        const { isAhead, isNegated } = node;
        const program = new PatternProgram(node.part, this.#isUnicode);
        this.#add({
          op: "assert",
          holds: (text, at, work) => {
            const ends = isAhead ? { isAnchored: true } : { isAnchored: false, to: at };
            return program.#run(text, isAhead ? at : 0, ends, work) !== isNegated;
          },
        });
        return;
      }
      case "start":
        this.#add({ op: "assert", holds: (_, at) => at === 0 });
        return;
      case "end":
        this.#add({ op: "assert", holds: (text, at) => at === text.length });
        return;
      default: {
        const isBoundary = node.type === "boundary";
        this.#add({ op: "assert", holds: (text, at) => (isWord(text, at - 1) !== isWord(text, at)) === isBoundary });
      }
    }
  }

  #writeAlternatives(parts: readonly PatternNode[]): void {
    const starts: number[] = [];
    const ends: number[][] = [];
    this.#add({ op: "jump", to: starts });
    for (const part of parts) {
      starts.push(this.#instructions.length);
      this.#write(part);
      const end: number[] = [];
      ends.push(end);
      this.#add({ op: "jump", to: end });
    }
    for (const end of ends) end.push(this.#instructions.length);
  }

  #writeRepetition(part: PatternNode, min: number, max: number): void {
    for (let count = 0; count < min; count++) {
      const before = this.#instructions.length;
      this.#write(part);
      if (this.#instructions.length === before) break; // an empty part matches nothing, at any count
    }
    const ends: number[][] = [];
    for (let count = min; count < max; count++) {
      const start = this.#instructions.length;
      const starts = [start + 1];
      ends.push(starts);
      this.#add({ op: "jump", to: starts });
      this.#write(part);
      if (max !== Number.POSITIVE_INFINITY) continue;
      this.#add({ op: "jump", to: [start] });
      break;
    }
    for (const starts of ends) starts.push(this.#instructions.length);
  }

  #add(instruction: Instruction): void {
    if (this.#instructions.length >= MAX_INSTRUCTIONS) throw new RangeError("repetitions that count too far");
    this.#instructions.push(instruction);
  }
}

/** Returns a test for one character. The engine interprets classes and escapes, one character at a time. */
function fitting(source: string, isUnicode: boolean): (character: string) => boolean {
  if (source.length === 1 && source !== ".") return (character) => character === source;
  const expression = new RegExp(`^(?:${source})$`, isUnicode ? "u" : "");
  const known = new Map<string, boolean>();
  return (character) => {
    let fits = known.get(character);
    if (fits === undefined) {
      fits = expression.test(character);
      known.set(character, fits);
    }
    return fits;
  };
}

function isWord(text: string, at: number): boolean {
  return /\w/.test(text.charAt(at));
}
