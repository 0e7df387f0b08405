/** An append-only file of JSON lines. A line that a crash has torn is no line; anything else that is wrong is an error. */

import { type FileHandle, open, readFile, rename, rm, truncate } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { SendError } from "../errors.ts";
import type { SessionRecord } from "../session/record.ts";
import { codeOf } from "./lock.ts";

/** The first line: what this is. */
const HEADER = { cloudllm: "session", version: 1 };

const LINE_FEED = 0x0a;
const BLOCK = 65_536;

/** All whole records of the file; none when there is no such file. @throws {SendError} kind `storage` that names the line */
export async function readRecords(path: string): Promise<readonly SessionRecord[]> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const lines: unknown[] = [];
  for (let start = 0; ; ) {
    const end = bytes.indexOf(LINE_FEED, start);
    if (end < 0) break; // what follows the last line feed is torn
    lines.push(parsed(decoder, bytes.subarray(start, end), path, lines.length + 1));
    start = end + 1;
  }
  const [header, ...records] = lines as [Partial<typeof HEADER>?, ...SessionRecord[]];
  if (header && (header.cloudllm !== HEADER.cloudllm || header.version !== HEADER.version)) {
    throw damaged(path, "its first line is not that of a session which this version of cloudllm can read");
  }
  return records;
}

function parsed(decoder: TextDecoder, line: Uint8Array, path: string, number: number): unknown {
  try {
    const value: unknown = JSON.parse(decoder.decode(line));
    if (typeof value === "object" && value !== null) return value;
  } catch (cause) {
    throw damaged(path, `line ${number} is not JSON`, cause);
  }
  throw damaged(path, `line ${number} is not a record`);
}

function damaged(path: string, what: string, cause?: unknown): SendError {
  const message = `${basename(path)} is damaged: ${what}. It was left as it is.`;
  return new SendError("storage", message, { cause: new Error(`The file is ${path}.`, { cause }) });
}

/** The name beside a file under which its successor is written. */
export function successorOf(path: string): string {
  return `${path}.new`;
}

/**
 * Puts a file with these records alone in the place of the file. A crash leaves the one or the other; what this resolves for, the
 * disk has. For who has the lock, and does not have the file open: Windows renames nothing over an open file.
 */
export async function replaceRecords(path: string, records: readonly SessionRecord[]): Promise<void> {
  const next = successorOf(path);
  await rm(next, { force: true }); // of a process that ended in the middle
  try {
    const handle = await open(next, "wx", 0o600);
    try {
      await handle.writeFile(bytesOf([HEADER, ...records]));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(next, path);
  } catch (error) {
    await rm(next, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

function bytesOf(lines: readonly object[]): Buffer {
  return Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
}

/** The file, open for adding to it. */
export class LogFile {
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #fsync: boolean;
  /** As far as its lines are whole. */
  #size: number;
  /** Something torn may stand after that. */
  #isTorn: boolean;

  private constructor(path: string, handle: FileHandle, size: number, isTorn: boolean, fsync: boolean) {
    this.#path = path;
    this.#handle = handle;
    this.#size = size;
    this.#isTorn = isTorn;
    this.#fsync = fsync;
  }

  /** Opens the file, or makes one that only its owner can read. */
  static async open(path: string, fsync: boolean): Promise<LogFile> {
    const handle = await open(path, "a+", 0o600);
    try {
      const { size } = await handle.stat();
      const whole = await wholeLength(handle, size);
      if (fsync && size === 0) await syncFolder(dirname(path));
      return new LogFile(path, handle, whole, whole < size, fsync);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Adds records: after a failure none of them is there for whoever reads. */
  async append(records: readonly SessionRecord[]): Promise<void> {
    // By its path: Windows does not let a handle that only appends cut anything off.
    if (this.#isTorn) await truncate(this.#path, this.#size);
    this.#isTorn = true;
    const bytes = bytesOf(this.#size === 0 ? [HEADER, ...records] : records);
    await this.#handle.appendFile(bytes);
    if (this.#fsync) await this.#handle.datasync();
    this.#size += bytes.length;
    this.#isTorn = false;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** The length up to and with the last line feed. */
async function wholeLength(handle: FileHandle, size: number): Promise<number> {
  const block = Buffer.alloc(BLOCK);
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - BLOCK);
    const { bytesRead } = await handle.read(block, 0, end - start, start);
    const at = block.subarray(0, bytesRead).lastIndexOf(LINE_FEED);
    if (at >= 0) return start + at + 1;
    end = start;
  }
  return 0;
}

/** So that the file's name survives a power cut, too. Not every system can. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r").catch(() => undefined);
  try {
    await folder?.sync();
  } catch {
    // Windows cannot open a folder to sync it, and some file systems refuse.
  } finally {
    await folder?.close();
  }
}
