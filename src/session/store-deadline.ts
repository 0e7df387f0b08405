/** How long a store may take to answer. */

import { durationText } from "../contract/timeouts.ts";
import { within } from "../platform/within.ts";

/** A client of a database that is away may wait for it without end. In milliseconds. */
export const STORE_DEADLINE_MS = 10_000;

/** The same for `load`: a long history comes over a slow network. */
export const LOAD_DEADLINE_MS = 60_000;

/** The answer to an append of a session that has closed is waited for so long: then its id is given back. */
export const ABANDONED_MS = 60_000;

/** Returns the error of a store that takes longer. */
export function silence(ms: number = STORE_DEADLINE_MS): Error {
  return new Error(`it has not answered for ${durationText(ms)}`);
}

/** Resolves with the answer of a store. Rejects when it takes too long; the call itself continues. */
export function answerOf<T>(answer: Promise<T>, ms: number = STORE_DEADLINE_MS): Promise<T> {
  return within(answer, ms, () => silence(ms));
}
