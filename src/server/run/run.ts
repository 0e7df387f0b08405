/**
 * One reply, or one turn of a session, that this process produces: delivered first, logged behind. One state machine,
 * from the opening of the reply to its one end.
 */

import type { MessageChunk } from "../../contract/chunk.ts";
import { withFacts } from "../../contract/error-copies.ts";
import { SendError } from "../../contract/errors.ts";
import type { AssistantMessage, ToolCall } from "../../contract/message.ts";
import type { Attempt, ReplyMetrics } from "../../contract/metrics.ts";
import { Refusal } from "../../dialects/refusal.ts";
import { asTimedOut } from "../../stream/attempts-in-flight.ts";
import { Fold } from "../../stream/fold.ts";
import type { MessageStream } from "../../stream/message-stream.ts";
import { sendErrorOf } from "../../stream/transfer.ts";
import { joinedRead } from "../feed/coalesce.ts";
import type { Feed } from "../feed/feed.ts";
import { sizeOfChunks, sizeOfEntry } from "../log/entry-size.ts";
import type { LogEntry, LogWriter, RunEnd, RunHead } from "../log/log.ts";
import { factsOf } from "../log/step-facts.ts";
import { endedError, type StopReason } from "./run-end.ts";
import type { RunSource } from "./run-source.ts";
import { RunTranscript, type TakenOver } from "./run-transcript.ts";
import { RunWriter } from "./run-writer.ts";
import { UnwatchedTime, type WatchedRun } from "./unwatched-time.ts";

/** The parts of a run. */
export interface RunParts extends WatchedRun {
  readonly head: RunHead;
  readonly feed: Feed;
  readonly source: RunSource;
  /** Of a log that has answered, or a promise of one that has not; absent when no log takes the run. */
  readonly writer: LogWriter | Promise<LogWriter | undefined> | undefined;
  /** Present when an earlier attempt has begun the reply: the message as far as its log says, and its last entry. */
  readonly takenOver?: TakenOver | undefined;
  /** Aborts the request for the reply. */
  readonly controller: AbortController;
  /** The longest that the run may take, in milliseconds. */
  readonly totalMs: number;
  /** Resolves with whether the log has the run, when it refuses a writer. */
  isInLog(): Promise<boolean>;
  onError(error: SendError, run: RunHead): void;
  onEnd(end: RunEnd, run: RunHead): void;
  now(): number;
}

type Phase =
  | { readonly status: "opening"; readonly controller: AbortController; readonly metrics?: never }
  | { readonly status: "reading"; readonly stream: MessageStream }
  | { readonly status: "over"; readonly metrics?: ReplyMetrics | undefined };

/** Viewers of a run that continues elsewhere attach again after so long, in milliseconds. */
const REATTACH_MS = 100;

/** Produces one reply. */
export class Run {
  readonly head: RunHead;
  readonly feed: Feed;
  /** Resolves when the provider has accepted the request, or the run is over. */
  readonly opened: Promise<void>;
  /** Resolves when the run is over, also while a log does not answer. */
  readonly over: Promise<void>;
  /** Resolves when the log has the end, or nothing more is to be done. */
  readonly settled: Promise<void>;
  readonly #parts: RunParts;
  readonly #writer: RunWriter | undefined;
  readonly #startedAt: number;
  #phase: Phase;
  #stopReason: StopReason | undefined;
  readonly #transcript: RunTranscript;
  readonly #unwatched: UnwatchedTime;
  /** The attempts that were over when the run reached its limit. */
  #attemptsBefore: readonly Attempt[] = [];
  #isLogged = false;
  #refusal: Refusal | undefined;

