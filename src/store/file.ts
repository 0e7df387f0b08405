/** Conversations in files: the subpath `cloudllm/store/file`. */

import { existsSync } from "node:fs";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { SessionRecord } from "../session/record.ts";
import type { SessionStore, StoredSession } from "../session/store.ts";
import { fileNameOf, idOf } from "./file-name.ts";
import { codeOf, type Lease, takeLease } from "./lease.ts";
import {
  detach,
  type FileIdentity,
  identityOf,
  LogFile,
  readRecords,
  replaceRecords,
  successorOf,
  syncFolder,
} from "./log-file.ts";

/** The options of `new FileStore`. */
export interface FileStoreOptions {
  /**
   * Whether each write waits until the disk has it. Without it, written records survive any death of the process, but a
   * power cut or a crash of the system may lose the last seconds.
   * @default false
   */
  readonly fsync?: boolean | undefined;
  /**
   * Time without a renewal after which another process may open a session whose process it cannot look up (one in
   * another container or on another machine), in milliseconds.
   * @default 15_000
   */
  readonly leaseMs?: number | undefined;
}

const DEFAULT_LEASE_MS = 15_000;

/** A session that this store may write. */
interface Claim {
  readonly lease: Lease;
  /** The file that stood there when it was claimed, or that has been put in its place here. */
  identity: FileIdentity;
  file?: LogFile;
}

const ENDING = ".jsonl";

/**
 * Keeps each session in a file of its own, one record a line, to which is only added; what `LLMSession.clear` forgets
 * is gone from it, since a new file takes its place. Folder and files are for their owner alone. A session that is open
 * has a lease beside its file (`.lock`), which its process renews; another process that opens it gets kind `busy`. A
 * process of this machine that was killed loses the lease at once, one in another container or on another machine after
 * `leaseMs`. The holder that lost it cannot write any more: its sends fail with kind `busy`.
 *
 * @example
 * ```ts
 * import { LLMSession, OpenAIClient, OpenAIModel } from "cloudllm";
 * import { FileStore } from "cloudllm/store/file";
 *
 * export async function talk(text: string, folder: string): Promise<string> {
 *   const client = new OpenAIClient({ model: OpenAIModel.GPT6Luna });
 *   await using session = await LLMSession.open({ client, store: new FileStore(folder), id: "poems" });
 *   return (await session.sendMessage(text)).content; // the next call, in whichever process, goes on from here
 * }
 * ```
 */
export class FileStore implements SessionStore {
  readonly #directory: string;
  readonly #fsync: boolean;
  readonly #leaseMs: number;
  readonly #claims = new Map<string, Claim>();

  /** @param directory is made, for its owner alone, when there is none */
  constructor(directory: string, options: FileStoreOptions = {}) {
    if (typeof directory !== "string" || directory === "")
      throw new TypeError("`directory` must be the path of a folder.");
    this.#directory = directory;
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
      if (lease.isFromSilentHolder) await detach(path);
      this.#claims.set(id, { lease, identity: await identityOf(path) });
    } catch (error) {
      lease.release();
      throw error;
    }
  }

  /** Reads only, so that it may look at a session that another process writes. */
  async load(id: string): Promise<readonly SessionRecord[]> {
    return readRecords(this.#pathOf(id));
  }

  async append(id: string, records: readonly SessionRecord[]): Promise<void> {
    const claim = await this.#claimOf(id);
    claim.file ??= await LogFile.open(this.#pathOf(id), claim.identity, this.#fsync);
    claim.identity = claim.file.identity;
    claim.lease.check();
    await claim.file.append(records);
    claim.lease.check(); // a process that stood still in between has written where nobody reads
  }

  /**
   * The new records are on the disk, and the old ones are not, before this resolves; a crash leaves the file as it was
   * or as it will be.
   */
  async replace(id: string, records: readonly SessionRecord[]): Promise<void> {
    const path = this.#pathOf(id);
    const claim = await this.#claimOf(id);
    claim.lease.check();
    const { file } = claim;
    delete claim.file; // the next record opens the new one
    await file?.close();
    await replaceRecords(path, records, () => claim.lease.check());
    claim.identity = await identityOf(path);
  }

  async delete(id: string): Promise<void> {
    const path = this.#pathOf(id);
    if (!existsSync(this.#directory)) return;
    const lease = await this.#leaseOf(path, id);
    try {
      await rm(successorOf(path), { force: true });
      await rm(path, { force: true });
      await syncFolder(this.#directory);
    } finally {
      lease.release();
    }
  }

  /** Those that were written to last come first. */
  async list(): Promise<readonly StoredSession[]> {
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
    return sessions.sort((a, b) => b.updatedAt - a.updatedAt);
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

/** With those above it. Node's own way to do so never comes back where a folder takes none (as `/proc`). */
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
