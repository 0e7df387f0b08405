/** Where a continuation meets the text that had arrived. Pure. */

import { quotedWordsOf } from "./quoted-words.ts";

/** How far back the repeated words may begin, in UTF-16 units, unless the complete text is repeated. */
const WINDOW = 400;

/** So many characters behind a repetition show whether the repetition continues. */
const LOOK_AHEAD = 4;

/** A shorter overlap is an accident: two words share a letter or a syllable. */
const MIN_OVERLAP = 5;
/** The same where joining the two would glue two words together: there a repeated word is likelier. */
const MIN_GLUED_OVERLAP = 3;

/** From this length on, an overlap is a repetition if it is the quoted words, or if joining would leave out a blank. */
const SURE_OVERLAP = 12;
const SURE_GLUED_OVERLAP = 6;

/** The same for the complete text: a text that says its first line twice begins like one that begins again. */
const SURE_TEXT = 40;
const SURE_GLUED_TEXT = 16;

/** So many characters of the text's own beginning, written again, may be the text written again in other words. */
const BEGINNING = 40;

/**
 * A request for the rest quotes at least so many characters of a long text: an overlap of that length may be the quoted
 * words.
 */
const MIN_QUOTED = 60;

/** The text that may be shown now: the last `rewind` characters are to be discarded before `text` follows. */
export interface Joined {
  readonly rewind: number;
  readonly text: string;
}

const NOTHING: Joined = { rewind: 0, text: "" };

/**
 * Joins a continuation to the text that had arrived. Models that are asked to continue often repeat the last words, and
 * some begin the complete text again. So the beginning of the continuation is held back as long as it repeats what is
 * there, and no longer.
 *
 * Only a proven repetition is removed. A text that repeats itself (equal rows, closing tags, a refrain) looks the same
 * whether the model continues or repeats: then `isUnknown` is true, and nothing of the continuation is shown.
 */
export class OverlapRemover {
  readonly #arrived: string;
  readonly #tail: string;
  #pending = "";
  /** The pending text is the beginning of the continuation. */
  #isSame = true;
  /** Whether the text's first characters occur once in it; looked at only when that many were written again. */
  #beginsOnce: boolean | undefined;
  #isOpen = true;
  #isUnknown = false;
  /** Add this to a place in the continuation to get the place in the joined text; known once the remover is closed. */
  shift = 0;

