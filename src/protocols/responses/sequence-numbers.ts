/** The `sequence_number`s of a reply: they show lost events, and the events that a resumed body repeats. */

/** The properties of the numbers so far. */
export interface EventNumbers {
  /** Whether each number was greater than the one before. */
  readonly areRising: boolean;
  /** Whether numbers are missing. */
  readonly haveGaps: boolean;
}

/** The numbers of one reply. Only in a resumed body do they identify repeated events. */
export class NumberSequence implements EventNumbers {
  last: number | undefined;
  areRising = true;
  haveGaps = false;
  #known = Number.NEGATIVE_INFINITY;

  /** Begins the next body, which continues after the last number. */
  resume(): void {
    this.#known = this.last ?? this.#known;
  }

  /** Returns whether an earlier body had the event of this number. Records the number otherwise. */
  isRepeated(number: number): boolean {
    if (number <= this.#known) return true;
    // Gateways restart the count, and some servers count some events separately.
    const { last = number - 1 } = this;
    if (number <= last) this.areRising = false;
    else if (number > last + 1) this.haveGaps = true;
    this.last = number;
    return false;
  }
}
