/** One run of a relay, as the stream of `relayClient` reads it: its chunks, its limits, and its end. */

import type { MessageChunk } from "../contract/chunk.ts";
import type { TimeoutPhase } from "../contract/error-kind.ts";
import { SendError } from "../contract/errors.ts";
import type { AssistantMessage } from "../contract/message.ts";
import type { Attempt } from "../contract/metrics.ts";
import type { Timeouts } from "../contract/timeouts.ts";
import { Mirror } from "../dialects/mirror.ts";
import { tokensOf } from "../dialects/native/viewer-fold.ts";
import { offAbort, onAbort } from "../platform/abort.ts";
import { type Clock, MAX_TIMER_MS } from "../platform/clock.ts";
import { messageOf } from "../platform/text-of.ts";
import type { Ending } from "../stream/ending.ts";
import type { ReplyFacts } from "../stream/reply-facts.ts";
import type { Stopwatch } from "../stream/stopwatch.ts";
import { eventsOf, failureFrom, type LinkEvent, type LinkParts, WATCHDOG_MS } from "./link.ts";
import { errorOf, stopRun } from "./requests.ts";
import { checkChunks, checkedMessage } from "./shapes.ts";

/** The parts of a call that one reply needs. */
export interface RelayedCall
  extends Pick<LinkParts, "requests" | "chat" | "run" | "start" | "reconnectForMs" | "maxReplyBytes"> {
  readonly provider: string;
  readonly model: string;
  readonly timeouts: Timeouts;
  /** Of the caller. */
  readonly signal: AbortSignal | undefined;
  /** Whether the run is stopped when its consumer leaves: only by the call that has started it. */
  readonly stopsWhenLeft: boolean;
  /** Earlier runs of the same call, which were refused. */
  readonly attempts: Attempt[];
  readonly now: Clock;
}

/** How long the relay may take to open a reply, its connections included, in milliseconds. */
const DEFAULT_HEADERS_MS = 60_000;

/** How the reply ended at the relay: complete, or with an error and the message so far. */
type End =
  | { readonly error?: undefined; readonly message: AssistantMessage }
  | { readonly error: SendError; readonly message: AssistantMessage | undefined };

/** The state of the reply. */
type Phase =
  /** `opening`: the relay has not taken the run. `open`: no chunk has been asked for. `flowing`: one has. */
  | { readonly status: "opening" | "open" | "flowing"; readonly end?: undefined }
  /** The relay has ended it. `given`: all chunks were asked for, and the end. */
  | { readonly status: "ended" | "given"; readonly end: End };

/** The code of the error for a run that is not there. */
export const NO_RUN = "noRun";

/** Reads one run. Its link is read only when it is asked. */
export class RelayedReply {
  readonly facts: ReplyFacts;
  readonly #call: RelayedCall;
  readonly #batches: AsyncGenerator<readonly LinkEvent[], readonly LinkEvent[]>;
  #run: string | undefined;
  /** The connection is lost. `trouble`: why the last one was. */
  #isLost = false;
  #trouble: unknown;
  readonly #mirror: Mirror;
  readonly #closing = new AbortController();
  readonly #startedAt: number;
  /** How long it took to open, in milliseconds. */
  #openedAfterMs = 0;
  /** Chunks that have arrived, are part of the message, and are not taken. */
  #ready: MessageChunk[] = [];
  #phase: Phase = { status: "opening" };
  /** Only the usage is wanted. */
  #isMuted = false;
  #total: ReturnType<typeof setTimeout> | undefined;

  constructor(call: RelayedCall) {
    const { provider, model, start = "", attempts, timeouts, now } = call;
    const estimateInput = (): number => tokensOf(start.length);
    this.#call = call;
    this.facts = { provider, model, attempts, reconnects: 0, estimateInput };
    this.#mirror = new Mirror(this.facts);
    this.#startedAt = now();
    this.#run = call.run;
    const ms = timeouts.idle || WATCHDOG_MS;
    const idle = ms < WATCHDOG_MS ? { ms, error: timeoutError("idle", ms) } : undefined;
    this.#batches = eventsOf({ ...call, signal: this.over, idle });
  }

  /** Fires when the reply is over. Its reason is the failure, when a limit has passed or the caller has aborted. */
  get over(): AbortSignal {
    return this.#closing.signal;
  }

