/** The runs of one process: begun, followed, taken over, and handed over at its end. */

import { SendError } from "../../contract/errors.ts";
import type { DialectStart } from "../../dialects/dialect.ts";
import { notFound, Refusal } from "../../dialects/refusal.ts";
import { Feed } from "../feed/feed.ts";
import { LogFollower } from "../feed/log-follower.ts";
import { readAll } from "../feed/log-pages.ts";
import { recordedFeed } from "../feed/recorded-feed.ts";
import { Viewer, type ViewerParts } from "../feed/viewer.ts";
import type { ReplyLog, RunEnd, RunHead } from "../log/log.ts";
import { within } from "../log/log-deadline.ts";
import { BEHIND_ALL, isAnswered } from "../log/lost-run.ts";
import type { Caller } from "../policy/policy-options.ts";
import type { RelaySettings } from "../relay-options.ts";
import { type Signer, signerOf } from "../request/signature.ts";
import type { CheckedStart } from "../request/start-request.ts";
import { ActiveRuns, type OnBusy } from "./active-runs.ts";
import { maskOf } from "./mask.ts";
import { readyController } from "./ready-controller.ts";
import { scopedChat } from "./reply-source.ts";
import { Run, type RunParts } from "./run.ts";
import { RunStarter } from "./run-starter.ts";
import { type Begun, Runs } from "./runs.ts";
import { mayBeTakenOver, takeOver } from "./take-over.ts";

/** A log that does not answer a question for so long has failed, in milliseconds. */
const LOG_DEADLINE_MS = 1_000;

/** Viewers come back to a log that did not answer after so long, in milliseconds. */
const LOG_RETRY_MS = 1_000;

/** A viewer that found no room may come again after so long, in milliseconds. */
const ROOM_RETRY_MS = 1_000;

/** Clients come back to a relay that drains after so long, in milliseconds. */
const DRAIN_RETRY_MS = 1_000;

/** The last runs of a relay that drains have so long to end, in milliseconds. */
const DRAIN_END_MS = 5_000;

/** A stop waits for the run's end for so long, in milliseconds. */
const STOP_MS = 2_000;

/** Keeps the runs of this process, and finds those of others. */
export class RunHost {
  readonly #activeRuns: ActiveRuns;
  readonly signer: Signer | undefined;
  readonly #now = (): number => performance.now();
  readonly #settings: RelaySettings;
  readonly #runs: Runs;
  readonly #starter: RunStarter;
  /** Of the next run, where one can be made before: its signal takes longer than all other parts of a run together. */
  #controller: AbortController | undefined = readyController();
  #isDraining = false;

