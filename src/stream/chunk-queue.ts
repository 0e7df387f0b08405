/**
 * The chunks between a source and its reader: which have been taken, which reader waits for the next, and when the
 * source is asked.
 */

import type { MessageChunk } from "../contract/chunk.ts";
import type { SendError } from "../contract/errors.ts";
import { thrownToCaller } from "./caller-stack.ts";
import type { Fold } from "./fold.ts";
import type { ChunkSink, ChunkSource } from "./source.ts";

/** The result of a reader that has come to its end. */
export const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** The stream that a queue belongs to. */
export interface QueueOwner {
  readonly isRunning: boolean;
  /**
   * Returns the failure of the reply for the reader, once; `undefined` afterwards, and for a reply that has not failed.
   */
  failureToThrow(): SendError | undefined;
  /** Ends the reply because its source or its chunks cannot be read. */
  collapse(thrown: unknown): SendError;
  /** The same, and returns the error to throw at the reader. */
  failReading(thrown: unknown): SendError;
  /** The reader has nothing to do but wait. Returns since when, on the clock of the stream. */
  waiting(): number;
}

/** A pending `next()`. Methods, so that one of any chunk type can wait here. */
interface Waiter {
  take(): unknown;
  resolve(result: IteratorResult<unknown> | PromiseLike<IteratorResult<unknown>>): void;
}

/**
 * Whether the source is being asked. `asking`: its `pull` is running and has not answered; `answered`: it is running
 * and has; `again`: it has, and is to be asked once more afterwards; `pending`: it will answer later.
 */
type Pull = "idle" | "asking" | "answered" | "again" | "pending";

/** The sink of a source, from which one reader takes. */
export class ChunkQueue implements ChunkSink {
  /** A plain field, no accessor: decoders append to it for each chunk. Never filled with what has been taken. */
  chunks: MessageChunk[] = [];
  readonly flush: ChunkSink["flush"];
  readonly end: ChunkSink["end"];
  readonly fail: ChunkSink["fail"];
  readonly #owner: QueueOwner;
  /** How many of the chunks the reader has taken, and how many are folded. */
  #taken = 0;
  #folded = 0;
  #pull: Pull = "idle";
  /** Plain objects: a closure over a promise's functions outlives it by many collections. */
  readonly #waiters: Waiter[] = [];

  constructor(owner: QueueOwner, { flush, end, fail }: Pick<ChunkSink, "flush" | "end" | "fail">) {
    this.#owner = owner;
    this.flush = flush;
    this.end = end;
    this.fail = fail;
  }

  get isEmpty(): boolean {
    return this.#taken >= this.chunks.length;
  }

  get taken(): number {
    return this.#taken;
  }

  get hasWaiter(): boolean {
    return this.#waiters.length > 0;
  }

  /** Returns how many chunks have arrived and are not folded. */
  get fresh(): number {
    return this.chunks.length - this.#folded;
  }

  /** Returns the next chunk, for the reader. */
  take(): MessageChunk | undefined {
    return this.#taken < this.chunks.length ? this.chunks[this.#taken++] : undefined;
  }

  /** Returns all chunks that are there, for the reader; never an empty array. */
  takeAll(): MessageChunk[] | undefined {
    if (this.isEmpty) return undefined;
    const batch = this.#taken === 0 ? this.chunks : this.chunks.slice(this.#taken);
    this.clear();
    return batch;
  }

  clear(): void {
    this.chunks = [];
    this.#taken = 0;
    this.#folded = 0;
  }

  /** Folds the fresh chunks, each once. */
  foldInto(fold: Fold): void {
    for (; this.#folded < this.chunks.length; this.#folded++) {
      const chunk = this.chunks[this.#folded];
      if (chunk) fold.add(chunk);
    }
  }

  /** Takes the fresh chunks away from the reader. */
  removeFresh(): readonly MessageChunk[] {
    return this.chunks.splice(Math.min(this.#folded, this.chunks.length));
  }

  /** Resolves at once when a chunk is there, else at the arrival of the next. Makes one promise. */
  next<T>(take: () => T | undefined, source: ChunkSource): Promise<IteratorResult<T>> {
    let value: T | undefined;
    try {
      value = this.#waiters.length === 0 ? take() : undefined;
    } catch (error) {
      return thrownToCaller(this.#owner.failReading(error));
    }
    if (value !== undefined) return Promise.resolve({ done: false, value });
    return new Promise((resolve) => {
      this.#waiters.push({ take, resolve });
      if (this.#owner.isRunning) this.pull(source);
      else this.deliver();
    });
  }

  /** Resolves the pending `next()`s in turn, as far as there are chunks or there is an end. */
  deliver(): void {
    for (let waiter = this.#waiters[0]; waiter; waiter = this.#waiters[0]) {
      let value: unknown;
      try {
        value = waiter.take();
      } catch (error) {
        this.#waiters.shift();
        waiter.resolve(thrownToCaller(this.#owner.failReading(error)));
        continue;
      }
      if (value === undefined && this.#owner.isRunning) return;
      this.#waiters.shift();
      if (value !== undefined) {
        waiter.resolve({ done: false, value });
        continue;
      }
      const failure = this.#owner.failureToThrow();
      waiter.resolve(failure ? thrownToCaller(failure) : DONE);
    }
  }

  /** Asks the source for more, unless it owes an answer. */
  pull(source: ChunkSource): void {
    if (this.#pull === "answered") this.#pull = "again";
    if (this.#pull === "idle") this.#pullNow(source);
  }

  /** Notes that the source has answered. */
  answered(): void {
    if (this.#pull === "asking") this.#pull = "answered";
    else if (this.#pull === "pending") this.#pull = "idle";
  }

  /** Asks the source in a loop, not by recursion: a source may answer within the call. */
  #pullNow(source: ChunkSource): void {
    if (this.isEmpty) this.clear();
    const at = this.#owner.waiting();
    do {
      this.#pull = "asking";
      try {
        source.pull(at);
      } catch (error) {
        this.#owner.collapse(error);
      }
    } while (this.#is("again") && this.#owner.isRunning);
    this.#pull = this.#is("asking") ? "pending" : "idle";
  }

  #is(pull: Pull): boolean {
    return this.#pull === pull;
  }
}