  /**
   * Resolves when the relay has taken the run.
   * @throws {SendError} the refusal
   */
  async open(): Promise<void> {
    const { timeouts, signal } = this.#call;
    const limit = this.#limit("headers", timeouts.headers ?? DEFAULT_HEADERS_MS);
    this.#total = this.#limit("total", timeouts.total);
    onAbort(signal, this.#abort);
    try {
      while (this.#phase.status === "opening") await this.#read();
      this.#openedAfterMs = this.#call.now() - this.#startedAt;
    } catch (thrown) {
      const error = failureFrom(thrown);
      this.#closing.abort(error);
      const { provider, model, attempts } = this.facts;
      throw error.with({ provider, model, attempts: [...attempts] });
    } finally {
      clearTimeout(limit);
    }
  }

  /**
   * Resolves with true when chunks have arrived; with false at the end.
   * @throws {SendError} the failure, at the end
   */
  async next(): Promise<boolean> {
    const { timeouts } = this.#call;
    const limit =
      this.#phase.status === "open"
        ? this.#limit("firstChunk", timeouts.firstChunk, this.#openedAfterMs)
        : this.#limit("stall", timeouts.stall);
    try {
      while (this.#ready.length === 0 && !this.#phase.end) await this.#read();
    } finally {
      clearTimeout(limit);
    }
    const { end } = this.#phase;
    if (!end) this.#phase = { status: "flowing" };
    else if (this.#ready.length === 0) {
      this.#phase = { status: "given", end };
      if (end.error) throw end.error;
      return false;
    }
    return true;
  }

  /** Returns the chunks that have arrived, each once. */
  takeReady(): readonly MessageChunk[] {
    const chunks = this.#ready;
    this.#ready = [];
    return chunks;
  }

  /** Reads on for the usage only. */
  mute(): void {
    this.#isMuted = true;
  }

  /** Counts a chunk that comes after `mute`. Returns its estimated tokens. */
  count(chunk: MessageChunk): number {
    return this.#mirror.shown.addUnseen(chunk);
  }

  get outputTokens(): number {
    return this.#mirror.shown.outputTokens();
  }

  /** Returns the reply so far. That of the relay has more than chunks say, such as the steps of a session's turn. */
  message(ending: Ending, stopwatch: Stopwatch): AssistantMessage {
    const { attempts, reconnects } = this.facts;
    const message = this.#mirror.shown.message(ending, (tokens) =>
      stopwatch.read({ attempts: [...attempts], ...(reconnects !== undefined && { reconnects }) }, tokens),
    );
    const { status, end } = this.#phase;
    if (status !== "given" || this.#isMuted) return message;
    const { error, message: relayed } = end;
    if (error) return { ...relayed, ...message }; // a viewer may have more than the relay's log
    return { ...message, ...relayed, metrics: message.metrics };
  }

  /**
   * Lets the run go.
   * @param isStopped whether its consumer has stopped it, so that it also stops at the relay
   */
  close(outcome: Attempt["outcome"], isStopped = false, status?: number): void {
    const { requests, chat, signal, now, stopsWhenLeft } = this.#call;
    const { provider, model, attempts } = this.facts;
    const durationMs = now() - this.#startedAt;
    attempts.push({ provider, model, durationMs, outcome, ...(status !== undefined && { status }) });
    this.#closing.abort();
    offAbort(signal, this.#abort);
    clearTimeout(this.#total);
    void this.#batches.return([]);
    // Law 5: a call that has started a run stops it however it is left.
    if (!this.#phase.end && (isStopped || stopsWhenLeft)) void stopRun(requests, chat, this.#run);
  }

  readonly #abort = (): void => this.#closing.abort(abortError(this.#call.signal));

  async #read(): Promise<void> {
    this.over.throwIfAborted();
    const { value } = await this.#batches.next();
    for (const event of value) this.#take(event);
  }

  #take(event: LinkEvent): void {
    switch (event.type) {
      case "opened":
        return this.#open(event);
      case "chunks":
        checkChunks(event.chunks);
        return this.#show(this.#isMuted ? event.chunks : this.#mirror.add(event.chunks));
      case "snapshot":
        checkChunks(event.chunks);
        if (this.#isMuted) return;
        this.#mirror.restart();
        return this.#show(this.#mirror.add(event.chunks));
      case "restart":
        return this.#mirror.restart();
      case "complete":
        return this.#ended({ message: checkedMessage(event.message) });
      case "failed": {
        const { partial } = event.error;
        return this.#ended({ error: errorOf(event.error), message: partial ? checkedMessage(partial) : undefined });
      }
      case "absent":
        throw new SendError("notFound", "The relay has no such run.", { code: NO_RUN });
      case "lost":
        this.#isLost = true;
        this.#trouble = event.cause;
        return;
      case "reconnect":
    }
  }

  #open({ run, provider, model }: Extract<LinkEvent, { readonly type: "opened" }>): void {
    this.#run = run;
    if (typeof provider === "string") this.facts.provider = provider;
    if (typeof model === "string") this.facts.model = model;
    if (this.#isLost) this.facts.reconnects = (this.facts.reconnects ?? 0) + 1;
    this.#isLost = false;
    if (this.#phase.status === "opening") this.#phase = { status: "open" };
  }

  #show(chunks: readonly MessageChunk[]): void {
    this.#ready = this.#ready.concat(chunks);
  }

  #replace(...summary: Parameters<Mirror["replace"]>): void {
    if (!this.#isMuted) this.#show(this.#mirror.replace(...summary));
  }

  #ended(end: End): void {
    const { error, message } = end;
    if (message) {
      this.#replace(message, error ? "failed" : "complete");
      const { usage, model } = message;
      if (usage) this.facts.usage = usage;
      if (model) this.facts.model = model;
    }
    const { status } = this.#phase;
    this.#phase = { status: "ended", end };
    if (error && status === "opening") throw error;
  }

  /** Fails the reply after so many milliseconds. */
  #limit(phase: TimeoutPhase, ms: number | undefined, passedMs = 0): ReturnType<typeof setTimeout> | undefined {
    if (!ms || ms > MAX_TIMER_MS) return undefined;
    const expired = (): void => {
      const trouble = this.#trouble;
      const message = `The relay cannot be reached: ${messageOf(trouble)}.`;
      const isTimeout = phase !== "headers" || trouble === undefined;
      this.#closing.abort(isTimeout ? timeoutError(phase, ms) : new SendError("network", message, { cause: trouble }));
    };
    return setTimeout(expired, Math.max(0, ms - passedMs));
  }
}

/** Returns the error of a call whose signal has fired. */
export function abortError(signal: AbortSignal | undefined): SendError {
  return new SendError("aborted", "The caller's signal ended the call.", { cause: signal?.reason });
}

/** Returns the error of a wait that has passed its limit, of `waitedMs` milliseconds. */
function timeoutError(phase: TimeoutPhase, waitedMs: number): SendError {
  const message = `The relay took longer than ${waitedMs} ms (\`timeouts.${phase}\`).`;
  return new SendError("timeout", message, { phase, waitedMs });
}
