/**
 * The watchers of a log in this process, by the key of what they watch, with the place up to which each key was read.
 */

/** Calls the watchers of a key when it has grown. */
export class Watchers<Place> {
  readonly #watched = new Map<string, { readonly callbacks: Set<() => void>; place: Place }>();
  readonly #start: Place;

  /** `start`: the place before everything. */
  constructor(start: Place) {
    this.#start = start;
  }

  /** Returns the number of keys that are watched. */
  get size(): number {
    return this.#watched.size;
  }

  /** Calls `notify` when the key has grown, until the returned function is called. */
  watch(key: string, notify: () => void): () => void {
    const watched = this.#watched.get(key) ?? { callbacks: new Set(), place: this.#start };
    const own = () => notify(); // the same function may watch twice
    watched.callbacks.add(own);
    this.#watched.set(key, watched);
    return () => {
      watched.callbacks.delete(own);
      if (watched.callbacks.size === 0 && this.#watched.get(key) === watched) this.#watched.delete(key);
    };
  }

  /** A reader has read up to this place. */
  saw(key: string, place: Place): void {
    const watched = this.#watched.get(key);
    if (watched) watched.place = place;
  }

  /** The key has grown. */
  notify(key: string): void {
    for (const notify of this.#watched.get(key)?.callbacks ?? []) notify();
  }

  /** Returns the keys, each with its place. */
  places(): readonly (readonly [key: string, place: Place])[] {
    return [...this.#watched].map(([key, { place }]) => [key, place]);
  }

  clear(): void {
    this.#watched.clear();
  }
}
