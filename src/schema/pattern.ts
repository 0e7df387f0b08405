/**
 * A schema's `pattern`, matched in bounded time. JavaScript's own engine backtracks: `^(a+)+$` takes seconds for thirty
 * characters, and a model's reply must not stop the process.
 */

import { PatternProgram } from "./pattern-program.ts";
import { type PatternNode, patternTree } from "./pattern-syntax.ts";

/** Maximum number of paths through a text for the engine. `PatternProgram` matches a pattern that could take more. */
const MAX_TRIES = 1_000_000;

/** A regular expression, unanchored, as JSON Schema reads it. */
export class Pattern {
  readonly #expression: RegExp;
  readonly #tree: PatternNode | undefined;
  /** The growth of the engine's work: the length of the text to this power. */
  readonly #power: number;
  #program: PatternProgram | undefined;

  /** @throws {SyntaxError} for an invalid regular expression */
  constructor(source: string) {
    this.#expression = expressionOf(source);
    const { unicode } = this.#expression;
    this.#tree = patternTree(source, unicode);
    this.#power = this.#tree ? powerOf(this.#tree) : source.split(/[*+?{|]/).length;
  }

  /** Returns why it cannot be matched in bounded time; `undefined` when it can. */
  get fault(): string | undefined {
    if (!this.#tree)
      return "has a back-reference or a group with flags, which cannot be matched in bounded time: remove it";
    if (this.#power <= 1) return undefined;
    try {
      this.#compiled(this.#tree);
      return undefined;
    } catch {
      return "has repetition counts that are too large for bounded time: use smaller counts, or `maxLength`";
    }
  }

  /** Returns whether it matches somewhere in the text; `undefined` when the text is too long for bounded time. */
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

/** Patterns are read with the Unicode flag. Those that are valid only without it are accepted also. */
function expressionOf(source: string): RegExp {
  try {
    return new RegExp(source, "u");
  } catch {
    return new RegExp(source);
  }
}

/** Counts one for each place with a choice, and one for the start; infinite where choices are repeated. */
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
