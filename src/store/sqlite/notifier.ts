/** Notifies readers that a log in SQLite has grown: those of this process at once, others by a look at the file. */

import { Watchers } from "../watchers.ts";
import type { SqliteDatabase, SqliteLike } from "./database.ts";

/** The file is looked at so often, in milliseconds: after a change, and after a while without one. */
const MIN_POLL_MS = 5;
const MAX_POLL_MS = 25;

/** With many runs a look takes longer, so that it is taken less often: so many runs for each millisecond. */
const RUNS_A_MS = 20;

/** The notifiers of the databases: logs on one database notify each other. SQLite reports only other connections. */
const NOTIFIERS = new WeakMap<SqliteLike, SqliteNotifier>();

/** Returns the notifier of a database. */
export function notifierOf(handle: SqliteLike, database: SqliteDatabase): SqliteNotifier {
  const notifier = NOTIFIERS.get(handle) ?? new SqliteNotifier(database);
  NOTIFIERS.set(handle, notifier);
  return notifier;
}

/** Rings for runs that have grown. */
export class SqliteNotifier {
  readonly #database: SqliteDatabase;
  /** By run, with the version that was read last; 0 for none. */
  readonly #watchers = new Watchers(0);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pollMs = MIN_POLL_MS;
  #dataVersion = -1;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  /** Calls `notify` when a run has grown, until the returned function is called. */
  watch(run: string, notify: () => void): () => void {
    const unwatch = this.#watchers.watch(run, notify);
    this.#timer ??= this.#poll();
    return unwatch;
  }

  /** A reader has read the run as of this version. */
  saw(run: string, version: number): void {
    this.#watchers.saw(run, version);
  }

  /** This process has added to a run. */
  notify(run: string): void {
    this.#watchers.notify(run);
  }

  #poll(): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => {
      try {
        this.#look();
      } catch {
        this.#pollMs = MAX_POLL_MS; // it is busy, or closed: readers report that
      }
      this.#timer = this.#watchers.size === 0 ? undefined : this.#poll();
    }, this.#pollMs);
    timer.unref?.();
    return timer;
  }

  #look(): void {
    const { data_version: dataVersion = 0 } = this.#database.get<{ data_version: number }>("PRAGMA data_version") ?? {};
    const hasChanged = dataVersion !== this.#dataVersion;
    this.#dataVersion = dataVersion;
    this.#pollMs = hasChanged ? MIN_POLL_MS : Math.min(this.#pollMs + 1, MAX_POLL_MS);
    this.#pollMs = Math.max(this.#pollMs, this.#watchers.size / RUNS_A_MS);
    if (!hasChanged) return;
    for (const [run, seen] of this.#watchers.places()) {
      const row = this.#database.get<{ version: number }>("SELECT version FROM cloudllm_runs WHERE run = ?", run);
      const version = row?.version ?? 0;
      if (version === seen) continue;
      this.saw(run, version);
      this.notify(run);
    }
  }
}
