/**
 * The items of a run's stream in Redis. The id of an item is that of its last entry, and the highest id of an attempt
 * closes it: Redis accepts an id once, and none below the last one. It so refuses a doubled append, a second end, and a
 * writer whose run was taken over.
 */

import { compareIds, type EntryId, positionOf } from "../../server/log/entry-id.ts";
import type { LogEntry, RunEnd } from "../../server/log/log.ts";

/** One item, as it is read. */
export type LogItem =
  /** The first item: the stream exists from the beginning of the run. */
  | { readonly type: "begin"; readonly id: EntryId; readonly attempt: number }
  /** Entries that were appended together. Those that an earlier item has too are skipped. */
  | { readonly type: "entries"; readonly id: EntryId; readonly attempt: number; readonly entries: readonly LogEntry[] }
  | { readonly type: "end"; readonly id: EntryId; readonly attempt: number; readonly end: RunEnd }
  /** The attempt was taken over by the next one. */
  | { readonly type: "over"; readonly id: EntryId; readonly attempt: number };

/** The number that closes an attempt: the highest that Redis knows. */
const CLOSING = "18446744073709551615" as `${number}`;

/** Returns the id that closes an attempt. */
export function closingId(attempt: number): EntryId {
  return `${attempt}-${CLOSING}`;
}

/** Returns the fields of an item with entries. A snapshot takes the place of all entries before it. */
export function entryFields(entries: readonly LogEntry[]): readonly string[] {
  const from = entries.findLastIndex(({ type }) => type === "snapshot");
  return ["entries", JSON.stringify(from > 0 ? entries.slice(from) : entries)];
}

/** Returns the fields of an item with the end of a run. */
export function endFields(end: RunEnd): readonly string[] {
  return ["end", JSON.stringify(end)];
}

/** Returns the items of the reply to `XRANGE` or `XREVRANGE`. */
export function itemsOf(reply: unknown): LogItem[] {
  return (reply as readonly [unknown, readonly unknown[]][]).map(([id, [name, value]]) =>
    itemOf(String(id) as EntryId, String(name), String(value)),
  );
}

function itemOf(id: EntryId, name: string, value: string): LogItem {
  const attempt = Number(id.slice(0, id.indexOf("-")));
  switch (name) {
    case "begin":
    case "over":
      return { type: name, id, attempt };
    case "end":
      return { type: name, id, attempt, end: JSON.parse(value) as RunEnd };
    case "entries":
      return { type: name, id, attempt, entries: JSON.parse(value) as LogEntry[] };
    default:
      throw new TypeError(`The log has an item of an unknown type, ${JSON.stringify(name)}.`);
  }
}

/** The attempt that may write behind an item. */
export function attemptBehind({ type, attempt }: LogItem): number {
  return type === "over" ? attempt + 1 : attempt;
}

/** The entries of some items. */
export interface ItemPage {
  readonly entries: readonly LogEntry[];
  readonly end?: RunEnd;
  /** Whether entries of the items are left out, since there are more than the limit. */
  readonly isCut: boolean;
}

/**
 * Returns the entries of items behind an id, each once and without a gap. A Redis that comes back with the data of a
 * moment ago has gaps: the entries continue with the next snapshot behind one, or with the end.
 */
export function itemPageOf(items: readonly LogItem[], after: EntryId | undefined, limit: number): ItemPage {
  const entries: LogEntry[] = [];
  let last = after;
  for (const item of items) {
    if (item.type === "end") return { entries, end: item.end, isCut: false };
    if (item.type !== "entries") continue;
    for (const entry of item.entries) {
      if (last !== undefined && compareIds(entry.id, last) <= 0) continue;
      if (!follows(entry, last)) continue;
      if (entries.length === limit) return { entries, isCut: true };
      entries.push(entry);
      last = entry.id;
    }
  }
  return { entries, isCut: false };
}

/** Whether an entry continues the text behind `last`. A snapshot needs nothing before it. */
function follows({ type, id }: LogEntry, last: EntryId = "1-0"): boolean {
  const [here, before] = [positionOf(id), positionOf(last)];
  return type === "snapshot" || (here?.attempt === before?.attempt && here?.number === (before?.number ?? 0) + 1);
}
