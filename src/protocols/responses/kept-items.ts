/** The items of a Responses reply that have ended, in the order in which they go back in the next request. */

import type { ResponseItem } from "./wire.ts";

/** Collects them by their places in the reply. They may end in any order. */
export class KeptItems {
  readonly #items = new Map<number, ResponseItem>();
  /** Places that are in `#listed`, in order. */
  readonly #places: number[] = [];
  readonly #listed: ResponseItem[] = [];
  readonly #unlisted: number[] = [];

  get size(): number {
    return this.#items.size;
  }

  has(place: number): boolean {
    return this.#items.has(place);
  }

  /** Notes an item, or what it is to go back as. */
  set(place: number, item: ResponseItem): void {
    if (!this.#items.has(place)) this.#unlisted.push(place);
    this.#items.set(place, item);
  }

  /** In the order in which they ended. */
  values(): Iterable<ResponseItem> {
    return this.#items.values();
  }

  /** Numbers them in the order in which they were noted, wherever their pieces stood. */
  renumber(): void {
    const items = [...this.#items.values()];
    this.#items.clear();
    for (const [place, item] of items.entries()) this.#items.set(place, item);
  }

  /**
   * Returns the items so far. All calls return the same array, which grows: a copy for each call would be quadratic.
   * @param placed the item as it goes back
   */
  listedSoFar(placed: (item: ResponseItem) => ResponseItem): readonly ResponseItem[] {
    for (const place of this.#unlisted.splice(0)) {
      const item = this.#items.get(place);
      if (!item) continue;
      let at = this.#places.length;
      while (at > 0 && (this.#places[at - 1] ?? 0) > place) at--;
      this.#places.splice(at, 0, place);
      this.#listed.splice(at, 0, placed(item));
    }
    return this.#listed;
  }

  /** Returns all of them, once no more come. */
  listed(placed: (item: ResponseItem) => ResponseItem): readonly ResponseItem[] {
    return [...this.#items].sort(([a], [b]) => a - b).map(([, item]) => placed(item));
  }
}
