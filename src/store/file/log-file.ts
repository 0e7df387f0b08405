/**
 * An append-only file of JSON lines. A last line that a crash has torn is ignored; any other damage is an error.
 */

import { type BigIntStats, constants, readdirSync, renameSync, rmSync } from "node:fs";
import { copyFile, type FileHandle, open, readFile, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { SendError } from "../../contract/errors.ts";
import type { SessionRecord } from "../../session/record.ts";
import { codeOf, type Lease } from "./lease.ts";

/** The first line, which identifies the format. */
const HEADER = { cloudllm: "session", version: 1 };

const HEADER_LINE = JSON.stringify(HEADER);
/** The beginning of each record: `type` is its first field. */
const RECORD_BEGINNING = '{"type":"';

const LINE_FEED = 0x0a;
const BLOCK = 65_536;

/**
 * Resolves with all complete records of the file; with an empty array when there is not such a file.
 * @throws {SendError} kind `storage` that names the line
 */
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
    if (end < 0) {
      if (tailOf(bytes.subarray(start), start === 0, path) === "record") {
        lines.push(parsed(decoder, bytes.subarray(start), path, lines.length + 1));
      }
      break;
    }
    lines.push(parsed(decoder, bytes.subarray(start, end), path, lines.length + 1));
    start = end + 1;
  }
  const [header, ...records] = lines as [unknown?, ...SessionRecord[]];
  if (header !== undefined) checkHeader(header, path);
  return records;
}

function checkHeader(line: unknown, path: string): void {
  const header = line as Partial<typeof HEADER>;
  if (header.cloudllm === HEADER.cloudllm && header.version === HEADER.version) return;
  throw damaged(path, "its first line is not the header of a session that this version of cloudllm can read");
}

/**
 * Returns the kind of the text after the last line feed. `record`: it lacks only its line feed. `torn`: it is provably
 * the beginning of a line of ours, or the zeros that a power cut leaves in its place.
 * @param isFirst whether the file has no line feed at all
 * @throws {SendError} kind `storage` for any other text, which another program has written
 */
function tailOf(bytes: Uint8Array, isFirst: boolean, path: string): "nothing" | "record" | "torn" {
  const tail = new TextDecoder().decode(bytes);
  const text = tail.replace(/\0+$/, "");
  if (tail === "") return "nothing";
  if (isFirst ? tail === HEADER_LINE : isObjectText(tail)) return "record";
  if (isFirst && text !== "" && HEADER_LINE.startsWith(text)) return "torn";
  if (!isFirst && (RECORD_BEGINNING.startsWith(text) || text.startsWith(RECORD_BEGINNING))) return "torn";
  throw damaged(path, isFirst ? "it is not a session" : "its end was not written by cloudllm");
}

function isObjectText(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null;
  } catch {
    return false;
  }
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

const SUCCESSOR_ENDING = ".new";

/**
 * Returns the path under which the holder of a lease writes the successor of a file. Each lease has another: a holder
 * that lost its lease, and does not know it yet, neither removes nor renames the successor that the next holder writes.
 */
function successorOf(path: string, { token }: Lease): string {
  return `${path}.${token}${SUCCESSOR_ENDING}`;
}

/**
 * Removes the successors that other holders have left. One that stands still right before its rename then finds nothing
 * to rename.
 * @throws {SendError} kind `busy` when the lease is lost
 */
export function removeSuccessors(path: string, lease: Lease): void {
  const folder = dirname(path);
  const left = readdirSync(folder).filter(
    (name) => name.startsWith(`${basename(path)}.`) && name.endsWith(SUCCESSOR_ENDING),
  );
  // Checked after the look: while the lease holds, no next holder has a successor. Only names that were seen then are
  // removed.
  lease.check();
  for (const name of left) rmSync(join(folder, name), { force: true });
}

/**
 * Replaces the file by one with these records alone. A crash leaves the one or the other. Resolves when the new file is
 * on the disk. The caller must have closed the file: Windows cannot rename over an open file.
 * @param lease checked right before the file is replaced
 * @throws {SendError} kind `busy` when the lease is lost; kind `storage` when another program has taken the folder or
 *   the new file away
 */
export async function replaceRecords(path: string, records: readonly SessionRecord[], lease: Lease): Promise<void> {
  const next = successorOf(path, lease);
  removeSuccessors(path, lease);
  const handle = await open(next, "wx", 0o600).catch((error: unknown) => {
    throw isMoved(error) ? replaced(path, error) : error;
  });
  try {
    try {
      await handle.writeFile(bytesOf([HEADER, ...records]));
      await handle.sync();
    } finally {
      await handle.close();
    }
    lease.check();
    renameSync(next, path);
  } catch (error) {
    await rm(next, { force: true });
    throw isMoved(error) ? replaced(path, error) : error;
  }
  await syncFolder(dirname(path));
}

function bytesOf(lines: readonly object[]): Buffer {
  return Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
}

/** The identity of the file at a path; `undefined` when there is none. */
export type FileIdentity = Pick<BigIntStats, "dev" | "ino"> | undefined;

