/** A log that always answers: a call that takes too long is rejected, and so is one that throws at once. */

import { within as limited } from "../../platform/within.ts";
import type { ReplyLog } from "./log.ts";

/** A call that takes longer has failed, in milliseconds. */
const DEADLINE_MS = 5_000;

/** Rejects when the outcome takes longer. A limit that no timer can hold, such as `Infinity`, has no effect. */
export function within<T>(outcome: Promise<T>, ms: number): Promise<T> {
  return limited(outcome, ms, () => new Error(`The log has not answered for ${ms} ms.`));
}

/**
 * Returns the log with a limit on its answers: a client of a database that is away may wait for it without end. `begin`
 * has none, since a run that begins late is still logged.
 */
export function withDeadlines(log: ReplyLog): ReplyLog {
  return {
    leaseMs: log.leaseMs,
    begin: async (head) => log.begin(head),
    async takeOver(run, attempt) {
      const taken = called(() => log.takeOver(run, attempt));
      try {
        return await within(taken, DEADLINE_MS);
      } catch (error) {
        taken.then((writer) => writer?.release()).catch(() => undefined); // a lease that comes too late is of no use
        throw error;
      }
    },
    head: (run) => answered(() => log.head(run)),
    read: (run, after, limit) => answered(() => log.read(run, after, limit)),
    seal: (run, end) => answered(() => log.seal(run, end)),
    requestStop: (run) => answered(() => log.requestStop(run)),
    markViewed: (run, forMs) => answered(() => log.markViewed(run, forMs)),
    isViewed: (run) => answered(() => log.isViewed(run)),
    latestRun: (chat) => answered(() => log.latestRun(chat)),
    setLatestRun: (chat, next) => answered(() => log.setLatestRun(chat, next)),
    watch: (run, notify) => log.watch(run, notify),
    delete: (run) => answered(() => log.delete(run)),
    close: () => log.close(),
  };
}

function answered<T>(call: () => Promise<T>): Promise<T> {
  return within(called(call), DEADLINE_MS);
}

async function called<T>(call: () => Promise<T>): Promise<T> {
  return call();
}
