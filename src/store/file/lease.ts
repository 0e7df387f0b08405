/**
 * One writer at a time: a file that names its holder by a token, and that the holder renews. It needs no file locks of
 * the system.
 */

import { randomUUID } from "node:crypto";
import { closeSync, openSync, readFileSync, readlinkSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { lstat, readFile, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { basename } from "node:path";
import { setTimeout as elapse } from "node:timers/promises";
import { SendError } from "../../contract/errors.ts";
import { RENEWALS_A_LEASE, renewEvery } from "../renewals.ts";

/** The holder of a lease, as its file names it. */
interface Holder {
  /** Random: each lease has another. For a file of a version without tokens: the file's text. */
  readonly token: string;
  readonly pid?: number;
  readonly host?: string;
  /** Written by a version without tokens, which did not renew its leases. */
  readonly isUnrenewed?: true;
  /**
   * The scope of `pid`: one boot of one machine, and one process namespace of it. Absent where the system does not
   * report it.
   */
  readonly space?: string;
  /** The time at which the process began, in the units of `/proc`: it distinguishes processes with the same number. */
  readonly startTime?: string;
}

/** The content of a lease's file at one moment. A renewal changes `renewedAt`. */
interface Sighting {
  readonly holder: Holder | undefined;
  readonly renewedAt: number;
}

/** A lease, for its holder. */
export interface Lease {
  /** Random: each lease has another. */
  readonly token: string;
  /** Whether it was taken from a holder that may still run, and may still try to write. */
  readonly isFromSilentHolder: boolean;
  /** @throws {SendError} kind `busy` when another process has taken the lease over */
  check(): void;
  /** Gives the lease back. A lease that another process has taken over stays there. */
  release(): void;
}

/** The leases of this thread. A worker has the number of its process, which may outlive the worker. */
const ownTokens = new Set<string>();

/** Maximum number of reads of a file that names no holder: its creator may not have written it yet. */
const READ_ATTEMPTS = 50;
const READ_PAUSE_MS = 10;

/**
 * Takes the lease in the file `path` and renews it until `release`. A holder whose process has ended loses it at once
 * where the system can look it up (same machine, same process namespace). Any other holder loses it after `leaseMs`
 * without a renewal. That time is measured by watching the file, not by comparing clocks, which jump and differ between
 * machines.
 * @throws {SendError} kind `busy` when another holder has it
 */
export async function takeLease(path: string, what: string, leaseMs: number): Promise<Lease> {
  let isFromSilentHolder = false;
  for (;;) {
    const token = created(path);
    if (token !== undefined) return new FileLease(path, what, token, leaseMs, isFromSilentHolder);
    const sighting = await sightingOf(path);
    if (!sighting) continue;
    const state = await stateOf(path, sighting, leaseMs);
    if (state === "held") throw busy(what, sighting.holder, path);
    if (state === "released") continue;
    if (state === "silent") isFromSilentHolder = true;
    await removeStale(path, sighting, leaseMs);
  }
}

class FileLease implements Lease {
  readonly #path: string;
  readonly #what: string;
  readonly token: string;
  readonly #stopRenewing: () => void;
  readonly isFromSilentHolder: boolean;

  constructor(path: string, what: string, token: string, leaseMs: number, isFromSilentHolder: boolean) {
    this.#path = path;
    this.#what = what;
    this.token = token;
    this.isFromSilentHolder = isFromSilentHolder;
    this.#stopRenewing = renewEvery(leaseMs, () => this.#renew());
    ownTokens.add(token);
  }

  check(): void {
    if (this.#isOurs()) return;
    const why = `was taken over by another process, or its lease (${basename(this.#path)}) was deleted`;
    throw new SendError("busy", `${this.#what} ${why}. Nothing more is written here.`, {
      cause: new Error(`The lease is ${this.#path}.`),
    });
  }

  release(): void {
    this.#stopRenewing();
    ownTokens.delete(this.token);
    removeOwn(this.#path, this.token);
  }

  #renew(): void {
    try {
      const now = new Date();
      if (this.#isOurs()) utimesSync(this.#path, now, now);
    } catch {
      // The folder may be away for a moment. The next renewal tries again; `check` reports a lease that was lost.
    }
  }

  #isOurs(): boolean {
    return isOwn(this.#path, this.token);
  }
}

function isOwn(path: string, token: string): boolean {
  try {
    return parsed(readFileSync(path, "utf8"))?.token === token;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
}

/** Removes the file, unless another process has taken the lease over meanwhile. */
function removeOwn(path: string, token: string): void {
  if (isOwn(path, token)) rmSync(path, { force: true });
}

/** Creates the file, unless there is one. Returns the token of the new lease. */
function created(path: string): string | undefined {
  const self: Holder = { token: randomUUID(), pid: process.pid, host: hostname(), ...ownIdentity() };
  let file: number;
  try {
    file = openSync(path, "wx", 0o600);
  } catch (error) {
    if (codeOf(error) === "EEXIST") return undefined;
    throw codeOf(error) === "ENOENT" ? noFolder(path, error) : error;
  }
  try {
    // Synchronous: nothing else of this process runs between creating the file and writing it.
    writeFileSync(file, JSON.stringify(self));
  } catch (error) {
    rmSync(path, { force: true }); // the disk may be full; a file without a holder delays the next process
    throw error;
  } finally {
    closeSync(file);
  }
  return self.token;
}

/**
 * Removes the file of a stale lease. Of several processes that find it, one at a time reads it again and removes it.
 * Otherwise the second would remove the lease that the first has taken since.
 */
async function removeStale(path: string, stale: Sighting, leaseMs: number): Promise<void> {
  const turn = `${path}.stale`;
  const token = created(turn);
  if (token === undefined) {
    const other = await sightingOf(turn);
    const state = other ? await stateOf(turn, other, leaseMs) : "released";
    if (state === "ended" || state === "silent") await rm(turn, { force: true });
    else await elapse(READ_PAUSE_MS);
    return;
  }
  try {
    const now = await sightingOf(path);
    if (now && isSame(now, stale)) await rm(path, { force: true });
  } finally {
    removeOwn(turn, token);
  }
}

/**
 * Resolves with the content of the file; `undefined` when there is none.
 * @throws {SendError} kind `storage` when the path is not a file: a link would lead elsewhere
 */
async function sightingOf(path: string): Promise<Sighting | undefined> {
  for (let attempt = 1; ; attempt++) {
    try {
      const found = await lstat(path);
      if (!found.isFile()) throw noLease(path);
      const { mtimeMs: renewedAt } = found;
      const holder = parsed(await readFile(path, "utf8"));
      if (holder || attempt === READ_ATTEMPTS) return { holder, renewedAt };
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      throw error;
    }
    await elapse(READ_PAUSE_MS);
  }
}

/**
 * Resolves with the state of a lease. If the system does not know its process, its file is watched for `leaseMs`.
 * A lease that was just renewed, by this machine's clock, is `held` without watching. That clock never decides that a
 * lease is taken over.
 */
async function stateOf(
  path: string,
  sighting: Sighting,
  leaseMs: number,
): Promise<"held" | "released" | "ended" | "silent"> {
  const process = processState(sighting.holder);
  if (process !== "unknown") return process === "running" ? "held" : "ended";
  const age = Date.now() - sighting.renewedAt;
  if (age >= 0 && age < leaseMs) return "held";
  const end = performance.now() + leaseMs;
  do {
    await elapse(leaseMs / RENEWALS_A_LEASE);
    const now = await sightingOf(path);
    if (!now) return "released";
    if (!isSame(now, sighting)) return "held";
  } while (performance.now() < end);
  return "silent";
}

function isSame(a: Sighting, b: Sighting): boolean {
  return a.holder?.token === b.holder?.token && a.renewedAt === b.renewedAt;
}

function noLease(path: string): SendError {
  const message = `${basename(path)} is not a file, so it cannot be a lease. It was left as it is.`;
  return new SendError("storage", message, { cause: new Error(`The lease is ${path}.`) });
}

function noFolder(path: string, cause: unknown): SendError {
  const message = `The folder of ${basename(path)} was deleted or moved. Nothing was written.`;
  return new SendError("storage", message, { cause: new Error(`The lease is ${path}.`, { cause }) });
}

/** Returns the holder that a file names; `undefined` for an incomplete file. Any complete object is valid, also that of
 * another version. */
function parsed(text: string): Holder | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    const { token, pid, host, space, startTime } = value as { readonly [Field in keyof Holder]?: unknown };
    return {
      ...(typeof token === "string" ? { token } : { token: text, isUnrenewed: true as const }),
      ...(typeof pid === "number" && { pid }),
      ...(typeof host === "string" && { host }),
      ...(typeof space === "string" && { space }),
      ...(typeof startTime === "string" && { startTime }),
    };
  } catch {
    return undefined;
  }
}

/**
 * Returns whether the holder's process runs. `unknown` where this process cannot look it up: then the renewals decide.
 */
function processState(holder: Holder | undefined): "running" | "ended" | "unknown" {
  if (!holder) return "ended"; // its maker ended between creating the file and writing it
  const { token, pid = 0, host, space, startTime, isUnrenewed } = holder;
  if (isUnrenewed && pid > 0 && host === hostname() && isThere(pid)) return "running";
  if (space === undefined || space !== ownIdentity().space) return "unknown";
  if (!isThere(pid)) return "ended";
  const started = startTimeOf(pid);
  if (started === undefined || startTime === undefined) return "unknown";
  if (started !== startTime) return "ended";
  // Another thread of this process may have ended.
  return pid !== process.pid || ownTokens.has(token) ? "running" : "unknown";
}

/** A process that has ended keeps its number until its parent asks for its exit, which some never do. */
const ENDED_STATES: readonly (string | undefined)[] = ["Z", "X"];

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (codeOf(error) === "ESRCH") return false; // else it belongs to another user
  }
  return !ENDED_STATES.includes(statOf(pid)[0]);
}

/** Returns the identity of this process. It is read at each call, which costs microseconds, because a restored snapshot
 * of a machine has another. */
function ownIdentity(): Pick<Holder, "space" | "startTime"> {
  const startTime = startTimeOf(process.pid);
  try {
    if (process.platform !== "linux") return { space: hostname() }; // no process namespaces there
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return { space: `${boot} ${readlinkSync("/proc/self/ns/pid")}`, ...(startTime !== undefined && { startTime }) };
  } catch {
    return {};
  }
}

/** Returns the time at which a process began. */
function startTimeOf(pid: number): string | undefined {
  return statOf(pid)[19];
}

/**
 * Returns the fields of `/proc/PID/stat` from the third on: the state is the first. Empty if the file is missing.
 * @see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
 */
function statOf(pid: number): readonly string[] {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, "utf8");
    return line
      .slice(line.lastIndexOf(")") + 2) // the name of a program may contain any character
      .split(" ");
  } catch {
    return [];
  }
}

function busy(what: string, holder: Holder | undefined, path: string): SendError {
  const { pid, host } = holder ?? {};
  const where = host === undefined || host === hostname() ? "" : ` on ${host}`;
  const other = pid === undefined ? "another program" : `the process ${pid}${where}`;
  const who = pid === process.pid && where === "" ? "this process" : other;
  const message = `${what} is open in ${who}. It can be opened after that process has closed it, or has not renewed its lease (${basename(path)}) for some seconds.`;
  return new SendError("busy", message, { cause: new Error(`The lease is ${path}.`) });
}

/** Returns the code of a system error; `undefined` for any other value. */
export function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
