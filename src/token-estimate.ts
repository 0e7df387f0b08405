/**
 * How many tokens a text is, without a vocabulary (that of o200k is 1 MB gzipped). The text is cut into the pieces
 * that the o200k pre-tokenizer cuts it into: a word with the one space or mark before it, three digits, a run of marks
 * with its line ends, a run of spaces. Nearly every piece of everyday text is one token; what the rest costs more, by
 * its length and script, was fitted to counts of `gpt-tokenizer` (o200k) on documentation, books, UI strings and
 * source files in 40 languages, and checked on others. Names below are of code units, costs are in tokens.
 * @see https://github.com/openai/tiktoken/blob/main/tiktoken_ext/openai_public.py (`o200k_base`, `pat_str`)
 */

/** Counts the tokens of texts; what keeps a request within a budget takes one of these. */
export interface TokenCounter {
  /** Tokens of `text` alone, without what a provider adds around a message (about 4 tokens each). */
  count(text: string): number;
  /** Told after a reply: what `count` had said of a request, and what the provider then billed for it. */
  calibrate?(estimated: number, actual: number): void;
}

const SPACE = 0;
const MARK = 1;
const DIGIT = 2;
const UPPER = 3;
const LOWER = 4;
/** A letter with an accent; the kinds after it are rows of `SCRIPTS`. */
const ACCENTED = 5;

/** Beyond ASCII: the code unit where a range ends, and its cost a unit, or its kind where it counts as ASCII does. */
const SCRIPTS: readonly { readonly end: number; readonly cost?: number; readonly kind?: number }[] = [
  { end: 0xa1, kind: SPACE }, // the no-break space; the controls before it are rare
  { end: 0xc0, kind: MARK },
  { end: 0x370, kind: ACCENTED },
  { end: 0x400, cost: 0.33 }, // Greek
  { end: 0x530, cost: 0.225 }, // Cyrillic
  { end: 0x590, cost: 0.24 }, // Armenian
  { end: 0x600, cost: 0.37 }, // Hebrew
  { end: 0x780, cost: 0.28 }, // Arabic
  { end: 0x900, cost: 1.2 },
  { end: 0x980, cost: 0.3 }, // Devanagari
  { end: 0xa00, cost: 0.335 }, // Bengali
  { end: 0xa80, cost: 0.53 }, // Gurmukhi
  { end: 0xb00, cost: 0.34 }, // Gujarati
  { end: 0xb80, cost: 1.2 }, // Oriya
  { end: 0xc00, cost: 0.3 }, // Tamil
  { end: 0xd00, cost: 0.4 }, // Telugu, Kannada
  { end: 0xd80, cost: 0.31 }, // Malayalam
  { end: 0xe00, cost: 0.56 }, // Sinhala
  { end: 0xe80, cost: 0.38 }, // Thai
  { end: 0x1000, cost: 1.65 }, // Lao, Tibetan
  { end: 0x10a0, cost: 0.53 }, // Burmese
  { end: 0x1100, cost: 0.26 }, // Georgian
  { end: 0x1780, cost: 2 }, // Ethiopic …
  { end: 0x1800, cost: 0.61 }, // Khmer
  { end: 0x1e00, cost: 2 },
  { end: 0x1f00, kind: ACCENTED }, // Vietnamese
  { end: 0x2000, cost: 1 }, // old Greek
  { end: 0x3040, kind: MARK },
  { end: 0x30a0, cost: 0.27 }, // Hiragana
  { end: 0x3100, cost: 0.51 }, // Katakana
  { end: 0x4e00, cost: 2 },
  { end: 0xa000, cost: 0.66 }, // Han
  { end: 0xac00, cost: 2 },
  { end: 0xd800, cost: 0.55 }, // Hangul
  { end: 0xe000, cost: 0.9 }, // surrogates: mostly emoji, two units each
  { end: 0xfe00, cost: 2 },
  { end: 0x10000, kind: MARK },
];
