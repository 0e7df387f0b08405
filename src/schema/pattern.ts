/**
 * A schema's `pattern`, matched in bounded time. JavaScript's own engine goes back and tries again: `^(a+)+$` takes seconds
 * for thirty characters, and a model's reply must not stop the process.
 */

import { PatternProgram } from "./pattern-program.ts";
import { type PatternNode, patternTree } from "./pattern-syntax.ts";

/** Ways through a text that the engine may have to try; what could take more is matched by `PatternProgram`. */
const MAX_TRIES = 1_000_000;

/** A regular expression, unanchored, as JSON Schema reads it. */
export class Pattern {
  readonly #expression: RegExp;
  readonly #tree: PatternNode | undefined;
  /** How the engine's work may grow: with the length of the text to this power. */
  readonly #power: number;
  #program: PatternProgram | undefined;

  /** @throws {SyntaxError} when it is not a regular expression */
  constructor(source: string) {
    this.#expression = expressionOf(source);
    const { unicode } = this.#expression;
    this.#tree = patternTree(source, unicode);
    this.#power = this.#tree ? powerOf(this.#tree) : source.split(/[*+?{|]/).length;
  }

  /** Why it cannot be matched in bounded time; `undefined` when it can. */
  get fault(): string | undefined {
    if (!this.#tree)
      return "refers back to a group or sets flags within, which cannot be matched in bounded time: write it without";
    if (this.#power <= 1) return undefined;
    try {
      this.#compiled(this.#tree);
      return undefined;
    } catch {
      return "counts repetitions too far to be matched in bounded time: use smaller counts, or `maxLength`";
    }
  }

  /** Whether it matches somewhere in the text; `undefined` when the text is too long to say so in bounded time. */
  matches(text: string): boolean | undefined {
    if (this.#power <= 1 || (text.length + 2) ** this.#power <= MAX_TRIES || !this.#tree)
      return this.#expression.test(text);
    return this.#compiled(this.#tree).matches(text);
  }

  #compiled(tree: PatternNode): PatternProgram {
    this.#program ??= new PatternProgram(tree, this.#expression.unicode);
    return this.#program;
  }
}

/** Patterns are meant to be read with Unicode in mind; those that only work without are taken, too. */
function expressionOf(source: string): RegExp {
  try {
    return new RegExp(source, "u");
  } catch {
    return new RegExp(source);
  }
}

/** One for each place with a choice, one for where to begin; without end where choices are repeated. */
function powerOf(tree: PatternNode): number {
  const begins = tree.type === "sequence" && tree.parts[0]?.type === "start" ? 0 : 1;
  return begins + choicesOf(tree);
}

function choicesOf(node: PatternNode): number {
  switch (node.type) {
    case "sequence":
      return node.parts.reduce((sum, part) => sum + choicesOf(part), 0);
    case "alternatives":
      return node.parts.reduce((sum, part) => sum + choicesOf(part), node.parts.length - 1);
    case "look":
      return 1 + choicesOf(node.part);
    case "repetition": {
      const inner = choicesOf(node.part);
      if (node.max <= 1) return inner + (node.min === node.max ? 0 : 1);
      return inner > 0 ? Number.POSITIVE_INFINITY : node.min === node.max ? 0 : 1;
    }
    default:
      return 0;
  }
}
