/**
 * The entries of a session's stream in Redis. The id of an entry is `<lease>-<batch>`. Batch 0 is the beginning of a
 * lease; every other batch has records.
 */

import type { Batch } from "../leased-store.ts";

/** An entry as Redis returns it: its id, and its fields in turn with their values. */
export type SessionEntry = readonly [id: string, fields: readonly string[]];

/** The fields of an entry in the place of a batch that the stream has lost. */
export const MISSING = ["missing", ""] as const;

/** The highest number that Redis knows. */
const MAX_NUMBER = "18446744073709551615";

/** Returns the highest id of a lease: Redis refuses every other one behind it. */
export function lastIdOf(token: string): string {
  return `${token}-${MAX_NUMBER}`;
}

/** Returns the value of a field of an entry. */
export function fieldOf([, fields]: SessionEntry, name: string): string | undefined {
  const index = fields.findIndex((field, at) => at % 2 === 0 && field === name);
  return index < 0 ? undefined : fields[index + 1];
}

/** Returns the lease in the id of an entry. */
export function leaseOf(id: string): number {
  return Number(id.split("-")[0]);
}

/** Returns the fields of a batch. `from`: the first of the entries before it that do not count any longer. */
export function batchFields(token: string, { records, from, number }: Batch): readonly string[] {
  const replaced = from < number ? ["from", from === 0 ? "0-0" : `${token}-${from}`] : [];
  return ["records", records, ...replaced];
}

/** Returns the command that deletes the entries which a batch replaces, where it replaces any. */
export function deletionOfReplaced(log: string, token: string, { from, number }: Batch): readonly string[][] {
  if (from >= number) return [];
  if (from === 0) return [["XTRIM", log, "MINID", `${token}-${number}`]];
  return [["XDEL", log, ...Array.from({ length: number - from }, (_, index) => `${token}-${from + index}`)]];
}

/** The records of the batches that count, in the order of a stream. */
export class CountedBatches {
  readonly #batches: { readonly id: string; readonly records: string }[] = [];

  /** Adds the next entry of the stream. One of another kind has no records. */
  add(entry: SessionEntry): void {
    const records = fieldOf(entry, "records");
    if (records === undefined) return;
    const from = fieldOf(entry, "from");
    if (from !== undefined) while (isAtOrBehind(this.#batches.at(-1)?.id, from)) this.#batches.pop();
    this.#batches.push({ id: entry[0], records });
  }

  get records(): readonly string[] {
    return this.#batches.map(({ records }) => records);
  }
}

function isAtOrBehind(id: string | undefined, from: string): boolean {
  if (id === undefined) return false;
  const [[lease = 0, batch = 0], [fromLease = 0, fromBatch = 0]] = [
    id.split("-").map(Number),
    from.split("-").map(Number),
  ];
  return lease > fromLease || (lease === fromLease && batch >= fromBatch);
}
