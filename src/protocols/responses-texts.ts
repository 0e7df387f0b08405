/** The texts of a Responses reply, the visible ones and the thinking: each comes in pieces, and is told again when it is done. */

import type { MessageChunk } from "../chunk.ts";
import { TextBuffer } from "../text-buffer.ts";
import { annotationCitation, type WireAnnotation } from "./responses-citations.ts";

/** Where a text stands: its item, and its place within, of a kind. */
export type TextPlace = `${number}.${"" | "s" | "r"}${number}`;

/** One text, as far as it came. */
interface OpenText {
  readonly isVisible: boolean;
  readonly text: TextBuffer;
  /** Where it begins in the visible text. */
  readonly start: number;
  /** Citations told already. */
  readonly cited: Set<string>;
}

export class ResponsesTexts {
  /** By place: item ids change from event to event at some vendors. */
  readonly #texts = new Map<string, OpenText>();
  /** Sources told already. */
  readonly #urls = new Set<string>();
  #visibleLength = 0;

  get anyVisible(): boolean {
    return this.#visibleLength > 0;
  }

  has(place: TextPlace): boolean {
    return this.#texts.has(place);
  }

  add(place: TextPlace, piece: string, chunks: MessageChunk[]): void {
    if (piece === "") return;
    const { isVisible, text } = this.#at(place);
    text.add(piece);
    if (isVisible) {
      this.#visibleLength += piece.length;
      chunks.push({ type: "text", content: piece, isFinal: false });
    } else chunks.push({ type: "reasoning", content: "", reasoning: piece, isFinal: false });
  }

  /**
   * The text as it is told when it is done, which is when some servers send it. What came in pieces stays as it is: it has been
   * shown, and a recording or a proxy that thins out the pieces does not make them another text.
   */
  complete(place: TextPlace, whole: string, chunks: MessageChunk[]): void {
    if (!this.#isTold(this.#texts.get(place))) this.add(place, whole, chunks);
  }

  /** The same of the visible texts of a reply, in order: their places in its last event are not always those of the events before. */
  completeAll(wholes: readonly string[], chunks: MessageChunk[]): void {
    const told = [...this.#texts.values()].filter((open) => open.isVisible && this.#isTold(open)).length;
    for (const [index, whole] of wholes
      .filter((text) => text !== "")
      .slice(told)
      .entries())
      this.add(`${Number.POSITIVE_INFINITY}.${index}`, whole, chunks);
  }

  cite(place: TextPlace, annotation: WireAnnotation, isDone: boolean, chunks: MessageChunk[]): void {
    const { text, start, cited } = this.#at(place);
    const citation = annotationCitation(annotation, text.toString(), start, isDone);
    // One that reaches beyond the text so far is told when the item is done.
    if (!citation) return;
    const mark = JSON.stringify(citation);
    if (cited.has(mark)) return;
    cited.add(mark);
    this.#urls.add(citation.url);
    chunks.push({ type: "citation", content: "", ...citation, isFinal: false });
  }

  /** Sources without a place, as xAI lists them beside its answer; those that were cited are told already. */
  citeAll(urls: readonly unknown[], chunks: MessageChunk[]): void {
    for (const url of urls) {
      if (typeof url !== "string" || url === "" || this.#urls.has(url)) continue;
      this.#urls.add(url);
      chunks.push({ type: "citation", content: "", url, isFinal: false });
    }
  }

  #isTold(open: OpenText | undefined): boolean {
    return open !== undefined && open.text.toString() !== "";
  }

  #at(place: TextPlace): OpenText {
    const known = this.#texts.get(place);
    if (known) return known;
    const isVisible = /\.\d/.test(place);
    const open = { isVisible, text: new TextBuffer(), start: this.#visibleLength, cited: new Set<string>() };
    this.#texts.set(place, open);
    return open;
  }
}