/** Resolves with the identity of the file at the path. */
export async function identityOf(path: string): Promise<FileIdentity> {
  try {
    const { dev, ino } = await stat(path, { bigint: true });
    return { dev, ino };
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * Replaces the file by a copy of it. A process that still has the old file open then writes into a file without a name,
 * and cannot change the session.
 * @param lease checked right before the file is replaced: the caller itself may have stood still for longer than its
 *   lease. Then another process writes to the file, which must stay. A process that stands still between the two finds
 *   no copy: the next process that took the session over has removed it.
 * @throws {SendError} kind `busy` when the lease is lost
 */
export async function detach(path: string, lease: Lease): Promise<void> {
  const next = successorOf(path, lease);
  removeSuccessors(path, lease);
  try {
    await copyFile(path, next, constants.COPYFILE_EXCL);
    lease.check();
    renameSync(next, path);
  } catch (error) {
    await rm(next, { force: true });
    lease.check();
    if (codeOf(error) !== "ENOENT") throw error;
  }
}

/** The file, open for appending. */
export class LogFile {
  readonly identity: FileIdentity;
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #fsync: boolean;
  /** The length of its complete records, in bytes. */
  #size: number;
  /** Whether a torn record may follow them. */
  #isTorn: boolean;
  /** Whether the last record lacks its line feed. */
  #isUnterminated: boolean;

  private constructor(
    path: string,
    handle: FileHandle,
    identity: FileIdentity,
    size: number,
    tail: "nothing" | "record" | "torn",
    fsync: boolean,
  ) {
    this.#path = path;
    this.#handle = handle;
    this.identity = identity;
    this.#size = size;
    this.#isTorn = tail === "torn";
    this.#isUnterminated = tail === "record";
    this.#fsync = fsync;
  }

  /**
   * Opens the file with this identity, or creates one that only its owner can read if there was none.
   * @throws {SendError} kind `storage` when the file was replaced, or is not a session
   */
  static async open(path: string, expected: FileIdentity, fsync: boolean): Promise<LogFile> {
    const { O_RDWR, O_CREAT, O_EXCL } = constants;
    const handle = await open(path, expected ? O_RDWR : O_RDWR | O_CREAT | O_EXCL, 0o600).catch((error: unknown) => {
      throw isMoved(error) ? replaced(path, error) : error;
    });
    try {
      const { size, dev, ino } = await handle.stat({ bigint: true });
      if (expected && (dev !== expected.dev || ino !== expected.ino)) throw replaced(path);
      const lines = await linesLength(handle, Number(size));
      await checkFirstLine(handle, lines, path);
      const rest = Buffer.alloc(Number(size) - lines);
      await handle.read(rest, 0, rest.length, lines);
      const tail = tailOf(rest, lines === 0, path);
      if (fsync && size === 0n) await syncFolder(dirname(path));
      return new LogFile(path, handle, { dev, ino }, tail === "record" ? Number(size) : lines, tail, fsync);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /**
   * Appends records. After a failure, readers see none of them.
   * @throws {SendError} kind `storage` when the file was deleted, replaced or written to by another program
   */
  async append(records: readonly SessionRecord[]): Promise<void> {
    await this.#checkPlace();
    if (this.#isTorn) await this.#handle.truncate(this.#size);
    this.#isTorn = true;
    const lines = bytesOf(this.#size === 0 ? [HEADER, ...records] : records);
    const bytes = this.#isUnterminated ? Buffer.concat([Buffer.of(LINE_FEED), lines]) : lines;
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, this.#size + done);
      done += bytesWritten;
    }
    if (this.#fsync) await this.#handle.datasync();
    this.#size += bytes.length;
    this.#isTorn = false;
    this.#isUnterminated = false;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  /** Throws if the file was replaced or changed: a write would be lost, or would overwrite another program's. */
  async #checkPlace(): Promise<void> {
    const there = await identityOf(this.#path);
    if (there?.dev !== this.identity?.dev || there?.ino !== this.identity?.ino) throw replaced(this.#path);
    const { size } = await this.#handle.stat();
    if (!this.#isTorn && size !== this.#size) {
      throw new SendError("storage", `${basename(this.#path)} was changed by another program. Nothing was written.`, {
        cause: new Error(`The file is ${this.#path}.`),
      });
    }
  }
}

/** Returns whether a file that is to be there is away, or one that is to be new is there. */
function isMoved(error: unknown): boolean {
  return ["ENOENT", "EEXIST"].some((code) => code === codeOf(error));
}

function replaced(path: string, cause?: unknown): SendError {
  const message = `${basename(path)} was deleted or replaced while the session was open. Nothing was written.`;
  return new SendError("storage", message, { cause: new Error(`The file is ${path}.`, { cause }) });
}

/** Throws unless the file is a session: no other file is written to. */
async function checkFirstLine(handle: FileHandle, lines: number, path: string): Promise<void> {
  if (lines === 0) return;
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(Math.min(lines, HEADER_LINE.length + 2)), 0, null, 0);
  const beginning = buffer.subarray(0, bytesRead).toString();
  // A tool that converts line ends may have added a carriage return.
  const isOurs = [`${HEADER_LINE}\n`, `${HEADER_LINE}\r\n`].some((line) => beginning.startsWith(line));
  checkHeader(isOurs ? HEADER : {}, path);
}

/** Returns the length up to the last line feed, inclusive, in bytes. */
async function linesLength(handle: FileHandle, size: number): Promise<number> {
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

/** Syncs a folder, so that the names of its files also survive a power cut. Does nothing on systems that cannot. */
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
