/** Markdown as tokens. The parser calls itself for each part in a part, so the depth is bounded. */

import { Lexer, type Token, Tokenizer } from "marked";

/** Lists, quotes and emphasis in deeper ones are shown as they are written. */
const MAX_DEPTH = 40;

class BoundedTokenizer extends Tokenizer {
  #depth = 0;

  override blockquote(...args: Parameters<Tokenizer["blockquote"]>): ReturnType<Tokenizer["blockquote"]> {
    return this.#within(() => super.blockquote(...args));
  }

  override list(...args: Parameters<Tokenizer["list"]>): ReturnType<Tokenizer["list"]> {
    return this.#within(() => super.list(...args));
  }

  override emStrong(...args: Parameters<Tokenizer["emStrong"]>): ReturnType<Tokenizer["emStrong"]> {
    return this.#within(() => super.emStrong(...args));
  }

  override del(...args: Parameters<Tokenizer["del"]>): ReturnType<Tokenizer["del"]> {
    return this.#within(() => super.del(...args));
  }

  override link(...args: Parameters<Tokenizer["link"]>): ReturnType<Tokenizer["link"]> {
    return this.#within(() => super.link(...args));
  }

  #within<T>(parse: () => T): T | undefined {
    if (this.#depth >= MAX_DEPTH) return undefined;
    this.#depth++;
    try {
      return parse();
    } finally {
      this.#depth--;
    }
  }
}

/** Returns the blocks of a text, with their parts. */
export function tokensOf(text: string): readonly Token[] {
  return new Lexer({ gfm: true, tokenizer: new BoundedTokenizer() }).lex(text);
}
