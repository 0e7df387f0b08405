/** One active run for each chat: frees the chat for a new run, and makes the new run its latest. */

import { Refusal } from "../../dialects/refusal.ts";
import { sleep } from "../../platform/sleep.ts";
import type { ChatRun, ReplyLog, RunHead } from "../log/log.ts";
import { within } from "../log/log-deadline.ts";
import { BEHIND_ALL, sealLost } from "../log/lost-run.ts";
import type { Runs } from "./runs.ts";

/** A run that is replaced must have ended by then, in milliseconds. */
const STOP_MS = 5_000;
const POLL_MS = 50;

/** A run without a lease is dead when it has none after so long, in milliseconds. Writers renew each second. */
const SECOND_LOOK_MS = 1_500;

/** A log that does not answer for so long has failed, in milliseconds. */
const PATIENCE_MS = 1_000;

/** So often another process may be faster. */
const MAX_RACES = 5;

/** The fate of the chat's last run when a new one begins. */
export type OnBusy = "reject" | "replace";

/** Decides which run of a chat is the active one. */
export class ActiveRuns {
  readonly #log: ReplyLog;
  readonly #runs: Runs;

  constructor(log: ReplyLog, runs: Runs) {
    this.#log = log;
    this.#runs = runs;
  }

  /**
   * Makes a run the chat's last one. Resolves when no other run of the chat continues.
   * @param asked the last run, as the log was asked for it before
   * @throws {Refusal} 409 when one does, and may not be replaced
   * @throws when the log does not answer
   */
  async claim({ id, chat }: RunHead, asked: Promise<ChatRun | undefined>, onBusy: OnBusy): Promise<void> {
    for (let races = 0; races < MAX_RACES; races++) {
      const latest = await within(races === 0 ? asked : this.#log.latestRun(chat), PATIENCE_MS);
      if (latest && latest.run !== id) await this.#free(latest.run, onBusy);
      const next = { run: id, number: (latest?.number ?? 0) + 1 };
      if (await within(this.#log.setLatestRun(chat, next), PATIENCE_MS)) return;
    }
    throw busy();
  }

  /**
   * The same in this process alone, for a log that does not answer.
   * @throws {Refusal} 409
   */
  async claimHere({ id, chat }: RunHead, onBusy: OnBusy): Promise<void> {
    for (const run of this.#runs.running) {
      if (run.head.chat === chat && run.head.id !== id) await this.#free(run.head.id, onBusy);
    }
  }

  /** Asks a run to stop, wherever it is. Resolves with whether it has ended by a moment later. */
  async stop(id: string, withinMs: number): Promise<boolean> {
    const run = this.#runs.run(id);
    if (run) {
      run.stop("asked");
      return within(run.over, withinMs).then(
        () => true,
        () => false,
      );
    }
    await this.#log.requestStop(id);
    const until = performance.now() + withinMs;
    while (await this.#isActive(id)) {
      if (performance.now() >= until) return false; // each look may take a while itself
      await sleep(POLL_MS);
    }
    return true;
  }

  async #free(id: string, onBusy: OnBusy): Promise<void> {
    if (!(await this.#isActive(id))) return;
    if (onBusy === "replace" && (await this.stop(id, STOP_MS))) return;
    throw busy();
  }

  async #isActive(id: string): Promise<boolean> {
    const run = this.#runs.run(id);
    if (run) return !run.isOver;
    // A log that was away has lost the lease of a writer that lives.
    const isOwned = (await this.#isOwned(id)) ?? (await sleep(SECOND_LOOK_MS).then(() => this.#isOwned(id)));
    if (isOwned === undefined) await sealLost(this.#log, id);
    return isOwned ?? false;
  }

  /** Resolves with true for a run that its writer holds, and false for one that is over; else with `undefined`. */
  async #isOwned(id: string): Promise<boolean | undefined> {
    const page = await this.#log.read(id, BEHIND_ALL, 1);
    if (!page || page.end) return false;
    return page.isOwned || undefined;
  }
}

function busy(): Refusal {
  return new Refusal(409, "busy", "The chat is in the middle of another reply. Stop it, or wait for its end.");
}