  constructor(parts: RunParts) {
    const { head, feed, writer, takenOver, now } = parts;
    this.#parts = parts;
    this.head = head;
    this.feed = feed;
    this.#startedAt = now();
    this.#phase = { status: "opening", controller: parts.controller };
    this.#transcript = new RunTranscript(head, takenOver);
    this.#writer = writer && new RunWriter(writer, this.#written(), now);
    this.#unwatched = new UnwatchedTime(parts, this.#startedAt, () => this.stop("unwatched"));
    feed.onLeft = () => {
      if (!this.isOver) this.#unwatched.begin(now());
    };
    if (takenOver && !takenOver.isTurn) this.#append(this.#transcript.takeOver(takenOver));
    let opened = (): void => undefined;
    this.opened = new Promise((resolve) => {
      opened = resolve;
    });
    const produced = this.#produce(opened).catch((error: unknown) => {
      parts.onError(sendErrorOf(error), head);
      return undefined;
    });
    this.over = produced.then(opened);
    this.settled = produced.then((end) => this.#log(end));
  }

  get isOver(): boolean {
    return this.#phase.status === "over";
  }

  /** Returns why the relay itself has refused the turn. */
  get refusal(): Refusal | undefined {
    return this.#refusal;
  }

  /** Returns whether a log has the end of the run. */
  get isLogged(): boolean {
    return this.#isLogged;
  }

  /** Returns whether another process may continue the run: its log has all of it that counts. */
  get canBeHandedOver(): boolean {
    const { request, turn } = this.#parts.head;
    return (request ?? turn) !== undefined && this.#writer?.isHealthy === true;
  }

  /** Ends the run here: the provider's connection closes at once. */
  stop(reason: StopReason = "asked"): void {
    if (!this.#stopReason && this.#phase.status === "reading") {
      this.#attemptsBefore = [...this.#phase.stream.metrics.attempts];
    }
    this.#stopReason ??= reason;
    if (this.#stopReason === "handedOver" || this.#stopReason === "lost") this.#parts.source.leave?.();
    const phase = this.#phase;
    if (phase.status === "opening") phase.controller.abort();
    else if (phase.status === "reading") void phase.stream.stop();
    this.feed.stopWaiting();
  }

  /** Called each second. */
  tick(now: number): void {
    this.#writer?.tick(now);
    if (this.isOver) return;
    if (now - this.#startedAt >= this.#parts.totalMs) return this.stop("tooLong");
    this.#unwatched.tick(now);
  }

  #written(): ConstructorParameters<typeof RunWriter>[1] {
    return {
      snapshot: () => this.#snapshot(),
      stopAsked: () => this.stop("asked"),
      lost: () => void this.#lost(),
      begunElsewhere: () => this.#begunElsewhere(),
      troubled: (error) => this.#parts.onError(storageErrorOf(error), this.head),
    };
  }

  /** Resolves with the end; with `undefined` when another process continues. */
  async #produce(opened: () => void): Promise<RunEnd | undefined> {
    const end = await this.#read(opened);
    this.#phase = { status: "over", metrics: this.#metrics() }; // without the stream: it holds more memory than all the rest
    try {
      await this.#parts.source.close?.();
    } catch (error) {
      this.#parts.onError(sendErrorOf(error), this.head);
    }
    if (end) {
      this.feed.finish(end);
      this.#parts.onEnd(end, this.head);
    } else this.feed.sendAway(REATTACH_MS);
    return end;
  }

  async #log(end: RunEnd | undefined): Promise<void> {
    if (end) this.#isLogged = (await this.#writer?.end(end)) || this.#isLogged;
    else await this.#writer?.release();
  }

  /** Reads the reply. Resolves with its end, with `undefined` when another process continues; never rejects. */
  async #read(opened: () => void): Promise<RunEnd | undefined> {
    try {
      const stream = await this.#open();
      const { provider, model } = stream.writer;
      this.feed.open(provider || this.head.provider, model || this.head.model);
      opened();
      const { soFar = [] } = this.#parts.source;
      let skipped = soFar.length;
      for await (const batch of stream.batches()) {
        const last = batch.at(-1);
        const count = last?.type === "final" ? batch.length - 1 : batch.length;
        const from = Math.min(skipped, count);
        skipped -= from;
        if (count > from) this.#add(from === 0 && count === batch.length ? batch : batch.slice(from, count));
        if (last?.type === "final") return this.#endOf(last.message);
        if (this.feed.isAhead && !this.#stopReason) await this.feed.caughtUp();
      }
      throw new SendError("truncated", "The chunks ended without a final one.");
    } catch (error) {
      if (!(error instanceof Refusal)) return this.#failed(sendErrorOf(error));
      this.#refusal = error;
      return this.#failed(new SendError(error.kind, error.message, { retryable: false }));
    }
  }

  async #open(): Promise<MessageStream> {
    if (this.#phase.status !== "opening") throw new SendError("aborted", "The run is over.");
    const { signal } = this.#phase.controller;
    if (this.#stopReason) throw new SendError("aborted", "The run was stopped.");
    const { source, takenOver } = this.#parts;
    const reports = {
      begins: (call: ToolCall) => this.#begins(call.id),
      // The store of a session has its replies.
      replied: (reply: AssistantMessage) => this.head.request && this.#transcript.replied(factsOf(reply)),
    };
    const stream = await source.open(signal, reports);
    if (takenOver?.isTurn) this.#append(this.#transcript.continueTurn(takenOver, source.soFar ?? []));
    this.#phase = { status: "reading", stream };
    if (this.#stopReason) void stream.stop();
    return stream;
  }

  /** Resolves when the log knows that a tool begins: a process that takes the run over must not begin it again. */
  async #begins(callId: string): Promise<void> {
    const { request, turn } = this.head;
    if (!this.#writer || (request ?? turn) === undefined) return;
    this.#append(this.#transcript.begins(callId));
    await this.#writer.written();
  }

  #add(chunks: readonly MessageChunk[]): void {
    const joined = joinedRead(chunks);
    const size = sizeOfChunks(joined);
    this.#append(this.#transcript.add(joined, size), size, chunks);
    if (this.#transcript.isTooLarge) return this.stop("tooLarge");
    const snapshot = this.#transcript.isSnapshotDue(this.feed.length) ? this.#snapshot() : undefined;
    if (snapshot) this.#writer?.add(snapshot);
  }

  #append(entry: LogEntry, size: number = sizeOfEntry(entry), pieces?: readonly MessageChunk[]): void {
    this.feed.append(entry, size, pieces);
    this.#writer?.add(entry, size);
  }

  /** Shows viewers, and returns for the log, the message so far; `undefined` when there is none. */
  #snapshot(): LogEntry | undefined {
    const after = this.feed.last?.id;
    const metrics = this.#metrics();
    if (!metrics || after === undefined) return undefined;
    const entry = this.#transcript.snapshot(after, metrics);
    this.feed.append(entry);
    return entry;
  }

  /** Returns the figures of the reply so far; `undefined` before it is open. */
  #metrics(): ReplyMetrics | undefined {
    return this.#phase.status === "reading" ? this.#phase.stream.metrics : this.#phase.metrics;
  }

  /** Returns the end of a reply that is over: by its own end, or by this run. */
  #endOf(message: AssistantMessage): RunEnd | undefined {
    const reason = message.interrupted ? this.#stopReason : undefined;
    switch (reason) {
      case undefined:
      case "asked":
      case "unwatched":
        return { type: "complete", message };
      case "handedOver":
      case "lost":
        return undefined;
      case "tooLong": {
        const attempts = asTimedOut(message.metrics.attempts, this.#attemptsBefore);
        return this.#ended(reason, { ...message, metrics: { ...message.metrics, attempts } });
      }
      case "tooLarge":
      case "shutdown":
      case "doubled":
        return this.#ended(reason, message);
    }
  }

  #ended(reason: Parameters<typeof endedError>[0], message: AssistantMessage): RunEnd {
    const partial: AssistantMessage = { ...message, finishReason: "interrupted" };
    return this.#reported(withFacts(endedError(reason, this.head, this.#parts.totalMs), { partial }));
  }

  #failed(error: SendError): RunEnd | undefined {
    if (this.#stopReason === undefined || error.kind !== "aborted") return this.#reported(error);
    return this.#endOf(error.partial ?? this.#nothing(error.attempts)); // stopped before the reply was open
  }

  #reported(error: SendError): RunEnd {
    this.#parts.onError(error, this.head);
    return { type: "failed", error: error.toJSON() };
  }

  /** Returns the message of a reply that was stopped before it began. */
  #nothing(attempts: ReplyMetrics["attempts"] = []): AssistantMessage {
    const { provider, model } = this.head;
    const durationMs = this.#parts.now() - this.#startedAt;
    const fold = new Fold({ provider, model, attempts: [...attempts] });
    return fold.message("stopped", () => ({ durationMs, chunks: 0, longestGapMs: 0, attempts }));
  }

  /** The log has refused the writer. A log that has lost its data does not end the reply. */
  async #lost(): Promise<void> {
    if (await this.#parts.isInLog()) this.stop("lost");
  }

  /** Of two processes that have begun the run, the other one counts. Words that were shown here are not its words. */
  #begunElsewhere(): void {
    if (this.isOver || this.#parts.source.isExclusive) return;
    this.#isLogged = true;
    this.stop(this.feed.last ? "doubled" : "lost");
  }
}

function storageErrorOf(error: unknown): SendError {
  if (error instanceof SendError) return error;
  return new SendError("storage", "The log of the run has failed: viewers cannot come back.", { cause: error });
}
