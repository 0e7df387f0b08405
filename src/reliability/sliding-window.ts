/** How much was spent in the last minute. Pure: time comes in from outside. */

const MINUTE_MS = 60_000;

interface Spending {
  readonly at: number;
  amount: number;
}

/** A limit on what is spent in any 60 seconds. Times are milliseconds on one clock. */
export class MinuteWindow {
  readonly #limit: number;
  readonly #spendings: Spending[] = [];
  #sum = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Milliseconds until `amount` may be spent; 0: now. More than the whole limit may go when nothing else has. */
  waitMs(amount: number, now: number): number {
    this.#forget(now);
    let over = this.#sum + amount - this.#limit;
    let wait = 0;
    for (const spending of this.#spendings) {
      if (over <= 0) break;
      over -= spending.amount;
      wait = spending.at + MINUTE_MS - now;
    }
    return Math.max(0, wait);
  }

  /** Returns a function that corrects the amount, once it is known. */
  spend(amount: number, now: number): (real: number) => void {
    const spending = { at: now, amount };
    this.#spendings.push(spending);
    this.#sum += amount;
    return (real) => {
      if (this.#spendings.includes(spending)) this.#sum += real - spending.amount;
      spending.amount = real;
    };
  }

  #forget(now: number): void {
    for (let first = this.#spendings[0]; first && first.at + MINUTE_MS <= now; first = this.#spendings[0]) {
      this.#sum -= first.amount;
      this.#spendings.shift();
    }
  }
}
