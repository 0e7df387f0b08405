/** The place of one viewer in a run: which entries it has seen, and which it must not see. Pure. */

import { compareIds, type EntryId, positionOf } from "../log/entry-id.ts";
import type { LogEntry } from "../log/log.ts";

/**
 * The place behind the last entry that a viewer has seen. Entries are shown to it in order. An entry that it has seen
 * is skipped, as is one with a gap before it: a snapshot, or the end, follows such a gap.
 */
export class Cursor {
  #last: EntryId | undefined;
  /** The entries come from one list without gaps, and the viewer stands inside it. */
  #isInside: boolean;

  /** @param after the last entry that the viewer has seen; `undefined` for one that has seen nothing */
  constructor(after: EntryId | undefined) {
    this.#last = after;
    this.#isInside = after === undefined;
  }

  /** Returns the last entry that the viewer has seen. */
  get last(): EntryId | undefined {
    return this.#last;
  }

  /** Takes the next entry of the list. Returns whether the viewer must be shown it. */
  take(entry: LogEntry): boolean {
    const isShown = entry.type === "snapshot" ? this.#isNews(entry) : this.#isNext(entry.id);
    if (isShown) this.#last = entry.id;
    return isShown;
  }

  /** A snapshot that follows the viewer's last entry says nothing new. */
  #isNews({ id, after }: Extract<LogEntry, { readonly type: "snapshot" }>): boolean {
    const last = this.#last;
    if (after === last || id === last) {
      this.#last = id;
      this.#isInside = true;
      return false;
    }
    if (last !== undefined && !this.#isInside && compareIds(id, last) < 0) return false;
    this.#isInside = true;
    return true;
  }

  #isNext(id: EntryId): boolean {
    if (this.#isInside || this.#last === undefined) return true;
    if (compareIds(id, this.#last) < 0) return false;
    this.#isInside = id === this.#last || isSuccessor(id, this.#last);
    return this.#isInside && id !== this.#last;
  }
}

/** Returns whether `id` directly follows `last`. */
function isSuccessor(id: EntryId, last: EntryId): boolean {
  const [next, before] = [positionOf(id), positionOf(last)];
  return next?.attempt === before?.attempt && next?.number === (before?.number ?? 0) + 1;
}
