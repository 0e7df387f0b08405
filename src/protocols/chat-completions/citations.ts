/** Citations over Chat Completions: annotations with a place in the text, and lists of sources without one. */

import type { MessageChunk } from "../../contract/chunk.ts";
import { isJsonObject } from "../../platform/json-object.ts";
import { citationChunk } from "../common/citation-chunk.ts";
import { codePoints, TextPositions } from "../common/text-positions.ts";
import { listIn, nameIn } from "../common/wire-values.ts";
import type { UrlCitation, WireAnnotation, WireChunk } from "./wire.ts";

/** Citations with a place in the text. */
export class ChatCitations {
  readonly #positions: TextPositions;
  /** Annotations of text that is still to come. */
  readonly #early: UrlCitation[] = [];

  /** `text`: the visible text so far. */
  constructor(text: string) {
    this.#positions = new TextPositions(codePoints, text);
  }

  /** Adds the next piece of the visible text. */
  add(text: string): void {
    this.#positions.add(text);
  }

  /** Emits the citation as soon as all of its text is there. */
  read(annotation: WireAnnotation, chunks: MessageChunk[]): void {
    const cited = annotation.url_citation ?? annotation;
    if (!cited.url) return;
    if ((cited.end_index ?? 0) > this.#positions.count) this.#early.push(cited);
    else this.#emit(cited, chunks);
  }

  /** Ends the reply: emits the citations whose text never came. */
  close(chunks: MessageChunk[]): void {
    for (const citation of this.#early) this.#emit(citation, chunks);
  }

  #emit({ url, start_index, end_index, ...cited }: UrlCitation, chunks: MessageChunk[]): void {
    const title = nameIn(cited.title);
    const citedText = nameIn(cited.content);
    if (typeof url !== "string" || url === "") return;
    const start = start_index ?? 0;
    const end = end_index ?? 0;
    const citation = {
      url,
      ...(title && { title }),
      ...(citedText && { citedText }),
      // Routers send zeros for "not known". Positions count code points.
      ...(end > start && { startIndex: this.#positions.offsetOf(start), endIndex: this.#positions.offsetOf(end) }),
    };
    chunks.push(citationChunk(citation));
  }
}

/** Sources without a place, as URLs or with titles. Perplexity repeats all of them with every chunk. */
export class SearchSources {
  readonly #urls = new Set<string>();

  /** Emits the sources that are new. */
  read({ citations, search_results }: WireChunk, chunks: MessageChunk[]): void {
    for (const item of [...listIn(search_results), ...listIn(citations)]) {
      const source = typeof item === "string" ? { url: item } : isJsonObject(item) ? item : undefined;
      if (typeof source?.url !== "string" || this.#urls.has(source.url)) continue;
      this.#urls.add(source.url);
      const title = typeof source.title === "string" ? { title: source.title } : {};
      chunks.push(citationChunk({ url: source.url, ...title }));
    }
  }
}
