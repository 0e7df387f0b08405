/** Where a continuation meets the text that had arrived. Pure. */

/** How far back the repeated words may begin, in characters, unless the whole text is repeated. */
const WINDOW = 400;

/** An overlap of so many characters counts wherever it begins; a shorter one only from the beginning of a word. */
const LONG = 12;

/** How many different characters it must hold, and a shorter one different letters: rulers, tables and "haha" repeat themselves. */
const FEWEST_CHARACTERS = 5;
const FEWEST_LETTERS = 3;

/** So much of the text's own beginning, told again, is the text told anew. */
const BEGINNING = 40;

/** What may be shown now: the last `rewind` characters are to be discarded before `text` follows. */
export interface Joined {
  readonly rewind: number;
  readonly text: string;
}

const NOTHING: Joined = { rewind: 0, text: "" };

/**
 * Joins a continuation to what had arrived. Models that are told to go on often say the last words again, some begin the whole
 * text anew; a provider may want the text without the white space at its end. So the continuation's beginning is held back as
 * long as it says what is there already, and no longer.
 */
export class Seam {
  readonly #arrived: string;
  /** What was sent: without the white space it ends in, which is apart. */
  readonly #sent: string;
  readonly #blank: string;
  #held = "";
  /** What is held is the beginning of what arrived. */
  #isSame = true;
  #isOpen = true;
  /** What to add to a place in the continuation to get the place in the joined text; known once the seam is closed. */
  shift = 0;

  constructor(arrived: string) {
    this.#arrived = arrived;
    this.#sent = arrived.trimEnd();
    this.#blank = arrived.slice(this.#sent.length);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The next piece of the continuation. */
  add(text: string): Joined {
    if (!this.#isOpen) return { rewind: 0, text };
    // Piece by piece, so that a long text told again costs no more than once through.
    this.#isSame &&= this.#arrived.startsWith(text, this.#held.length);
    this.#held += text;
    return this.#isUndecided() ? NOTHING : this.end();
  }

  /** No more comes, or something that stands behind the text. */
  end(): Joined {
    if (!this.#isOpen) return NOTHING;
    this.#isOpen = false;
    const { length } = this.#arrived;
    const held = this.#held;
    const same = this.#sameBeginning();
    const overlap = this.#overlap();
    if (same > overlap) return { rewind: length - same, text: held.slice(same) };
    const known = overlap + this.#repeatedBlank(held.slice(overlap));
    this.shift = length - known;
    return { rewind: 0, text: held.slice(known) };
  }

  /** Whether what is held may still turn out to be a repetition. */
  #isUndecided(): boolean {
    const held = this.#held;
    if (held === "") return true;
    if (this.#isSame && held.length < this.#arrived.length) return true;
    const tail = this.#sent.slice(-WINDOW);
    const at = tail.indexOf(held);
    if (at >= 0 && at + held.length < tail.length) return true;
    // White space comes in pieces.
    return this.#blank !== "" && held.length <= WINDOW && held.slice(this.#overlap()).trim() === "";
  }

  /** The longest beginning of the continuation that is the end of what was sent. */
  #overlap(): number {
    const held = this.#held;
    const sent = this.#sent;
    if (held.startsWith(sent) && this.#counts(sent)) return sent.length;
    for (let length = Math.min(held.length, sent.length, WINDOW); length > 0; length--) {
      const words = held.slice(0, length);
      if (sent.endsWith(words) && this.#counts(words)) return length;
    }
    return 0;
  }

  #counts(words: string): boolean {
    if (words.length >= LONG && new Set(words.match(CHARACTERS)).size >= FEWEST_CHARACTERS) return true;
    if (new Set(words.match(LETTERS)).size < FEWEST_LETTERS) return false;
    if (words.length >= this.#sent.length) return true;
    const before = this.#sent.slice(0, -words.length);
    return BEGINS_WITH_LETTER.test(words) && !ENDS_WITH_LETTER.test(before);
  }

  /** How much of the text's own beginning is told again, where it is enough to be no accident. */
  #sameBeginning(): number {
    const most = Math.min(this.#held.length, this.#arrived.length);
    let same = 0;
    while (same < most && this.#held[same] === this.#arrived[same]) same++;
    return same >= BEGINNING || (same === this.#arrived.length && this.#counts(this.#arrived)) ? same : 0;
  }

  /** White space that was not sent comes again, or other in its place. */
  #repeatedBlank(rest: string): number {
    if (this.#blank === "") return 0;
    const begins = rest.slice(0, rest.length - rest.trimStart().length);
    return begins.startsWith(this.#blank) ? this.#blank.length : begins.length;
  }
}

const CHARACTERS = /\S/gu;
const LETTERS = /[\p{L}\p{N}]/gu;
const BEGINS_WITH_LETTER = /^[\p{L}\p{N}]/u;
const ENDS_WITH_LETTER = /[\p{L}\p{N}]$/u;
