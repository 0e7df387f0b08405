/**
 * The numbers of a response's events. A number is a place in the reply, not a count of events: an event of text
 * advances it by the length of its text, every other event by one. So the numbers are the same on every connection and
 * in every process. The text may come in many small events or, replayed, in a few large ones. A connection that begins
 * behind a number gets the text behind it, even from the middle of a larger event.
 *
 * A reply that another process continues, or that begins again, counts in a new range: a place in text that is gone is
 * not taken for one in the text that replaced it.
 */

/** Each range has so many numbers. A run has at most 8 MiB of chunks. */
const RANGE = 2 ** 24;

/** The part of an event that a connection has not got. */
export interface NumberedPart {
  readonly number: number;
  /** So many UTF-16 units of the event's text are known. */
  readonly known: number;
}

/** The numbers of the events that a reader of a reply gets. */
export interface NumberedEvents {
  /** The last number that the connection has got; -1 for nothing. */
  readonly got: number;
  /** Counts an event. Returns the part to send; `undefined` when the connection has got all of it. */
  take(length?: number): NumberedPart | undefined;
  /** Counts an event that is sent in any case. Returns its number, which is greater than every one before. */
  takeLast(): number;
  /**
   * Another process continues the reply: the next events are in another range, and numbers of those before stay valid.
   * @returns whether the connection has got events that are not in the reply any more
   */
  continueIn(range: number): boolean;
  /**
   * The reply begins again: its next events are in another range.
   * @param kept the numbers below stay valid
   * @returns whether the connection has got events that are not in the reply any more
   */
  restartIn(range: number, kept: number): boolean;
}

/** For a reader that sends no events: nothing is ever in the way. */
export const NO_EVENTS: NumberedEvents = {
  got: -1,
  take: () => undefined,
  takeLast: () => 0,
  continueIn: () => false,
  restartIn: () => false,
};

/** Counts the events of one reply for one connection. */
export class EventNumbers implements NumberedEvents {
  /** The last number that the connection has got; -1 for nothing. */
  #got: number;
  #next = 0;

  /** @param after the last number that the connection has got before */
  constructor(after: number) {
    this.#got = after;
  }

  get got(): number {
    return this.#got;
  }

  take(length = 1): NumberedPart | undefined {
    const first = this.#next;
    const number = first + length - 1;
    this.#next = number + 1;
    if (number <= this.#got) return undefined;
    const known = Math.max(0, this.#got - first + 1);
    this.#got = number;
    return { number, known };
  }

  takeLast(): number {
    this.#next = Math.max(this.#next, this.#got + 1);
    this.#got = this.#next++;
    return this.#got;
  }

  continueIn(range: number): boolean {
    return this.#enter(range, this.#next, this.#next % RANGE);
  }

  restartIn(range: number, kept: number): boolean {
    return this.#enter(range, kept, kept);
  }

  #enter(range: number, kept: number, place: number): boolean {
    const first = range * RANGE;
    const isLost = this.#got >= kept && this.#got < first;
    this.#next = first + place;
    return isLost;
  }
}
