/**
 * The watchers of a log in this process, by the key of what they watch, with the place up to which each key was read.
 */

/** Calls the watchers of a key when it has grown. */
export class Watchers<Place> {
  readonly #watched = new Map<string, { readonly rings: Set<() => void>; place: Place }>();
  readonly #start: Place;

  /** `start`: the place before everything. */
  constructor(start: Place) {
    this.#start = start;
  }

  /** Returns the number of keys that are watched. */
  get size(): number {
    return this.#watched.size;
  }

  /** Calls `ring` when the key has grown, until the returned function is called. */
  watch(key: string, ring: () => void): () => void {
    const watched = this.#watched.get(key) ?? { rings: new Set(), place: this.#start };
    const own = () => ring(); // the same function may watch twice
    watched.rings.add(own);
    this.#watched.set(key, watched);
    return () => {
      watched.rings.delete(own);
      if (watched.rings.size === 0 && this.#watched.get(key) === watched) this.#watched.delete(key);
    };
  }

  /** A reader has read up to this place. */
  saw(key: string, place: Place): void {
    const watched = this.#watched.get(key);
    if (watched) watched.place = place;
  }

  /** The key has grown. */
  ring(key: string): void {
    for (const ring of this.#watched.get(key)?.rings ?? []) ring();
  }

  /** Returns the keys, each with its place. */
  places(): readonly (readonly [key: string, place: Place])[] {
    return [...this.#watched].map(([key, { place }]) => [key, place]);
  }

  clear(): void {
    this.#watched.clear();
  }
}
