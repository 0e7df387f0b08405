/**
 * SentencePiece's byte pair encoding, as llama.cpp runs it: again and again the neighbours whose joined piece has the
 * highest score become one; a character without a piece is spelt in bytes. A space is U+2581.
 * @see https://github.com/ggml-org/llama.cpp/blob/master/src/llama-vocab.cpp (llm_tokenizer_spm)
 */

import { type Gguf, type GgufValue, isCountUpTo } from "./gguf.ts";
import { PairQueue } from "./pair-queue.ts";
import { damaged, foreign } from "./weights-error.ts";

const SPACE = "\u2581";

/** The purpose of a piece, in the numbers of the file. */
const NORMAL = 1;
const CONTROL = 3;
const BYTE = 6;

/** Text ↔ token ids. */
export class Tokenizer {
  /** How many tokens there are. */
  readonly size: number;
  /** Begins every conversation. */
  readonly begin: number;
  /** Ends a turn. */
  readonly end: number;
  /** UTF-16 units of the longest piece: a text has at least `text.length / longest` tokens. */
  readonly longest: number;
  readonly #pieces: readonly string[];
  readonly #kinds: readonly number[];
  readonly #scores: readonly number[];
  readonly #ids = new Map<string, number>();
  readonly #controls = new Map<string, number>();
  /** The token of each byte. */
  readonly #bytes: readonly number[];

  /** @throws {SendError} when the file's tokenizer is another one, or incomplete */
  constructor(gguf: Gguf) {
    const model = gguf.metadata.get("tokenizer.ggml.model");
    if (model !== "llama") throw foreign(gguf.file, `its tokenizer is ${String(model)}, and only llama is supported`);
    if (gguf.metadata.get("tokenizer.ggml.add_space_prefix") !== false)
      throw foreign(gguf.file, "its tokenizer adds a space before a text");
    this.#pieces = listOf(gguf, "tokenizer.ggml.tokens", isText);
    this.#scores = listOf(gguf, "tokenizer.ggml.scores", isNumber);
    this.#kinds = listOf(gguf, "tokenizer.ggml.token_type", isNumber);
    this.size = this.#pieces.length;
    if (this.#scores.length !== this.size || this.#kinds.length !== this.size)
      throw damaged(gguf.file, "its tokens, their scores and their types differ in number");
    let longest = 1;
    const bytes = new Map<number, number>();
    for (const [id, piece] of this.#pieces.entries()) {
      const kind = this.#kinds[id];
      if (kind === CONTROL) this.#controls.set(piece, id);
      if (kind === BYTE) bytes.set(Number.parseInt(piece.slice(3, 5), 16), id);
      if (kind !== NORMAL) continue;
      this.#ids.set(piece, id);
      longest = Math.max(longest, piece.length);
    }
    this.longest = longest;
    this.#bytes = Array.from({ length: 256 }, (_, byte) => {
      const id = bytes.get(byte);
      if (id === undefined) throw damaged(gguf.file, `its tokenizer has no token for the byte ${byte}`);
      return id;
    });
    this.begin = this.#idOf(gguf, "tokenizer.ggml.bos_token_id");
    this.end = this.#idOf(gguf, "tokenizer.ggml.eos_token_id");
  }

  /** Returns the token that is not text, such as `<|im_start|>`; `undefined` for an unknown name. */
  control(name: string): number | undefined {
    return this.#controls.get(name);
  }

  /** Returns the tokens of a text. A control token's name in the text is text. */
  encode(text: string): number[] {
    const ids: number[] = [];
    // No piece has a space but at its beginning, so that words do not touch each other.
    for (const word of text.replaceAll(" ", SPACE).split(WORD_BORDER)) this.#encodeWord(word, ids);
    return ids;
  }

  /** Decodes token after token: a character whose bytes are several tokens comes with the last of them. */
  createDecoder(): (id: number) => string {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    let open = false;
    return (id) => {
      const piece = this.#pieces[id] ?? "";
      switch (this.#kinds[id]) {
        case BYTE:
          open = true;
          return decoder.decode(Uint8Array.of(Number.parseInt(piece.slice(3, 5), 16)), { stream: true });
        case NORMAL: {
          const rest = open ? decoder.decode() : ""; // a character that was begun and is not finished
          open = false;
          return rest + piece.replaceAll(SPACE, " ");
        }
        default:
          return "";
      }
    };
  }

  #encodeWord(word: string, ids: number[]): void {
    const known = this.#ids.get(word);
    const symbols = known === undefined ? this.#merged(Array.from(word)) : [word];
    for (const symbol of symbols) {
      const id = this.#ids.get(symbol);
      if (id !== undefined) ids.push(id);
      else for (const byte of ENCODER.encode(symbol)) ids.push(this.#bytes[byte] ?? 0);
    }
  }

  /** Joins neighbours of a linked list in the order of a queue: n log n for any text. */
  #merged(symbols: string[]): string[] {
    const next = symbols.map((_, at) => at + 1);
    const before = symbols.map((_, at) => at - 1);
    const queue = new PairQueue();
    const offer = (left: number, right: number) => {
      if (left < 0 || right >= symbols.length) return;
      const joined = `${symbols[left]}${symbols[right]}`;
      const id = this.#ids.get(joined);
      if (id !== undefined) queue.push({ left, right, score: this.#scores[id] ?? 0, joined });
    };
    for (let at = 0; at + 1 < symbols.length; at++) offer(at, at + 1);
    for (let pair = queue.pop(); pair; pair = queue.pop()) {
      const { left, right, joined } = pair;
      // One of the two may have been joined with another meanwhile.
      if (next[left] !== right || `${symbols[left]}${symbols[right]}` !== joined) continue;
      const after = next[right] ?? symbols.length;
      symbols[left] = joined;
      symbols[right] = "";
      next[left] = after;
      if (after < symbols.length) before[after] = left;
      offer(before[left] ?? -1, left);
      offer(left, after);
    }
    return symbols.filter((symbol) => symbol !== "");
  }

  #idOf({ metadata, file }: Gguf, key: string): number {
    const id = metadata.get(key);
    if (id === 0 || isCountUpTo(id, this.size - 1)) return id;
    throw damaged(file, `${key} is not a token`);
  }
}

const WORD_BORDER = new RegExp(`(?=${SPACE})`);
const ENCODER = new TextEncoder();

function listOf<T extends GgufValue>({ metadata, file }: Gguf, key: string, is: (value: GgufValue) => value is T): T[] {
  const list = metadata.get(key);
  if (Array.isArray(list) && list.length > 0 && list.every(is)) return list;
  throw damaged(file, `${key} is missing, or not an array of the expected type`);
}

function isText(value: GgufValue): value is string {
  return typeof value === "string";
}

function isNumber(value: GgufValue): value is number {
  return Number.isFinite(value);
}
