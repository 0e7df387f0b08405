/**
 * The `sequence_number`s of a reply: what they show of the events that came, and which events a resumed body repeats.
 */

/** What the `sequence_number`s of a reply's events have shown so far. */
export interface EventNumbers {
  /** Each event had a number greater than that of the event before. */
  readonly areRising: boolean;
  /** Numbers are missing between those that came. */
  readonly haveGaps: boolean;
}

/** The `sequence_number`s of one reply. Only in a body that was asked for again do they say what is known already. */
export class NumberSequence implements EventNumbers {
  last: number | undefined;
  areRising = true;
  haveGaps = false;
  #known = Number.NEGATIVE_INFINITY;

  /** The next body goes on after the last number. */
  resume(): void {
    this.#known = this.last ?? this.#known;
  }

  /** Notes the number of the next event, unless an earlier body has brought that event. */
  isRepeated(number: number): boolean {
    if (number <= this.#known) return true;
    // Gateways begin to count anew, and some servers count some of their events apart.
    if (number <= (this.last ?? Number.NEGATIVE_INFINITY)) this.areRising = false;
    else if (number > (this.last ?? number) + 1) this.haveGaps = true;
    this.last = number;
    return false;
  }
}