  constructor(settings: RelaySettings) {
    const { log, policy } = settings;
    this.#settings = settings;
    this.#runs = new Runs(this.#now);
    this.#activeRuns = new ActiveRuns(log, this.#runs);
    this.#starter = new RunStarter({
      settings,
      runs: this.#runs,
      activeRuns: this.#activeRuns,
      now: this.#now,
      mustNotDrain: () => this.#mustNotDrain(),
      run: (parts) => this.#run(parts),
      recorded: (head, end) => this.recorded(head, end),
    });
    this.signer = policy.secret === undefined ? undefined : signerOf(policy.secret);
  }

  /**
   * Begins the run of a request, once for all requests with its id. Resolves with `undefined` when another process has
   * begun it.
   * @throws {Refusal} 404, 409, 429 or 503 when it may not begin
   */
  async start(start: CheckedStart, caller: Caller): Promise<Run | undefined> {
    const begun = await this.#startOrRecall(start, caller, "reject");
    return begun && "recorded" in begun ? undefined : begun;
  }

  /**
   * The same for a conversation that the relay may keep. Resolves also with the id of the run, and with the end of one
   * that the log has forgotten and the conversation has not: the request is a repetition. An id that is derived from
   * the request may be that of a run whose end does not answer it: then it is the first of `id`, `id-2`, `id-3` … that
   * continues, is free, or has an end that answers again.
   * @param defaults of the dialect
   * @throws {Refusal} as `start`
   */
  async startOrRecall(
    start: CheckedStart,
    caller: Caller,
    { repeats = "always", onBusy = "reject" }: StartDefaults,
  ): Promise<{ readonly id: string; readonly begun: Begun }> {
    const isOver = (end: RunEnd | undefined) => {
      return end !== undefined && (repeats === "never" || (repeats === "complete" && !isAnswered(end)));
    };
    for (let number = 1; ; number++) {
      const id = number === 1 ? start.run : `${start.run}-${number}`;
      if (repeats !== "always" && isOver(this.#runs.run(id)?.feed.end ?? (await this.#endIn(id)))) continue;
      const begun = await this.#startOrRecall({ ...start, run: id }, caller, onBusy);
      if (begun && "recorded" in begun && isOver(begun.recorded.end)) continue;
      return { id, begun };
    }
  }

  async #startOrRecall(start: CheckedStart, caller: Caller, onBusy: OnBusy): Promise<Begun> {
    const id = start.run;
    const run =
      this.#runs.run(id) ??
      (await this.#runs.start(id, () => this.#starter.begin(start, caller, this.#settings.onBusy ?? onBusy)));
    if (run && run.head.owner !== caller.user) throw notFound();
    return run;
  }

  /** Resolves with whether no process writes a run, as after its end; true also when the log does not answer. */
  async isOver(id: string): Promise<boolean> {
    const run = this.#runs.run(id);
    if (run) return run.isOver;
    const page = await within(this.#settings.log.read(id, BEHIND_ALL, 1), LOG_DEADLINE_MS).catch(() => undefined);
    return !page?.isOwned;
  }

  /** Resolves with the end of a run that the log has; `undefined` also when the log does not answer. */
  async #endIn(run: string): Promise<RunEnd | undefined> {
    const page = await within(this.#settings.log.read(run, BEHIND_ALL, 1), LOG_DEADLINE_MS).catch(() => undefined);
    return page?.end;
  }

  /**
   * Resolves with the feed of a run, wherever it is produced.
   * @throws {Refusal} 404 when it is unknown or another user's, 503 when this process is about to end
   */
  async feed(id: string, caller: Caller, chat?: string): Promise<Feed> {
    const head = await this.head(id, caller, chat);
    const here = this.#runs.run(id) ?? this.#runs.follower(id);
    if (here && !here.feed.isElsewhere) return here.feed;
    this.#mustNotDrain();
    return this.#follow(head).feed;
  }

  /**
   * Resolves with a feed of what there is of a run now.
   * @throws {Refusal} 404 when it has expired, 503 when the log does not answer
   */
  async soFar(head: RunHead): Promise<Feed> {
    const run = this.#runs.run(head.id);
    if (run) return run.feed;
    const feed = this.#feed(head);
    const page = await this.#asked((log) => readAll(log, head, feed));
    if (!page) throw notFound();
    // A follower looks after a run whose process has died: it continues here, or is sealed.
    if (!page.end && !page.isOwned && !this.#runs.follower(head.id) && !this.#isDraining) this.#follow(head);
    return feed;
  }

  /**
   * Checks that one more viewer may watch. Where as many do as may, one that was there for a while leaves.
   * @param comeBack whether viewers come back by themselves. Otherwise only one leaves that takes nothing
   * @throws {Refusal} 429
   */
  mustHaveRoom(feed: Feed, comeBack: boolean): void {
    const { viewersPerRun } = this.#settings.policy.limits;
    if (feed.readers.size < viewersPerRun || feed.makeRoom(comeBack)) return;
    throw new Refusal(429, "rateLimit", `At most ${viewersPerRun} connections may watch a reply.`, {
      retryAfterMs: ROOM_RETRY_MS,
    });
  }

  /** Returns a new viewer of a feed. */
  viewer({ feed, wire, keepAlive, opening }: Pick<ViewerParts, "feed" | "wire" | "keepAlive" | "opening">): Viewer {
    const onLeft = (): void => this.#runs.unwatch(viewer);
    const viewer = new Viewer({ feed, wire, keepAlive, opening, now: this.#now, onLeft });
    this.#runs.watch(viewer);
    return viewer;
  }

  /** Deletes what there is of a run that is over. */
  async forget(id: string): Promise<void> {
    await this.#runs.run(id)?.settled;
    await this.#asked((log) => log.delete(id));
    this.#runs.forget(id);
  }

  /**
   * Asks a run to stop, wherever it is. Resolves with whether it has ended by a moment later. A run that is unknown may
   * be about to begin, since its page asks for both at once: it is remembered, and does not begin here.
   * @throws {Refusal} 404 when the run is unknown, another user's, or another chat's
   */
  async stop(id: string, caller: Caller, chat: string): Promise<boolean> {
    try {
      await this.head(id, caller, chat);
    } catch (error) {
      if (error instanceof Refusal && error.status === 404) this.#starter.stopEarly(id, caller);
      throw error;
    }
    return this.#activeRuns.stop(id, STOP_MS);
  }

  /** @throws {Refusal} 404 when the run is unknown, another user's, or another chat's */
  async head(id: string, caller: Caller, chat?: string): Promise<RunHead> {
    const here = this.#runs.run(id) ?? this.#runs.follower(id);
    const head = here?.head ?? (await this.#asked((log) => log.head(id)));
    if (head?.owner !== caller.user) throw notFound();
    if (chat !== undefined && head.chat !== scopedChat(caller, chat)) throw notFound();
    return head;
  }

  /** Resolves with the last run of a chat, whose id may be that of its only run; `undefined` when there is none. */
  async lastRunOf(chat: string, caller: Caller): Promise<string | undefined> {
    const name = scopedChat(caller, chat);
    const here = this.#runs.running.find((run) => run.head.chat === name);
    if (here) return here.head.id;
    const latest = await this.#asked((log) => log.latestRun(name));
    if (latest) return latest.run;
    const head = this.#runs.run(chat)?.head ?? (await this.#asked((log) => log.head(chat)));
    return head?.owner === caller.user ? chat : undefined;
  }

  /**
   * Asks the log for a viewer.
   * @throws {Refusal} 503 when it does not answer: the viewer may try again
   */
  async #asked<T>(ask: (log: ReplyLog) => Promise<T>): Promise<T> {
    try {
      return await within(ask(this.#settings.log), LOG_DEADLINE_MS);
    } catch (cause) {
      this.#settings.onError(new SendError("storage", "The log does not answer a viewer.", { cause }), undefined);
      throw new Refusal(503, "storage", "The replies cannot be reached at the moment.", { retryAfterMs: LOG_RETRY_MS });
    }
  }

  async drain(withinMs: number): Promise<void> {
    this.#isDraining = true;
    for (const { feed } of this.#runs.followers) feed.sendAway(DRAIN_RETRY_MS);
    await within(this.#runs.settled(), withinMs).catch(() => undefined);
    for (const run of this.#runs.running) run.stop(run.canBeHandedOver ? "handedOver" : "shutdown");
    await within(this.#runs.settled(), DRAIN_END_MS).catch(() => undefined);
  }

  /** @throws {Refusal} 503 when this process is about to end */
  #mustNotDrain(): void {
    if (!this.#isDraining) return;
    throw new Refusal(503, "overloaded", "The server is about to end.", { retryAfterMs: DRAIN_RETRY_MS });
  }

  #run(parts: RunStart): Run {
    const { log, lingerMs, policy, onError, onRunEnd, waitUntil } = this.#settings;
    const { head } = parts;
    const controller = this.#controller ?? new AbortController();
    this.#controller = undefined;
    const run = new Run({
      controller,
      feed: this.#feed(head),
      lingerMs: head.kept?.isBackground ? Number.POSITIVE_INFINITY : lingerMs,
      totalMs: policy.limits.totalMs,
      isViewedElsewhere: () => log.isViewed(head.id).catch(() => false),
      isInLog: () => log.head(head.id).then(Boolean, () => true),
      onError,
      onEnd: onRunEnd,
      now: this.#now,
      ...parts,
    });
    this.#runs.add(run);
    void run.over.then(() => {
      this.#controller ??= readyController();
    });
    waitUntil(run.settled);
    return run;
  }

  #follow(head: RunHead): LogFollower {
    const settings = this.#settings;
    const host = { settings, isDraining: () => this.#isDraining, run: (parts: RunStart) => void this.#run(parts) };
    const follower: LogFollower = new LogFollower({
      log: settings.log,
      head,
      feed: this.#feed(head),
      ...(mayBeTakenOver(settings, head) && { takeOver: (attempt) => takeOver(host, follower, attempt) }),
      onOver: () => this.#runs.unfollow(follower),
      now: this.#now,
    });
    this.#runs.follow(follower);
    return follower;
  }

  /** Returns a feed with the end of a run that only the conversation has. */
  recorded(head: RunHead, end: RunEnd): Feed {
    return recordedFeed(head, end, maskOf(head, this.#settings.policy, this.signer));
  }

  #feed(head: RunHead): Feed {
    return new Feed(head, maskOf(head, this.#settings.policy, this.signer));
  }
}

/** The defaults of a dialect for a start. */
interface StartDefaults extends Pick<DialectStart, "repeats"> {
  readonly onBusy?: OnBusy | undefined;
}

type RunStart = Pick<RunParts, "head" | "source" | "writer" | "takenOver"> & { readonly feed?: Feed };
