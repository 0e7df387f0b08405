/** Conversations in files. */

import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { allNames, checkNames } from "../../contract/unknown-option.ts";
import type { SessionRecord } from "../../session/record.ts";
import type { ListOptions, SessionPage, SessionStore, StoredSession } from "../../session/store.ts";
import { titleSetBy } from "../../session/title.ts";
import { pageAmong, pageRequestOf, storedSession } from "../listing.ts";
import { fileNameOf, idOf } from "./file-name.ts";
import { codeOf, type Lease, takeLease } from "./lease.ts";
import {
  detach,
  type FileIdentity,
  identityOf,
  LogFile,
  readRecords,
  removeSuccessors,
  replaceRecords,
  syncFolder,
} from "./log-file.ts";

/** The options of `new FileStore`. */
export interface FileStoreOptions {
  /**
   * Whether each write waits until it is on the disk. Otherwise, written records survive any end of the process, but a
   * power cut or a crash of the system may lose the last seconds.
   * @default false
   */
  readonly fsync?: boolean | undefined;
  /**
   * Time without a renewal after which another process may open a session, in milliseconds. It applies to a process
   * that cannot be looked up, in another container or on another machine.
   * @default 15_000
   */
  readonly leaseMs?: number | undefined;
}

const DEFAULT_LEASE_MS = 15_000;

/** A session that this store may write. */
interface Claim {
  readonly lease: Lease;
  /** The file at the time of the claim, or the one that has replaced it here. */
  identity: FileIdentity;
  file?: LogFile;
}

const ENDING = ".jsonl";
const TITLE_ENDING = ".title";

/**
 * Keeps each session in a file of its own, with one record a line. Records are only appended; `LLMSession.clear`
 * replaces the file by a new one. Only their owner can read folder and files.
 *
 * An open session has a lease next to its file (`.lock`), which its process renews; another process that opens it gets
 * kind `busy`. A process of this machine that was killed loses the lease at once. A process in another container or on
 * another machine loses it after `leaseMs`. The holder that lost it can no longer write: its sends fail with kind
 * `busy`.
 *
 * @example
 * ```ts
 * import { LLMSession, OpenAIClient, OpenAIModel } from "cloudllm";
 * import { FileStore } from "cloudllm/store/file";
 *
 * export async function talk(text: string, folder: string): Promise<string> {
 *   const client = new OpenAIClient({ model: OpenAIModel.GPT6Luna });
 *   await using session = await LLMSession.open({ client, store: new FileStore(folder), id: "poems" });
 *   return (await session.sendMessage(text)).content; // the next call, in any process, continues from here
 * }
 * ```
 */
export class FileStore implements SessionStore {
  readonly #directory: string;
  readonly #fsync: boolean;
  readonly #leaseMs: number;
  readonly #claims = new Map<string, Claim>();

  /**
   * @param directory created if it does not exist; only its owner can read it
   * @throws {TypeError} when an argument is invalid
   */
  constructor(directory: string, options: FileStoreOptions = {}) {
    if (typeof directory !== "string" || directory === "")
      throw new TypeError("`directory` must be the path of a folder.");
    this.#directory = directory;
    checkNames(options, allNames<FileStoreOptions>({ fsync: true, leaseMs: true }));
    const { fsync = false, leaseMs = DEFAULT_LEASE_MS } = options;
    if (typeof leaseMs !== "number" || !(leaseMs >= 1))
      throw new TypeError(`\`leaseMs\` must be a number of milliseconds, at least 1. Received ${leaseMs}.`);
    this.#fsync = fsync;
    this.#leaseMs = leaseMs;
  }