  constructor(arrived: string) {
    this.#arrived = arrived;
    this.#tail = arrived.slice(-WINDOW);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Returns true once the place of the continuation is found to be ambiguous. */
  get isUnknown(): boolean {
    return this.#isUnknown;
  }

  /**
   * Removes nothing from here on: the provider took the text as the beginning of its reply, so its words are the next
   * ones.
   */
  trust(): void {
    if (!this.#isOpen || this.#pending !== "") return;
    this.#isOpen = false;
    this.shift = this.#arrived.length;
  }

  /** Takes the next piece of the continuation. */
  add(text: string): Joined {
    if (!this.#isOpen) return { rewind: 0, text };
    // Piece by piece, so that a long text written again costs no more than one pass.
    this.#isSame &&= this.#arrived.startsWith(text, this.#pending.length);
    this.#pending += text;
    return this.#isUndecided() ? NOTHING : this.end();
  }

  /** Ends the continuation, or its text before a chunk of another type. */
  end(): Joined {
    if (!this.#isOpen) return NOTHING;
    this.#isOpen = false;
    const joint = this.#pending === "" ? { rewind: 0, repeated: 0 } : jointOf(this.#arrived, this.#pending);
    this.#isUnknown = joint === "unknown";
    if (joint === "unknown") return NOTHING;
    this.shift = joint.rewind > 0 ? 0 : this.#arrived.length - joint.repeated;
    return { rewind: joint.rewind, text: this.#pending.slice(joint.repeated) };
  }

  /** Returns whether the pending text may still turn out to be a repetition. */
  #isUndecided(): boolean {
    const { length } = this.#pending;
    if (length === 0) return true;
    if (this.#isSame && length < this.#arrived.length) {
      if (length < WINDOW) return true;
      // A beginning that comes again in the text is not the sign of a new beginning.
      this.#beginsOnce ??= !this.#arrived.includes(this.#pending.slice(0, WINDOW), 1);
      if (this.#beginsOnce) return true;
    }
    if (length <= WINDOW) {
      const at = this.#tail.indexOf(this.#pending);
      if (at >= 0 && at + length < this.#tail.length) return true;
    }
    const overlap = longestOverlap(this.#arrived, this.#pending);
    if (overlap === undefined || length >= overlap.length + WINDOW) return false;
    const rest = this.#pending.slice(overlap.length);
    return rest.length < LOOK_AHEAD || rest.trim() === "";
  }
}

/**
 * The last `rewind` characters of the text are to be discarded; the first `repeated` of the continuation are in the
 * text already.
 */
interface Joint {
  readonly rewind: number;
  readonly repeated: number;
}

/** Words that the text ends in and the continuation begins with. */
interface Overlap {
  /** The text, or the text without the white space it ends in, of which models bring another one. */
  readonly text: string;
  readonly length: number;
}

function jointOf(arrived: string, rest: string): Joint | "unknown" {
  const overlap = longestOverlap(arrived, rest);
  if (!overlap) return newBeginning(arrived, rest);
  if (!isProven(overlap, arrived, rest)) return "unknown";
  const blank = arrived.slice(overlap.text.length);
  const next = rest.slice(overlap.length);
  const white = next.length - next.trimStart().length;
  const repeated = overlap.length + (next.startsWith(blank) ? blank.length : white);
  return { rewind: 0, repeated: blank === "" ? overlap.length : repeated };
}

/** Returns the longest overlap that is not an accident. */
function longestOverlap(arrived: string, rest: string): Overlap | undefined {
  const trimmed = arrived.trimEnd();
  for (const text of trimmed === arrived ? [arrived] : [arrived, trimmed]) {
    const length = overlapsOf(text, rest).find((length) => isNoAccident(text, length, arrived, rest));
    if (length !== undefined) return { text, length };
  }
  return undefined;
}

/** Returns every number of last characters with which the continuation begins, the longest first. */
function overlapsOf(text: string, rest: string): readonly number[] {
  const lengths: number[] = [];
  if (text.length > WINDOW && rest.startsWith(text)) lengths.push(text.length);
  for (let length = Math.min(rest.length, text.length, WINDOW); length > 0; length--) {
    if (text.charCodeAt(text.length - length) !== rest.charCodeAt(0)) continue;
    if (text.endsWith(rest.slice(0, length))) lengths.push(length);
  }
  return lengths;
}

function isNoAccident(text: string, length: number, arrived: string, rest: string): boolean {
  if (isLine(text, length)) return true;
  const size = rest.slice(0, length).trim().length;
  if (size === 0) return false;
  return length === text.length || size >= (isGlued(arrived, text, length, rest) ? MIN_GLUED_OVERLAP : MIN_OVERLAP);
}

/**
 * Returns whether the last characters are the line so far, also one that is white space alone: models like to begin a
 * broken line again.
 */
function isLine(text: string, length: number): boolean {
  const words = text.slice(text.length - length);
  return text[text.length - length - 1] === "\n" && (words.trim() !== "" || !words.includes("\n"));
}

/** Returns whether nothing but a repetition explains the overlap. */
function isProven({ text, length }: Overlap, arrived: string, rest: string): boolean {
  const words = rest.slice(0, length);
  const start = text.length - length;
  // Complete lines come twice in their own right: rows, closing tags, refrains.
  if (words.startsWith("\n") || (arrived.endsWith("\n") && (start === 0 || text[start - 1] === "\n"))) return false;
  if (text.indexOf(words) < start) return false;
  if (runsOn(text, rest, length) || runsOn(arrived, rest, arrived.length - start)) return false;
  const shorter = overlapsOf(text, rest).filter((other) => other < length);
  if (shorter.some((other) => other >= Math.min(length / 2, MIN_QUOTED))) return false;
  const quoted = quotedWordsOf(arrived);
  // A model that repeats fewer words, or the line so far, may come to a longer overlap by accident. It does not come to
  // exactly the quoted words, nor to a complete text of more than those.
  const isAsked = start > 0 ? words.trimEnd() === quoted : length > quoted.length;
  if (!isAsked && shorter.some((other) => isNoAccident(text, other, arrived, rest))) return false;
  const glued = isGlued(arrived, text, length, rest);
  // Other signs without a blank may be one value or sentence: half of a fraction, or Chinese.
  const leavesOutBlank = /\s|^\p{Lu}?\p{Ll}+$/u.test(words) && (glued || isPressed(arrived, text[start - 1], rest));
  // The complete text may be meant twice, and so may a phrase.
  if (start > 0)
    return isAsked ? length >= SURE_OVERLAP : leavesOutBlank && length >= (glued ? SURE_GLUED_OVERLAP : SURE_OVERLAP);
  if (rest.length === length || /\s$/.test(arrived)) return false;
  return isAsked || (leavesOutBlank && length >= (glued ? SURE_GLUED_TEXT : SURE_TEXT));
}

/** Returns whether the words also repeat before or behind the overlap, as in a text with that period. */
function runsOn(text: string, rest: string, period: number): boolean {
  let run = 0;
  for (let at = text.length - 1; at >= period && text[at] === text[at - period]; at--) run++;
  for (let at = period; at < rest.length && rest[at] === rest[at - period]; at++) run++;
  return run >= LOOK_AHEAD;
}

/**
 * Returns whether a continuation without repetition would glue two words together where the repeated text begins with a
 * word.
 */
function isGlued(arrived: string, text: string, length: number, rest: string): boolean {
  const before = text.slice(Math.max(0, text.length - length - 2), text.length - length);
  const beginsWithLetter = new RegExp(`^${LETTER}`, "u");
  const endsWithLetter = new RegExp(`${LETTER}$`, "u");
  return endsWithLetter.test(arrived.slice(-2)) && beginsWithLetter.test(rest) && !endsWithLetter.test(before);
}

/** Returns whether the two would stand together without a blank where the repeated text follows one. */
function isPressed(arrived: string, before: string | undefined, rest: string): boolean {
  return /\S$/.test(arrived) && /^\S/.test(rest) && (before === undefined || /\s/.test(before));
}

/**
 * Joins a continuation that repeats no last words: it follows the text, or it is the text begun again in other words.
 */
function newBeginning(arrived: string, rest: string): Joint | "unknown" {
  const continues: Joint = { rewind: 0, repeated: 0 };
  const limit = Math.min(arrived.length, rest.length);
  let same = 0;
  while (same < limit && arrived[same] === rest[same]) same++;
  // Lines of one shape begin alike, and a refrain begins a line.
  if (same < BEGINNING || arrived.endsWith("\n") || arrived.includes(rest.slice(0, same), 1)) return continues;
  const occursOnce = !arrived.includes(rest.slice(0, BEGINNING / 2), 1);
  return occursOnce && isGlued(arrived, arrived, arrived.length, rest)
    ? { rewind: arrived.length - same, repeated: same }
    : "unknown";
}

/** A text, and no expression: V8 looks up properties when it reads an expression, which takes it 0.3 ms each. */
const LETTER = String.raw`[\p{L}\p{N}]`;
