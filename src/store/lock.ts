/** One process at a time: a file beside another says who has it. */

import { randomUUID } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname, uptime } from "node:os";
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
const READ_ATTEMPTS = 10;

/**
 * Takes the lock, also from a process of this machine that has ended without giving it back. The returned function gives
 * it back.
 * @throws {SendError} kind `busy` when a process that may be alive has it
 */
export async function takeLock(path: string, what: string): Promise<() => Promise<void>> {
  const self = JSON.stringify({
    pid: process.pid,
    host: hostname(),
    startedAt: performance.timeOrigin,
  } satisfies Holder);
  for (;;) {
    try {
      await writeFile(path, self, { flag: "wx", mode: 0o600 });
      return () => rm(path, { force: true });
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    }
    const held = await readLock(path);
    if (held === undefined) continue;
    const holder = holderOf(held);
    if (holder && mayBeAlive(holder)) throw busy(what, holder, path);
    await takeAway(path, held);
  }
}

/** What is in the lock; `undefined` when it has gone. One that is being written is empty for a moment. */
async function readLock(path: string): Promise<string | undefined> {
  for (let attempt = 1; ; attempt++) {
    try {
      const text = await readFile(path, "utf8");
      if (holderOf(text) || attempt === READ_ATTEMPTS) return text;
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      throw error;
    }
    await elapse(10);
  }
}

/** Of two that find the same dead lock, one moves it away; the other must not move away what the first then put there. */
async function takeAway(path: string, expected: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return;
    throw error;
  }
  const moved = await readFile(aside, "utf8");
  if (moved !== expected) await writeFile(path, moved, { flag: "wx", mode: 0o600 }).catch(() => undefined);
  await rm(aside, { force: true });
}

function holderOf(text: string): Holder | undefined {
  try {
    const { pid, host, startedAt } = JSON.parse(text) as Partial<Holder>;
    if (typeof pid !== "number" || typeof host !== "string" || typeof startedAt !== "number") return undefined;
    return { pid, host, startedAt };
  } catch {
    return undefined;
  }
}

function mayBeAlive({ pid, host, startedAt }: Holder): boolean {
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
  return new SendError("busy", `${what} is open in ${who}. If that is not so any more, remove ${path}.`);
}

export function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
