/**
 * The texts of a Responses reply, visible ones and thinking. Each comes in pieces, and the server repeats it when it is
 * done.
 */

import type { MessageChunk } from "../../contract/chunk.ts";
import { TextBuffer } from "../../platform/text-buffer.ts";
import { citationChunk } from "../common/citation-chunk.ts";
import { isOneText, isRestored } from "../common/text-comparison.ts";
import { codePoints, TextPositions } from "../common/text-positions.ts";
import { annotationCitation } from "./citations.ts";
import type { EventNumbers } from "./sequence-numbers.ts";
import type { WireAnnotation, WireEvent } from "./wire.ts";

/** The place of a text: its item, and the kind and index of its part. */
export type TextPlace = `${number}.${"" | "s" | "r"}${number}`;

export const thoughtAt = (at: number, { content_index }: WireEvent): TextPlace => `${at}.r${content_index ?? 0}`;
export const summaryAt = (at: number, { summary_index }: WireEvent): TextPlace => `${at}.s${summary_index ?? 0}`;

/** The difference between an emitted text and the server's repetition. */
type Difference = "lost" | "thinned";

/** One text so far. */
interface OpenText {
  readonly isVisible: boolean;
  readonly text: TextBuffer;
  /** The positions of its citations, once there are some. */
  positions: TextPositions | undefined;
  /** Its beginning in the visible text. */
  readonly start: number;
  /** Citations that were emitted, once there are some. */
  cited: Set<string> | undefined;
}

/** Collects the texts of one reply. */
export class ResponsesTexts {
  /** The texts by place, since some vendors change item ids from event to event. */
  readonly #texts = new Map<string, OpenText>();
  /** Sources that were emitted, once there are some. */
  #urls: Set<string> | undefined;
  #visibleLength = 0;
  /** The visible text that grew last: only there can text be appended in order. */
  #latest: OpenText | undefined;
  #difference: Difference | undefined;
  readonly #numbering: EventNumbers;

  /** `numbering`: the properties of the event numbers so far. */
  constructor(numbering: EventNumbers) {
    this.#numbering = numbering;
  }

  /**
   * How the visible texts differ from the server's repetition. `lost`: pieces are missing or wrong. `thinned`: most
   * pieces are missing, as in recordings from which they were removed.
   */
  get difference(): Difference | undefined {
    return this.#difference;
  }

  get anyVisible(): boolean {
    return this.#visibleLength > 0;
  }

  has(place: TextPlace): boolean {
    return this.#texts.has(place);
  }

  add(place: TextPlace, piece: string, chunks: MessageChunk[]): void {
    if (piece === "") return;
    const open = this.#at(place);
    open.text.add(piece);
    open.positions?.add(piece);
    if (open.isVisible) {
      this.#latest = open;
      this.#visibleLength += piece.length;
      chunks.push({ type: "text", content: piece, isFinal: false });
    } else chunks.push({ type: "reasoning", content: "", reasoning: piece, isFinal: false });
  }

  /**
   * Takes the text as the server repeats it when it is done. If the pieces are its beginning, the rest is emitted. Any
   * other difference of a visible text is recorded in `difference`. Surrounding white space is not a difference.
   */
  complete(place: TextPlace, text: string, chunks: MessageChunk[]): void {
    const emitted = this.#texts.get(place)?.text.toString() ?? "";
    if (text === "" || (emitted !== "" && isOneText(emitted, text))) return;
    const open = this.#at(place);
    const isThinned = isMostlyMissing(emitted, text) && this.#numbering.areRising;
    const isLast = !open.isVisible || emitted === "" || open === this.#latest;
    if (text.startsWith(emitted) && isLast && !(isThinned && this.#numbering.haveGaps && emitted !== ""))
      this.add(place, text.slice(emitted.length), chunks);
    else if (open.isVisible && this.#difference !== "lost") this.#difference = isThinned ? "thinned" : "lost";
  }

  /**
   * Does the same for all visible texts of a reply, in order. Their places in the last event may differ from those of
   * earlier events.
   */
  completeAll(complete: readonly string[], chunks: MessageChunk[]): void {
    const visible = [...this.#texts].filter(([, { isVisible, text }]) => isVisible && text.length > 0);
    // Nearly always the complete texts equal the emitted ones.
    if (complete.length === visible.length && visible.every(([, { text }], at) => text.toString() === complete[at]))
      return;
    const placesOf = new Map<string, string[]>();
    for (const [place, { text }] of visible) {
      const same = text.toString().trim();
      const places = placesOf.get(same);
      if (places) places.push(place);
      else placesOf.set(same, [place]);
    }
    // Only texts with bytes that were not UTF-8 may be equal in another form.
    const broken = new Set(visible.filter(([, { text }]) => text.toString().includes("\ufffd")));
    const found = new Set<string>();
    const rest = complete.filter((text) => {
      if (text === "") return false;
      const place = placesOf.get(text.trim())?.shift() ?? takeSame(broken, found, text);
      if (place !== undefined) found.add(place);
      return place === undefined;
    });
    const unmatched = visible.filter(([place]) => !found.has(place));
    for (const [index, text] of rest.entries())
      this.complete((unmatched[index]?.[0] ?? `${Number.POSITIVE_INFINITY}.${index}`) as TextPlace, text, chunks);
  }

  cite(place: TextPlace, annotation: WireAnnotation, isDone: boolean, chunks: MessageChunk[]): void {
    const open = this.#at(place);
    const { text, start } = open;
    open.positions ??= new TextPositions(codePoints, text.toString());
    const citation = annotationCitation(annotation, open.positions, start, isDone);
    // A citation that reaches beyond the text so far is emitted when the item is done.
    if (!citation) return;
    const mark = JSON.stringify(citation);
    open.cited ??= new Set();
    if (open.cited.has(mark)) return;
    open.cited.add(mark);
    this.#urls ??= new Set();
    this.#urls.add(citation.url);
    chunks.push(citationChunk(citation));
  }

  /** Emits sources without a place, which xAI lists next to its answer, unless they were cited. */
  citeAll(urls: readonly unknown[], chunks: MessageChunk[]): void {
    for (const url of urls) {
      this.#urls ??= new Set();
      if (typeof url !== "string" || url === "" || this.#urls.has(url)) continue;
      this.#urls.add(url);
      chunks.push(citationChunk({ url }));
    }
  }

  #at(place: TextPlace): OpenText {
    const known = this.#texts.get(place);
    if (known) return known;
    const isVisible = /\.\d/.test(place);
    const open: OpenText = {
      isVisible,
      text: new TextBuffer(),
      positions: undefined,
      start: this.#visibleLength,
      cited: undefined,
    };
    this.#texts.set(place, open);
    return open;
  }
}

/** Removes the first text that equals the complete one, and returns its place. */
function takeSame(
  texts: Set<readonly [string, OpenText]>,
  found: ReadonlySet<string>,
  complete: string,
): string | undefined {
  for (const entry of texts) {
    const [place, { text }] = entry;
    const isIt = !found.has(place) && isOneText(text.toString(), complete);
    if (isIt || found.has(place)) texts.delete(entry);
    if (isIt) return place;
  }
  return undefined;
}

/** Returns whether less than a quarter of a text came. */
function isMostlyMissing(emitted: string, text: string): boolean {
  return emitted.length * 4 < text.length && isRestored(emitted, text);
}
