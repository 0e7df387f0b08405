/**
 * A 64-bit hash of JSON values, built up value by value: equal values have equal hashes, in any order of their
 * keys. It is synchronous and runs everywhere. It distinguishes conversations; it is not cryptographic.
 */

import { unmarked } from "../../platform/exact-json.ts";

/** Deeper than any request that a server accepts; a cycle also ends here. */
const MAX_DEPTH = 500;

/** The running state. `copy` gives the hash of a beginning without ending it. */
export class ValueHash {
  #high: number;
  #low: number;

  private constructor(high: number, low: number) {
    this.#high = high;
    this.#low = low;
  }

  static empty(): ValueHash {
    return new ValueHash(0xdeadbeef, 0x41c6ce57);
  }

  copy(): ValueHash {
    return new ValueHash(this.#high, this.#low);
  }

  /** Adds a value as JSON would write it. Members of the value itself that are named in `without` do not count. */
  add(value: unknown, without: readonly string[] = []): this {
    this.#add(value, without, 0);
    return this;
  }

  /** Adds hashes whose order does not matter. */
  addSet(digests: readonly string[]): this {
    return this.add(digests.toSorted());
  }

  /** Returns 16 hexadecimal digits. */
  digest(): string {
    const high = mixed(this.#high, this.#low);
    const low = mixed(this.#low, this.#high);
    return high.toString(16).padStart(8, "0") + low.toString(16).padStart(8, "0");
  }

  #add(value: unknown, without: readonly string[], depth: number): void {
    if (typeof value === "string") return this.#addText(unmarked(value));
    if (typeof value !== "object" || value === null) return this.#addText(`\u0000${String(value)}`);
    if (depth > MAX_DEPTH) return;
    if (Array.isArray(value)) {
      this.#step(value.length + 0x10000);
      for (const item of value) this.#add(item, [], depth + 1);
      return;
    }
    const fields = value as Readonly<Record<string, unknown>>;
    for (const name of Object.keys(fields).sort()) {
      if (fields[name] === undefined || without.includes(name)) continue;
      this.#addText(name);
      this.#add(fields[name], [], depth + 1);
    }
    this.#step(0x20000);
  }

  /** The two sums are kept in locals: this loop sees every character of the conversation. */
  #addText(text: string): void {
    let high = this.#high;
    let low = this.#low;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      high = Math.imul(high ^ code, 2654435761);
      low = Math.imul(low ^ code, 1597334677);
    }
    this.#high = high ^ (high >>> 15);
    this.#low = low ^ (low >>> 13);
    this.#step(text.length + 0x30000);
  }

  #step(code: number): void {
    this.#high = Math.imul(this.#high ^ code, 2654435761);
    this.#low = Math.imul(this.#low ^ code, 1597334677);
  }
}

/** The end of cyrb53: spreads every bit of both sums over the result. */
function mixed(one: number, other: number): number {
  const first = Math.imul(one ^ (one >>> 16), 2246822507);
  return (first ^ Math.imul(other ^ (other >>> 13), 3266489909)) >>> 0;
}
