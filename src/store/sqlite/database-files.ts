/** The files of a database. Where they are taken away, SQLite writes on without a word, into files that are lost. */

import { statSync } from "node:fs";
import { SendError } from "../../contract/errors.ts";

/** The database, its newest writes, and the locks of its connections. While a connection is open, each file stays. */
const ENDINGS = ["", "-wal", "-shm"];

interface KnownFile {
  readonly path: string;
  readonly identity: string;
}

/** The files of an open database, as they were at the time of the call. */
export class DatabaseFiles {
  readonly #files: readonly KnownFile[];

  /** @param path `""` for a database in memory */
  constructor(path: string) {
    const paths = path === "" ? [] : ENDINGS.map((ending) => path + ending);
    this.#files = paths.flatMap((each) => {
      const identity = identityOf(each);
      return identity === undefined ? [] : [{ path: each, identity }];
    });
  }

  /** @throws {SendError} kind `storage` when one of the files is away, or another file is in its place */
  check(): void {
    for (const { path, identity } of this.#files) {
      if (identityOf(path) === identity) continue;
      const message =
        "The file of the SQLite database was deleted, moved or replaced while it was open. Nothing was written. Open " +
        "the database again.";
      throw new SendError("storage", message, { cause: new Error(`The file is ${path}.`) });
    }
  }
}

/**
 * Returns the identity of the file at a path; `undefined` when there is none. It does not open the file: to close it
 * would end the locks of SQLite in this process.
 */
function identityOf(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found && `${found.dev}:${found.ino}`;
}
