/** One reply, asked of several clients: who delivers the first chunk has won, the others are let go. */

import type { MessageChunk } from "../contract/chunk.ts";
import type { ClientWrapper, SendOptions } from "../contract/client.ts";
import { SendError } from "../contract/errors.ts";
import type { Message } from "../contract/message.ts";
import type { Attempt } from "../contract/metrics.ts";
import { limitsLeft } from "../contract/timeouts.ts";
import { offAbort, onAbort } from "../platform/abort.ts";
import { MAX_TIMER_MS } from "../platform/clock.ts";
import { asStopped, observeAttempts, reportAttempts } from "../stream/attempts-in-flight.ts";
import { hasAlternative, offerAlternative } from "../stream/idle-alternative.ts";
import { type MessageStream, relayRedactions } from "../stream/message-stream.ts";
import { mergeFacts, type ReplyFacts } from "../stream/reply-facts.ts";
import { type ChunkSink, type ChunkSource, NO_SINK, Opening } from "../stream/source.ts";
import { sendErrorOf } from "../stream/transfer.ts";
import { estimateInputTokens } from "../tokens/estimate.ts";

/** How long to wait for somebody who was let go, or whose time is up, to say so, in milliseconds. */
const LEAVING_LIMIT_MS = 20;

/** How a race is run. */
export interface RaceRules {
  /** Who may start now: the next one in turn, if any. Asked again whenever another is needed. */
  next(): ClientWrapper | undefined;
  /** When nobody may start at all: how long until somebody may, in milliseconds. */
  readonly retryAfterMs?: () => number;
  ask(client: ClientWrapper, messages: readonly Message[], options: SendOptions): Promise<MessageStream>;
  /** How long to wait for a client's first chunk before the next starts, in milliseconds; `undefined`: until it fails. */
  patienceMs(client: ClientWrapper): number | undefined;
  /** What becomes of a client that is too slow: it runs on beside the next, or it is let go. */
  readonly slow: "keep" | "drop";
  /** Whether this failure lets the next one start. */
  goesOn(error: SendError): boolean;
  /** Whether another is idle that would be asked after this failure of one under way, so that a long wait of that one is in vain. */
  hasIdle?(error: SendError, hasWinner: boolean): boolean;
  /** What became of a client: see `RaceResult`. */
  told?(client: ClientWrapper, result: RaceResult): void;
}

/**
 * `first`: its chunk was the first, after the caller had waited so long. Then `done`: it went on to its end, or until the caller
 * had enough; or `broke`: it failed after all. `lost`: another's chunk was the first. `failed`: before its first chunk.
 * `left`: the caller has gone before any chunk.
 */
export type RaceResult =
  | { readonly status: "first"; readonly waitedMs: number }
  | { readonly status: "done" }
  | { readonly status: "broke"; readonly error: SendError }
  | { readonly status: "lost"; readonly waitedMs: number }
  | { readonly status: "failed"; readonly error: SendError }
  | { readonly status: "left" };

/** One client's part. */
interface Runner {
  readonly client: ClientWrapper;
  readonly controller: AbortController;
  /** Settles, well in any case, when it has a stream or has none. */
  opening: Promise<void>;
  stream?: MessageStream;
  batches?: AsyncIterator<readonly MessageChunk[]>;
  reading: boolean;
  /** Its stream has failed; what came before that is still to be read. */
  isFailing: boolean;
  readonly startedAt: number;
  /** What it has sent while it had no stream; `undefined` for a client that does not say. */
  readonly sent: () => readonly Attempt[] | undefined;
  /** Its attempts stand in the list. */
  isListed: boolean;
  /** Stands there for those of a client that was let go and did not say, until it does. */
  standIn?: Attempt;
  /** Time in which the caller waited for it, and since when it does. */
  waitedMs: number;
  waitingSince: number | undefined;
  timer?: ReturnType<typeof setTimeout>;
}

