/** One process at a time: a file beside another says who has it. */

import { closeSync, openSync, rmSync, writeFileSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { hostname, uptime } from "node:os";
import { basename } from "node:path";
import { setTimeout as elapse } from "node:timers/promises";
import { SendError } from "../errors.ts";

/** Who has it. A process is told from a later one with the same number by when it began. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly startedAt: number;
}

/** Clocks are set while processes run. */
const SLACK_MS = 60_000;
const READ_ATTEMPTS = 50;

/**
 * Takes the lock, also from a process of this machine that has ended without giving it back. The returned function gives
 * it back.
 * @throws {SendError} kind `busy` when a process that may be alive has it
 */
export async function takeLock(path: string, what: string): Promise<() => Promise<void>> {
  for (;;) {
    const release = created(path);
    if (release) return release;
    const holder = await holderOf(path);
    if (holder !== "none" && mayBeAlive(holder)) throw busy(what, holder, path);
    if (holder !== "none") await removeDead(path);
  }
}

/** Makes the file, if nobody else has. */
function created(path: string): (() => Promise<void>) | undefined {
  const self: Holder = { pid: process.pid, host: hostname(), startedAt: performance.timeOrigin };
  let file: number;
  try {
    file = openSync(path, "wx", 0o600);
  } catch (error) {
    if (codeOf(error) === "EEXIST") return undefined;
    throw error;
  }
  try {
    // At once: between making it and writing into it, nothing else of this process may take its time.
    writeFileSync(file, JSON.stringify(self));
  } catch (error) {
    rmSync(path, { force: true }); // the disk may be full; a lock that says nothing holds up the next
    throw error;
  } finally {
    closeSync(file);
  }
  return () => rm(path, { force: true });
}

/**
 * Removes the lock of a process that has ended. Of several that find it, one at a time looks again and removes it: what
 * the next would remove is the lock that somebody has taken since.
 */
async function removeDead(path: string): Promise<void> {
  const turn = `${path}.dead`;
  const release = created(turn);
  if (!release) {
    const other = await holderOf(turn);
    if (other !== "none" && !mayBeAlive(other)) await rm(turn, { force: true });
    else await elapse(10);
    return;
  }
  try {
    const holder = await holderOf(path);
    if (holder !== "none" && !mayBeAlive(holder)) await rm(path, { force: true });
  } finally {
    await release();
  }
}

/** Who has the lock: nobody where there is none, `undefined` where it does not say, even when it has had time to. */
async function holderOf(path: string): Promise<Holder | undefined | "none"> {
  for (let attempt = 1; ; attempt++) {
    try {
      const holder = parsed(await readFile(path, "utf8"));
      if (holder || attempt === READ_ATTEMPTS) return holder;
    } catch (error) {
      if (codeOf(error) === "ENOENT") return "none";
      throw error;
    }
    await elapse(10);
  }
}

function parsed(text: string): Holder | undefined {
  try {
    const { pid, host, startedAt } = JSON.parse(text) as Partial<Holder>;
    if (typeof pid !== "number" || typeof host !== "string" || typeof startedAt !== "number") return undefined;
    return { pid, host, startedAt };
  } catch {
    return undefined;
  }
}

function mayBeAlive(holder: Holder | undefined): holder is Holder {
  if (!holder) return false;
  const { pid, host, startedAt } = holder;
  if (host !== hostname()) return true; // from here nobody can tell
  if (pid === process.pid) return startedAt === performance.timeOrigin;
  if (startedAt < Date.now() - uptime() * 1_000 - SLACK_MS) return false; // the machine has been started since
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== "ESRCH";
  }
}

function busy(what: string, { pid, host }: Holder, path: string): SendError {
  const where = host === hostname() ? "" : ` on ${host}`;
  const who = pid === process.pid && where === "" ? "this process" : `the process ${pid}${where}`;
  const message = `${what} is open in ${who}. If that is not so any more, remove ${basename(path)}.`;
  return new SendError("busy", message, { cause: new Error(`The lock is ${path}.`) });
}

export function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
