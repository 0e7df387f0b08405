/**
 * One writer at a time: a file that its holder renews, and that names the holder by a token. Pure files; no file locks
 * of the system.
 */

import { randomUUID } from "node:crypto";
import { closeSync, openSync, readFileSync, readlinkSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { lstat, readFile, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { basename } from "node:path";
import { setTimeout as elapse } from "node:timers/promises";
import { SendError } from "../contract/errors.ts";

/** The holder of a lease, as its file names it. */
interface Holder {
  /** Random: no two leases have the same. In a file of another version, which has none, the file's text. */
  readonly token: string;
  readonly pid?: number;
  readonly host?: string;
  /** Written by a version that named no token, and renewed nothing. */
  readonly isUnrenewed?: true;
  /**
   * Where `pid` names a process: one start of one machine, and one process namespace of it. Absent where the system
   * does not say.
   */
  readonly space?: string;
  /** When the process began, in the units of `/proc`: a later process with the same number began later. */
  readonly startTime?: string;
}

/** What a file of a lease said at one moment. A renewal changes `renewedAt`. */
interface Sighting {
  readonly holder: Holder | undefined;
  readonly renewedAt: number;
}

/** A lease as its holder has it. */
export interface Lease {
  /** Whether it was taken from a holder that may still run, and may still try to write. */
  readonly isFromSilentHolder: boolean;
  /** @throws {SendError} kind `busy` when another process has taken the lease over */
  check(): void;
  /** Gives the lease back. A lease that another process has by now stays with that process. */
  release(): void;
}

/** The leases of this thread. A worker has the number of its process, which goes on when the worker ends. */
const ownTokens = new Set<string>();

/** How often a file that names no holder is read again: its maker may be between creating and writing it. */
const READ_ATTEMPTS = 50;
const READ_PAUSE_MS = 10;
const RENEWALS_A_LEASE = 3;

/**
 * Takes the lease in the file `path` and renews it until `release`. A holder whose process has ended loses it at once
 * where the system can tell (same machine, same process namespace). Any other holder loses it after `leaseMs` without a
 * renewal, measured by watching the file and never by comparing clocks, which jump and differ between machines.
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
  readonly #token: string;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly isFromSilentHolder: boolean;

  constructor(path: string, what: string, token: string, leaseMs: number, isFromSilentHolder: boolean) {
    this.#path = path;
    this.#what = what;
    this.#token = token;
    this.isFromSilentHolder = isFromSilentHolder;
    this.#timer = setInterval(() => this.#renew(), leaseMs / RENEWALS_A_LEASE);
    this.#timer.unref();
    ownTokens.add(token);
  }

  check(): void {
    if (this.#isOurs()) return;
    throw new SendError("busy", `${this.#what} was taken over by another process. Nothing more is written here.`, {
      cause: new Error(`The lease is ${this.#path}.`),
    });
  }

  release(): void {
    clearInterval(this.#timer);
    ownTokens.delete(this.#token);
    removeOwn(this.#path, this.#token);
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
    return isOwn(this.#path, this.#token);
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

/** Another process may have taken the lease over meanwhile; its file stays. */
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
    throw error;
  }
  try {
    // Synchronous: nothing else of this process runs between creating the file and writing it.
    writeFileSync(file, JSON.stringify(self));
  } catch (error) {
    rmSync(path, { force: true }); // the disk may be full; a file that names no holder delays the next process
    throw error;
  } finally {
    closeSync(file);
  }
  return self.token;
}

/**
 * Removes the file of a stale lease. Of several processes that find it, one at a time reads it again and removes it;
 * the others would remove the lease that the first has taken since.
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
 * What the file says now; `undefined` when there is none.
 * @throws {SendError} kind `storage` when something stands there that no lease is: a link would be followed elsewhere
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
 * What became of a lease: its process is known to run or to have ended, or its file is watched for the length of a
 * lease. One that was renewed just now by this machine's clock is held without watching; that clock decides only to
 * give up, never to take over.
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
  const message = `${basename(path)} is in the way: it is no file, so no lease can stand there. It was left as it is.`;
  return new SendError("storage", message, { cause: new Error(`The lease is ${path}.`) });
}

/** Whoever wrote a whole object holds the lease, also a version that names its holder in other words. */
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

/** Whether the holder's process runs. `unknown` where this process cannot tell: then the renewals decide. */
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

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== "ESRCH"; // it may belong to another user
  }
}

/** Read anew each time: it costs microseconds, and a restored snapshot of a machine has another. */
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

/** Field 22 of `/proc/PID/stat`. @see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function startTimeOf(pid: number): string | undefined {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, "utf8");
    return line
      .slice(line.lastIndexOf(")") + 2) // the name of a program may hold anything
      .split(" ")[19];
  } catch {
    return undefined;
  }
}

function busy(what: string, holder: Holder | undefined, path: string): SendError {
  const { pid, host } = holder ?? {};
  const where = host === undefined || host === hostname() ? "" : ` on ${host}`;
  const other = pid === undefined ? "another program" : `the process ${pid}${where}`;
  const who = pid === process.pid && where === "" ? "this process" : other;
  const message = `${what} is open in ${who}. It can be opened once that process has closed it, or has not renewed its lease (${basename(path)}) for some seconds.`;
  return new SendError("busy", message, { cause: new Error(`The lease is ${path}.`) });
}

export function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