/** The source of a race's stream. Open when the provider of one client has accepted the request; refused when all have failed before. */
export class Race implements ChunkSource {
  readonly facts: ReplyFacts;
  readonly #messages: readonly Message[];
  readonly #options: SendOptions;
  readonly #rules: RaceRules;
  readonly #opening = new Opening();
  readonly #startedAt = performance.now();
  readonly #onAbort = (): void => this.#abort();
  readonly #runners = new Set<Runner>();
  readonly #attempts: Attempt[] = [];
  /** Those that were let go before they had a stream, and have not told what was sent. */
  readonly #leaving = new Set<Promise<void>>();
  /** Ends the race when a client hears neither the signal nor the clock. */
  #limit: ReturnType<typeof setTimeout> | undefined;
  #winner: Runner | undefined;
  #sink: ChunkSink = NO_SINK;
  /** The caller waits for a chunk. */
  #wanted = false;
  #over = false;
  #isLast = false;

  constructor(messages: readonly Message[], options: SendOptions, rules: RaceRules) {
    this.#messages = messages;
    this.#options = options;
    this.#rules = rules;
    const estimateInput = () => estimateInputTokens(messages);
    this.facts = { provider: "", model: "", attempts: this.#attempts, estimateInput };
  }

  get opened(): Promise<void> {
    return this.#opening.promise;
  }

  /** Whose chunk was the first. */
  get winner(): ClientWrapper | undefined {
    return this.#winner?.client;
  }

  attach(sink: ChunkSink): void {
    this.#sink = sink;
    const { signal, timeouts } = this.#options;
    reportAttempts(signal, () => this.#sent());
    if (timeouts?.total) {
      const { total: waitedMs } = timeouts;
      const message = `The clients let ${waitedMs} ms pass (limit \`timeouts.total\`); raise it, or try again.`;
      this.#endWithin(waitedMs, () => new SendError("timeout", message, { ...this.#who(), phase: "total", waitedMs }));
      this.#limit?.unref?.(); // who waits for a client keeps the process running by its connection
    }
    onAbort(signal, this.#onAbort);
    const hasStarted = this.#startNext();
    if (signal?.aborted) this.#abort();
    if (hasStarted) return;
    const retryAfterMs = this.#rules.retryAfterMs?.();
    const message = "No client is left to ask: all of them keep failing and are left alone for a while.";
    this.#fail(new SendError("overloaded", message, { retryAfterMs }));
  }

  pull(): void {
    this.#wanted = true;
    if (this.#winner) return this.#read(this.#winner);
    for (const runner of this.#runners) {
      this.#watch(runner);
      this.#read(runner);
    }
  }

  lastAttempt(): void {
    this.#isLast = true;
    for (const { stream } of this.#runners) stream?.onlyRest();
  }

  close(): void {
    if (this.#over) return;
    this.#end();
    // Before a first chunk the reply is whose request is being paid for.
    const { stream } = this.#winner ?? [...this.#runners].find((runner) => runner.stream) ?? {};
    for (const runner of this.#runners) this.#letGo(runner);
    if (stream) mergeFacts(this.facts, stream.partial);
  }

  #startNext(): boolean {
    const { signal, timeouts } = this.#options;
    const passedMs = performance.now() - this.#startedAt;
    const isTooLate = timeouts?.total ? passedMs >= timeouts.total : false;
    const client = this.#over || this.#winner || this.#isLast || isTooLate ? undefined : this.#rules.next();
    if (!client) return false;
    const controller = new AbortController();
    const runner: Runner = {
      client,
      controller,
      opening: Promise.resolve(),
      reading: false,
      isFailing: false,
      startedAt: performance.now(),
      sent: observeAttempts(controller.signal),
      isListed: false,
      waitedMs: 0,
      waitingSince: undefined,
    };
    this.#runners.add(runner);
    offerAlternative(
      controller.signal,
      (error) =>
        (!this.#isLast && this.#rules.hasIdle?.(error, this.#winner !== undefined)) || hasAlternative(signal, error),
    );
    if (this.facts.model === "") Object.assign(this.facts, { provider: client.provider, model: client.model });
    this.#watch(runner);
    if (signal?.aborted) controller.abort(signal.reason);
    const options: SendOptions = {
      ...this.#options,
      // Every limit but that on the whole call belongs to a client's own attempts.
      timeouts: limitsLeft(timeouts, passedMs),
      signal: controller.signal,
    };
    runner.opening = this.#ask(client, options).then(
      (stream) => this.#opened(runner, stream),
      (error: unknown) => this.#failed(runner, sendErrorOf(error)),
    );
    return true;
  }

  /** What a client throws at once is a rejection like any other. */
  async #ask(client: ClientWrapper, options: SendOptions): Promise<MessageStream> {
    return this.#rules.ask(client, this.#messages, options);
  }

  #opened(runner: Runner, stream: MessageStream): void {
    runner.stream = stream;
    relayRedactions(stream, this.facts);
    runner.batches = stream.batches();
    if (this.#isLast) stream.onlyRest();
    if (!this.#runners.has(runner)) {
      this.#stopReading(runner);
      return;
    }
    this.#opening.accept();
    // The signal and the limit on the whole call end it whether anybody reads or not.
    stream.onEnd((_message, error) => {
      if (!error || this.#wanted) return;
      runner.isFailing = true;
      this.#read(runner);
    });
    if (this.#wanted) this.#read(runner);
    else this.#pause(runner);
  }

  #read(runner: Runner): void {
    if (runner.reading || !runner.batches) return;
    runner.reading = true;
    runner.batches.next().then(
      ({ done, value }) => {
        runner.reading = false;
        if (!this.#runners.has(runner)) return;
        if (done) return this.#failed(runner, new SendError("truncated", "The chunks ended without a final one."));
        try {
          this.#delivered(runner, value);
        } catch (error) {
          this.#failed(runner, sendErrorOf(error)); // a client may be anybody's
        }
      },
      (error: unknown) => {
        runner.reading = false;
        this.#failed(runner, sendErrorOf(error));
      },
    );
  }

  #delivered(runner: Runner, batch: readonly MessageChunk[]): void {
    if (this.#winner !== runner) this.#won(runner);
    for (const chunk of batch) {
      if (chunk.type === "final") {
        this.#list(runner, chunk.message.metrics.attempts);
        mergeFacts(this.facts, chunk.message);
        this.#finish(runner);
        this.#rules.told?.(runner.client, { status: "done" });
        return this.#afterAllHaveLeft(() => this.#sink.end());
      }
      this.#sink.chunks.push(chunk);
    }
    this.#wanted = false;
    this.#sink.flush();
    if (runner.isFailing) this.#read(runner);
  }

  #won(runner: Runner): void {
    this.#pause(runner);
    this.#winner = runner;
    const { provider, model } = runner.client;
    const continuesExactly = runner.stream?.continuesExactly ?? false;
    Object.assign(this.facts, { provider, model, continuesExactly });
    this.#rules.told?.(runner.client, { status: "first", waitedMs: runner.waitedMs });
    for (const other of this.#runners) if (other !== runner) this.#letGo(other);
  }

  #failed(runner: Runner, error: SendError): void {
    this.#list(runner, error.attempts ?? error.partial?.metrics.attempts ?? runner.sent());
    if (!this.#runners.has(runner)) return;
    this.#pause(runner);
    this.#runners.delete(runner);
    this.#rules.told?.(runner.client, this.#failureOf(runner, error));
    if (this.#winner === runner || error.kind === "aborted") return this.#fail(error);
    if (this.#rules.goesOn(error) && this.#startNext()) {
      if (this.#wanted) this.pull();
    } else if (this.#runners.size === 0) this.#fail(error);
  }

  /** Counts the time in which the caller waits for this one; after `patienceMs` of it the next starts. */
  #watch(runner: Runner): void {
    if (runner.waitingSince !== undefined) return;
    runner.waitingSince = performance.now();
    const patience = this.#rules.patienceMs(runner.client);
    if (patience === undefined) return;
    const left = Math.min(MAX_TIMER_MS, Math.max(0, patience - runner.waitedMs));
    runner.timer = setTimeout(() => this.#tooSlow(runner), left);
  }

  #pause(runner: Runner): void {
    clearTimeout(runner.timer);
    if (runner.waitingSince !== undefined) runner.waitedMs += performance.now() - runner.waitingSince;
    runner.waitingSince = undefined;
  }

  #tooSlow(runner: Runner): void {
    if (this.#over || this.#winner || !this.#startNext()) return;
    if (this.#rules.slow === "drop") this.#letGo(runner, { status: "failed", error: slowError(runner) });
    if (this.#wanted) this.pull();
  }

  /** Its socket closes at once. */
  #letGo(runner: Runner, result?: RaceResult): void {
    this.#runners.delete(runner);
    this.#pause(runner);
    this.#rules.told?.(runner.client, result ?? this.#resultOf(runner));
    if (runner.stream) return this.#stopReading(runner);
    runner.controller.abort();
    const sent = runner.sent();
    if (sent) return this.#list(runner, sent);
    const { provider, model } = runner.client;
    runner.standIn = { provider, model, durationMs: performance.now() - runner.startedAt, outcome: "stopped" };
    this.#attempts.push(runner.standIn);
    this.#leaving.add(runner.opening);
    void runner.opening.finally(() => this.#leaving.delete(runner.opening));
  }

  /** What a client has sent, in the place of what stood for it. Once: a client that was let go may still tell. */
  #list(runner: Runner, attempts: readonly Attempt[] | undefined): void {
    if (runner.isListed || !attempts) return;
    runner.isListed = true;
    const { standIn } = runner;
    if (standIn) this.#attempts.splice(this.#attempts.indexOf(standIn), 1);
    this.#attempts.push(...(this.#options.signal?.aborted ? attempts : asStopped(attempts)));
  }

  /** Everything that was sent so far. */
  #sent(): readonly Attempt[] {
    const running = [...this.#runners].filter(({ isListed }) => !isListed);
    return [...this.#attempts, ...running.flatMap(({ stream, sent }) => stream?.metrics.attempts ?? sent() ?? [])];
  }

  #resultOf(runner: Runner): RaceResult {
    if (this.#winner === runner) return { status: "done" };
    return this.#winner ? { status: "lost", waitedMs: runner.waitedMs } : { status: "left" };
  }

  #failureOf(runner: Runner, error: SendError): RaceResult {
    const isWinner = this.#winner === runner;
    if (error.kind === "aborted") return { status: isWinner ? "done" : "left" };
    return { status: isWinner ? "broke" : "failed", error };
  }

  /** A reply that comes all at once must not end before those who lost against it have told what they sent. */
  #afterAllHaveLeft(next: () => void): void {
    if (this.#leaving.size === 0) return next();
    const limit = new Promise((resolve) => setTimeout(resolve, LEAVING_LIMIT_MS));
    void Promise.race([Promise.all(this.#leaving), limit]).then(next);
  }

  #stopReading(runner: Runner): void {
    void runner.stream?.stop();
    this.#list(runner, runner.stream?.metrics.attempts);
  }

  /** A client answers by failing, and tells what had come. */
  #abort(): void {
    const cause: unknown = this.#options.signal?.reason;
    for (const { controller } of this.#runners) controller.abort(cause);
    const message = "The caller's signal ended the call.";
    this.#endWithin(0, () => new SendError("aborted", message, { ...this.#who(), cause }));
  }

  /** A client's own failure says more, and comes first. */
  #endWithin(ms: number, failure: () => SendError): void {
    clearTimeout(this.#limit);
    this.#limit = setTimeout(() => this.#fail(failure()), Math.min(MAX_TIMER_MS, ms + LEAVING_LIMIT_MS));
  }

  #who(): { readonly provider: string; readonly model: string } {
    const { provider, model } = this.facts;
    return { provider, model };
  }

  #finish(runner: Runner): void {
    this.#end();
    this.#pause(runner);
    this.#runners.clear();
  }

  #end(): void {
    this.#over = true;
    clearTimeout(this.#limit);
    offAbort(this.#options.signal, this.#onAbort);
  }

  #fail(error: SendError): void {
    if (this.#over) return;
    this.#end();
    const winner = this.#winner;
    for (const runner of this.#runners) this.#letGo(runner);
    const told = error.partial ?? winner?.stream?.partial;
    if (told) mergeFacts(this.facts, told);
    const { partial: _own, ...facts } = error.toJSON();
    const attempts = [...this.#attempts];
    const failure = error.replacing({ ...facts, attempts, cause: error.cause });
    // What had come of a complete reply was never shown to the stream, which would report it.
    const { partial } = error;
    const refusal = partial && failure.with({ partial: { ...partial, metrics: { ...partial.metrics, attempts } } });
    this.#opening.fail(this.#sink, failure, refusal);
  }
}

function slowError({ client, waitedMs }: Runner): SendError {
  const { provider, model } = client;
  const rounded = Math.round(waitedMs);
  const message = `${provider} let ${rounded} ms pass without a first chunk.`;
  return new SendError("timeout", message, { provider, model, phase: "firstChunk", waitedMs: rounded });
}