  async claim(id: string): Promise<void> {
    const path = this.#pathOf(id);
    await makeFolder(this.#directory);
    const lease = await this.#leaseOf(path, id);
    try {
      if (lease.isFromSilentHolder) await detach(path, lease);
      this.#claims.set(id, { lease, identity: await identityOf(path) });
    } catch (error) {
      lease.release();
      throw error;
    }
  }

  /** Resolves with the records. It only reads, so that another process may write the session meanwhile. */
  async load(id: string): Promise<readonly SessionRecord[]> {
    return readRecords(this.#pathOf(id));
  }

  async append(id: string, records: readonly SessionRecord[]): Promise<void> {
    const claim = await this.#claimOf(id);
    claim.lease.check();
    try {
      claim.file ??= await LogFile.open(this.#pathOf(id), claim.identity, this.#fsync);
      claim.identity = claim.file.identity;
      claim.lease.check();
      await claim.file.append(records);
      const title = titleSetBy(records);
      if (title !== undefined) await keepTitle(titlePathOf(this.#pathOf(id)), title);
    } finally {
      // The process may have stood still in between. Its successor has replaced the file: this process found that one,
      // or has written to the old one, which no process reads.
      claim.lease.check();
    }
  }

  /**
   * Replaces all records. Resolves when the new ones are on the disk and the old ones are not. A crash leaves either
   * the old file or the new one.
   */
  async replace(id: string, records: readonly SessionRecord[]): Promise<void> {
    const path = this.#pathOf(id);
    const claim = await this.#claimOf(id);
    claim.lease.check();
    const { file } = claim;
    delete claim.file; // the next record opens the new one
    await file?.close();
    await forgetTitle(titlePathOf(path));
    try {
      await replaceRecords(path, records, claim.lease);
    } catch (error) {
      claim.lease.check(); // its new holder may have taken the file away
      throw error;
    }
    const title = titleSetBy(records);
    if (title !== undefined) await keepTitle(titlePathOf(path), title);
    claim.identity = await identityOf(path);
  }

  async delete(id: string): Promise<void> {
    const path = this.#pathOf(id);
    if (!existsSync(this.#directory)) return;
    const lease = await this.#leaseOf(path, id);
    try {
      await forgetTitle(titlePathOf(path));
      removeSuccessors(path, lease);
      await rm(path, { force: true });
      await syncFolder(this.#directory);
    } finally {
      lease.release();
    }
  }

  /**
   * Resolves with a page of the sessions, by the names and the times of their files. It reads the folder each time, and
   * the titles of the page, which have files of their own.
   */
  async list(options?: ListOptions): Promise<SessionPage> {
    const request = pageRequestOf(options);
    const files = await readdir(this.#directory).catch((error: unknown) => {
      if (codeOf(error) === "ENOENT") return [];
      throw error;
    });
    const sessions: StoredSession[] = [];
    for (const file of files) {
      const id = file.endsWith(ENDING) ? idOf(file.slice(0, -ENDING.length)) : undefined;
      if (id === undefined) continue;
      const found = await stat(join(this.#directory, file)).catch(() => undefined); // it may have gone meanwhile
      if (found?.isFile()) sessions.push({ id, updatedAt: found.mtimeMs });
    }
    const { sessions: shown, ...rest } = pageAmong(sessions, request);
    const titled: StoredSession[] = [];
    // One by one: a page may be longer than a process may have files open.
    for (const { id, updatedAt } of shown) {
      titled.push(storedSession(id, updatedAt, await titleAt(titlePathOf(this.#pathOf(id)))));
    }
    return { ...rest, sessions: titled };
  }

  async release(id: string): Promise<void> {
    const claim = this.#claims.get(id);
    this.#claims.delete(id);
    await claim?.file?.close();
    claim?.lease.release();
  }

  async #claimOf(id: string): Promise<Claim> {
    const claim = this.#claims.get(id);
    if (claim) return claim;
    await this.claim(id);
    return this.#claimOf(id);
  }

  #leaseOf(path: string, id: string): Promise<Lease> {
    return takeLease(path.replace(/\.jsonl$/, ".lock"), `The session ${JSON.stringify(id)}`, this.#leaseMs);
  }

  #pathOf(id: string): string {
    return join(this.#directory, `${fileNameOf(id)}${ENDING}`);
  }
}

function titlePathOf(path: string): string {
  return path.replace(/\.jsonl$/, TITLE_ENDING);
}

/** Keeps a title. A failure costs the title only: the records are written. */
async function keepTitle(path: string, title: string): Promise<void> {
  const fresh = `${path}.new`;
  try {
    await writeFile(fresh, title, { mode: 0o600 });
    await rename(fresh, path); // a listing reads the old title or the new one
  } catch {
    await forgetTitle(path).catch(() => undefined);
  }
}

/** Removes a title, and one that a crash has left before it had its name. */
async function forgetTitle(path: string): Promise<void> {
  for (const each of [path, `${path}.new`]) await rm(each, { force: true });
}

async function titleAt(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch(() => undefined);
}

/** Creates a folder and its parents. Node's `recursive` never returns in a folder that takes none, such as `/proc`. */
async function makeFolder(path: string): Promise<void> {
  const isMissing = (error: unknown) => codeOf(error) === "ENOENT" && dirname(path) !== path;
  const make = () => mkdir(path, { mode: 0o700 });
  try {
    await make().catch(async (error: unknown) => {
      if (!isMissing(error)) throw error;
      await makeFolder(dirname(path));
      await make();
    });
  } catch (error) {
    const isThere = codeOf(error) === "EEXIST" && (await stat(path)).isDirectory();
    if (!isThere) throw error;
  }
}
