/**
 * The keys of records. A store over a network may have written an append whose answer was lost: the session makes it
 * again, and the store has its records twice. By their keys they are read once.
 */

import type { SessionRecord } from "./record.ts";

/** Gives the records of one open session their keys: `<session>-<n>`, n from 1. */
export class RecordKeys {
  /** Distinguishes the open session from every other one that has written to the conversation. */
  readonly #session = Array.from(crypto.getRandomValues(new Uint32Array(2)), (part) => part.toString(36)).join("");
  #last = 0;

  /** Returns the record with the next key. */
  keyed(record: SessionRecord): SessionRecord {
    return { ...record, key: `${this.#session}-${++this.#last}` };
  }
}

const KEY = /^([\da-z]+)-([1-9]\d*)$/;

/**
 * Returns the records without those that a store has kept again. A session appends its records in order, and none
 * before the store has had all earlier ones: a number that is not above the last one of its session is a repetition.
 */
export function withoutRepeated(records: readonly SessionRecord[]): readonly SessionRecord[] {
  const last = new Map<string, number>();
  return records.filter((record) => {
    const { key } = (record ?? {}) as { readonly key?: unknown }; // other programs write records also
    const [, session, digits] = (typeof key === "string" && KEY.exec(key)) || [];
    if (session === undefined) return true;
    const number = Number(digits);
    if (number <= (last.get(session) ?? 0)) return false;
    last.set(session, number);
    return true;
  });
}
