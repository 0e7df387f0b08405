/** Conversations in files: the subpath `cloudllm/store/file`. */

import { existsSync } from "node:fs";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { SessionRecord } from "../session/record.ts";
import type { SessionStore, StoredSession } from "../session/store.ts";
import { fileNameOf, idOf } from "./file-name.ts";
import { codeOf, takeLock } from "./lock.ts";
import { LogFile, readRecords, replaceRecords, successorOf, syncFolder } from "./log-file.ts";

/** How a file store writes. */
export interface FileStoreOptions {
  /**
   * Whether each write waits until the disk has it. Without it (the default), what was written survives the death of the process,
   * however it dies, but the last seconds before a power cut or a crash of the system may be lost.
   */
  readonly fsync?: boolean;
}

const ENDING = ".jsonl";

/**
 * Keeps each session in a file of its own, one record a line, to which is only added; what `LLMSession.clear` forgets is gone from
 * it, since a new file takes its place. Folder and files are for their owner
 * alone. A session that is open has a lock beside its file; another process that opens it is told (kind `busy`). The lock of a
 * process that was killed does not hold; one from another machine that shares the folder does, until it is removed.
 *
 * @example
 * ```ts
 * import { LLMSession, OpenAIClient, OpenAIModel } from "cloudllm";
 * import { FileStore } from "cloudllm/store/file";
 *
 * export async function talk(text: string, folder: string): Promise<string> {
 *   const client = new OpenAIClient({ model: OpenAIModel.GPT5Nano });
 *   await using session = await LLMSession.open({ client, store: new FileStore(folder), id: "poems" });
 *   return (await session.sendMessage(text)).content; // the next call, in whichever process, goes on from here
 * }
 * ```
 */
export class FileStore implements SessionStore {
  readonly #directory: string;
  readonly #fsync: boolean;
  readonly #claims = new Map<string, { readonly unlock: () => Promise<void>; file?: LogFile }>();

  /** @param directory is made, for its owner alone, when there is none */
  constructor(directory: string, options: FileStoreOptions = {}) {
    if (typeof directory !== "string" || directory === "")
      throw new TypeError("`directory` must be the path of a folder.");
    this.#directory = directory;
    this.#fsync = options.fsync ?? false;
  }

  async claim(id: string): Promise<void> {
    const path = this.#pathOf(id);
    await makeFolder(this.#directory);
    this.#claims.set(id, { unlock: await lock(path, id) });
  }

  /** Reads only, so that it may look at a session that another process writes. */
  async load(id: string): Promise<readonly SessionRecord[]> {
    return readRecords(this.#pathOf(id));
  }

  async append(id: string, records: readonly SessionRecord[]): Promise<void> {
    if (!this.#claims.has(id)) await this.claim(id);
    const claim = this.#claims.get(id);
    if (!claim) return;
    claim.file ??= await LogFile.open(this.#pathOf(id), this.#fsync);
    await claim.file.append(records);
  }

  /** The new records are on the disk, and the old ones are not, before this resolves; a crash leaves the file as it was or as it will be. */
  async replace(id: string, records: readonly SessionRecord[]): Promise<void> {
    if (!this.#claims.has(id)) await this.claim(id);
    const claim = this.#claims.get(id);
    if (!claim) return;
    const { file } = claim;
    delete claim.file; // the next record opens the new one
    await file?.close();
    await replaceRecords(this.#pathOf(id), records);
  }

  async delete(id: string): Promise<void> {
    const path = this.#pathOf(id);
    if (!existsSync(this.#directory)) return;
    const unlock = await lock(path, id);
    try {
      await rm(successorOf(path), { force: true });
      await rm(path, { force: true });
      await syncFolder(this.#directory);
    } finally {
      await unlock();
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
    await claim?.unlock();
  }

  #pathOf(id: string): string {
    return join(this.#directory, `${fileNameOf(id)}${ENDING}`);
  }
}

function lock(path: string, id: string): Promise<() => Promise<void>> {
  return takeLock(path.replace(/\.jsonl$/, ".lock"), `The session ${JSON.stringify(id)}`);
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
