/**
 * The start of one run: its limits and approvals are checked, it becomes the only run of its chat, and gets its writer
 * of the log.
 */

import { SendError } from "../../contract/errors.ts";
import { Refusal } from "../../dialects/refusal.ts";
import type { Feed } from "../feed/feed.ts";
import type { ChatRun, LogWriter, RunEnd, RunHead } from "../log/log.ts";
import { within } from "../log/log-deadline.ts";
import type { Caller } from "../policy/policy-options.ts";
import type { RelaySettings } from "../relay-options.ts";
import type { CheckedStart } from "../request/start-request.ts";
import { approvalsIn, UsedApprovals } from "../request/used-approvals.ts";
import type { ActiveRuns, OnBusy } from "./active-runs.ts";
import { Admission } from "./admission.ts";
import { EarlyStops } from "./early-stops.ts";
import { recalledEnd } from "./recalled-end.ts";
import { clientOf, replySource, requestToKeep, scopedChat } from "./reply-source.ts";
import type { Run, RunParts } from "./run.ts";
import type { RunSource } from "./run-source.ts";
import type { Begun, Runs } from "./runs.ts";

/** A log that does not answer a start for so long is left aside, in milliseconds: another process may start it too. */
const START_DEADLINE_MS = 3_000;

/** The same while the log has not answered a start before. */
const AWAY_DEADLINE_MS = 1_000;

/** The process that begins runs. */
export interface StartHost {
  readonly settings: RelaySettings;
  readonly runs: Runs;
  readonly activeRuns: ActiveRuns;
  now(): number;
  /** @throws {Refusal} 503 when this process is about to end */
  mustNotDrain(): void;
  /** Begins to produce the run. */
  run(parts: Pick<RunParts, "head" | "source" | "writer">): Run;
  /** Returns a feed with the end of a run that only the conversation has. */
  recorded(head: RunHead, end: RunEnd): Feed;
}

/** Begins runs. */
export class RunStarter {
  readonly #host: StartHost;
  readonly #settings: RelaySettings;
  readonly #activeRuns: ActiveRuns;
  readonly #admission: Admission;
  readonly #approvals: UsedApprovals;
  readonly #earlyStops = new EarlyStops();
  /** The log has not answered a start, and no start since. */
  #isLogAway = false;

  constructor(host: StartHost) {
    this.#host = host;
    this.#settings = host.settings;
    this.#activeRuns = host.activeRuns;
    this.#admission = new Admission(host.settings.policy, host.runs);
    this.#approvals = new UsedApprovals(host.settings);
  }

  /** Remembers a stop of a run that has not begun: it does not begin. */
  stopEarly(id: string, caller: Caller): void {
    this.#earlyStops.add(id, caller, this.#host.now());
  }

  /**
   * Begins the run of a request. Resolves as `RunHost.startOrRecall` does.
   * @throws {Refusal} when it may not begin
   */
  async begin(start: CheckedStart, caller: Caller, onBusy: OnBusy): Promise<Begun> {
    this.#mayBegin(start.run, caller);
    const { log } = this.#settings;
    const source = replySource(this.#settings, start, caller);
    const { provider, model } = clientOf(this.#settings, start.model);
    const head: RunHead = {
      id: start.run,
      chat: scopedChat(caller, start.chat),
      owner: caller.user,
      startedAt: Date.now(),
      provider,
      model,
      ...(start.messageId !== undefined && { messageId: start.messageId }),
      ...(start.before && { before: start.before }),
      ...requestToKeep(this.#settings, start),
      ...(start.kept && { kept: start.kept }),
    };
    const begun = log.begin(head);
    const latest = start.chat === start.run ? undefined : log.latestRun(head.chat); // at the same time
    latest?.catch(() => undefined); // when the run may not begin, its chat does not matter
    const writer = await this.#answered(begun, head);
    if (writer === undefined) return (await this.#isForgotten(head.id)) ? this.#recalled(head, source) : undefined;
    const deleted = () => begun.then((taken) => taken && log.delete(head.id)).catch(() => undefined);
    const known = await recalledEnd(source);
    if (known) {
      await Promise.all([source.close?.(), writer !== "away" && deleted()]);
      return { head, recorded: this.#host.recorded(head, known) };
    }
    const release = this.#admission.reserve(caller);
    try {
      await this.#admission.check(caller);
      const asked = approvalsIn(start);
      if (asked) this.#approvals.check(head, asked); // before the chat's last run is stopped for this one
      if (latest) await this.#claim(head, writer === "away" ? undefined : latest, onBusy);
      this.#mayBegin(head.id, caller);
      if (asked) await this.#approvals.use(head, asked);
      this.#mayBegin(head.id, caller); // the approvals have taken their time
      if (asked) this.#approvals.begins(head, asked);
      return this.#host.run({ head, source, writer: writer === "away" ? begun : writer });
    } catch (error) {
      const isDeleted = deleted();
      await source.close?.();
      if (writer !== "away") await isDeleted; // a log that is away has it to delete later
      throw error;
    } finally {
      release();
    }
  }

  /** @throws {Refusal} 503 when this process is about to end, 409 when the run was stopped before */
  #mayBegin(id: string, caller: Caller): void {
    this.#host.mustNotDrain();
    if (this.#earlyStops.has(id, caller, this.#host.now())) {
      throw new Refusal(409, "aborted", "The run was stopped before it began.");
    }
  }

  /** Resolves with whether the log has lost the reply of a run whose id is taken. */
  async #isForgotten(id: string): Promise<boolean> {
    return within(this.#settings.log.head(id), AWAY_DEADLINE_MS).then(
      (head) => head === undefined,
      () => false,
    );
  }

  /** Resolves with the end of a run that only the conversation has; `undefined` when that has nothing of it either. */
  async #recalled(head: RunHead, source: RunSource): Promise<Begun> {
    const known = await recalledEnd(source);
    await source.close?.();
    return known && { head, recorded: this.#host.recorded(head, known) };
  }

  /** Resolves with the writer; with `undefined` when the id is taken, and with `away` when the log does not answer. */
  async #answered(begun: Promise<LogWriter | undefined>, head: RunHead): Promise<LogWriter | "away" | undefined> {
    const answered = begun.finally(() => {
      this.#isLogAway = false;
    });
    try {
      return await within(answered, this.#isLogAway ? AWAY_DEADLINE_MS : START_DEADLINE_MS);
    } catch (cause) {
      this.#isLogAway = true;
      const message = "The log does not take the run: viewers of other processes cannot come to it.";
      this.#settings.onError(new SendError("storage", message, { cause }), head);
      return "away";
    }
  }

  /** Makes the run the only one of its chat; of this process alone when the log does not answer. */
  async #claim(head: RunHead, latest: Promise<ChatRun | undefined> | undefined, onBusy: OnBusy): Promise<void> {
    if (!latest) return this.#activeRuns.claimHere(head, onBusy);
    try {
      await this.#activeRuns.claim(head, latest, onBusy);
    } catch (cause) {
      if (cause instanceof Refusal) throw cause;
      const message = "The log does not answer: the chat's runs of other processes are unknown.";
      this.#settings.onError(new SendError("storage", message, { cause }), head);
      await this.#activeRuns.claimHere(head, onBusy);
    }
  }
}
