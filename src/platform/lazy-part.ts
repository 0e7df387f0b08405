/** Lazy loading: a part of the library in a file of its own, which the first call that needs it loads. */

/** A part that is loaded lazily: a program that never needs it never reads its file. */
export class LazyPart<Part> {
  /** Its task, as the subject of a message. */
  readonly name: string;
  readonly #load: () => Promise<Part>;
  #loaded: Part | undefined;
  #loading: Promise<Part> | undefined;

  /** @param load imports the file */
  constructor(name: string, load: () => Promise<Part>) {
    this.name = name;
    this.#load = load;
  }

  get isLoaded(): boolean {
    return this.#loaded !== undefined;
  }

  /**
   * The part, where the client has loaded it before.
   * @throws {Error} when it is not loaded
   */
  get loaded(): Part {
    if (this.#loaded === undefined) throw new Error(`${this.name} is not loaded. Send the request through a client.`);
    return this.#loaded;
  }

  /** Sets the part, where a program has it without loading. */
  provide(part: Part): void {
    this.#loaded = part;
  }

  /** Resolves with the part, which is loaded once. A failure counts for the calls that wait; the next loads again. */
  load(): Promise<Part> {
    this.#loading ??= this.#load().then(
      (part) => {
        this.#loaded = part;
        return part;
      },
      (error: unknown) => {
        this.#loading = undefined;
        throw error;
      },
    );
    return this.#loading;
  }
}
