/** Limits an amount in any 60 seconds. Pure: time comes in from outside. */

const MINUTE_MS = 60_000;

interface Entry {
  readonly at: number;
  amount: number;
}

/** A limit on what is spent in any 60 seconds. Times are milliseconds on one clock. */
export class SlidingWindow {
  readonly #limit: number;
  readonly #entries: Entry[] = [];
  #sum = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Milliseconds until `amount` may be spent; 0: now. An amount above the limit may be spent when nothing else was. */
  waitMs(amount: number, now: number): number {
    this.#dropExpired(now);
    let over = this.#sum + amount - this.#limit;
    let wait = 0;
    for (const entry of this.#entries) {
      if (over <= 0) break;
      over -= entry.amount;
      wait = entry.at + MINUTE_MS - now;
    }
    return Math.max(0, wait);
  }

  /** Returns a function that corrects the amount, once it is known. */
  spend(amount: number, now: number): (real: number) => void {
    const entry = { at: now, amount };
    this.#entries.push(entry);
    this.#sum += amount;
    return (real) => {
      if (this.#entries.includes(entry)) this.#sum += real - entry.amount;
      entry.amount = real;
    };
  }

  #dropExpired(now: number): void {
    for (let first = this.#entries[0]; first && first.at + MINUTE_MS <= now; first = this.#entries[0]) {
      this.#sum -= first.amount;
      this.#entries.shift();
    }
  }
}
