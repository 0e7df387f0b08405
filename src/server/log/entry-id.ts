/** The ids of log entries: `<attempt>-<number>`, given by the process that writes the run. */

/**
 * The id of a log entry, also the `id` of its event on the wire: `"1-17"` is entry 17 of the first attempt. Numbers are
 * dense, so that a reader notices a gap. Attempt 2 sorts above attempt 1, so that a log refuses a writer whose run was
 * taken over.
 */
export type EntryId = `${number}-${number}`;

/** The parts of an `EntryId`. */
export interface EntryPosition {
  /** Counts the processes that have written the run, from 1. */
  readonly attempt: number;
  /** Counts the entries of the attempt, from 1; 0 is the snapshot with which a later attempt begins. */
  readonly number: number;
}

const PATTERN = /^([1-9]\d{0,8})-(0|[1-9]\d{0,14})$/;

/** Returns the parts of an id from outside; `undefined` when it is malformed. */
export function positionOf(id: string): EntryPosition | undefined {
  const [, attempt, number] = PATTERN.exec(id) ?? [];
  return attempt === undefined ? undefined : { attempt: Number(attempt), number: Number(number) };
}

/** Returns the id of a position. */
export function entryId({ attempt, number }: EntryPosition): EntryId {
  return `${attempt}-${number}`;
}

/**
 * Returns a negative number when `a` precedes `b` in the log, a positive one behind it, and 0 for the same place.
 */
export function compareIds(a: EntryId, b: EntryId): number {
  // Called for each entry: no arrays. `parseInt` stops at the dash.
  return Number.parseInt(a, 10) - Number.parseInt(b, 10) || numberIn(a) - numberIn(b);
}

function numberIn(id: EntryId): number {
  return Number(id.slice(id.indexOf("-") + 1));
}
