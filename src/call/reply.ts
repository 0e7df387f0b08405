/** One call in progress: one attempt after another, until the reply is complete or has failed. */

import type { TimeoutPhase } from "../contract/error-kind.ts";
import { SendError } from "../contract/errors.ts";
import type { Attempt } from "../contract/metrics.ts";
import { retryDelayMs } from "../contract/retry-policy.ts";
import { timeoutText } from "../contract/timeouts.ts";
import { offAbort, onAbort } from "../platform/abort.ts";
import { messageOf } from "../platform/text-of.ts";
import type { Decoder, ReplyPosition } from "../protocols/protocol.ts";
import { reportAttempts } from "../stream/attempts-in-flight.ts";
import { waitsInVain } from "../stream/idle-alternative.ts";
import type { ReplyFacts } from "../stream/reply-facts.ts";
import { resetFacts } from "../stream/reply-facts.ts";
import { type ChunkSink, type ChunkSource, NO_SINK, Opening } from "../stream/source.ts";
import { type AttemptHost, CallAttempt } from "./attempt.ts";
import { type Call, type CallRequest, describedError } from "./call.ts";
import { Deadlines } from "./deadlines.ts";
import { NameRedaction, redactedError } from "./redact.ts";
import { sendAndForget } from "./send-and-forget.ts";

/** Maximum number of consecutive resumptions, of a reply that the provider keeps, without new content. */
const MAX_FRUITLESS_RESUMES = 3;

/** The source behind the `MessageStream` of a provider client. */
export class Reply implements ChunkSource, AttemptHost {
  readonly facts: ReplyFacts;
  readonly #call: Call;
  readonly #opening = new Opening();
  #sink: ChunkSink = NO_SINK;
  readonly #names: NameRedaction;
  readonly #deadlines: Deadlines;
  readonly #onAbort = (): void => this.#step(() => this.#abort());
  #anyChunk = false;
  #over = false;
  #isLastAttempt = false;
  /** The consumer waits: a new attempt must be read at once. */
  #wanted = false;
  /** The attempt in progress; absent before the first and between two. */
  #attempt: CallAttempt | undefined;
  /** The decoder of the latest attempt. */
  #decoder: Decoder | undefined;
  #backoff: ReturnType<typeof setTimeout> | undefined;
  /** Bytes received for this reply, in all its bodies. */
  #replyBytes = 0;
  #staleConnections = 0;
  /** The current request, and the number of requests that it replaced. */
  #request: CallRequest;
  #amendments = 0;
  /** The last attempt used a connection that seems dead: a new one need not wait. */
  #wasForgotten = false;
  /**
   * The place where the next attempt resumes a reply that the provider keeps, and the error that broke it off; absent:
   * it starts again.
   */
  #resumption: { readonly position: ReplyPosition; readonly reason: SendError } | undefined;
  #resumesInVain = 0;
  /** The failure of the attempt before this one. */
  #lastFailure: SendError | undefined;

  constructor(call: Call) {
    this.#call = call;
    this.#names = new NameRedaction(call.redact);
    this.#request = call.request;
    const { provider, model, writer, estimateInput } = call;
    this.facts = {
      provider,
      model,
      attempts: [],
      estimateInput,
      redactions: [(error) => redactedError(error, call.redact)],
      writer,
    };
    if (call.continuesExactly) this.facts.continuesExactly = true;
    if (call.request.binding) this.facts.binding = call.request.binding;
    const expire = (phase: TimeoutPhase, waitedMs: number) => this.#step(() => this.#expire(phase, waitedMs));
    this.#deadlines = new Deadlines(call.limits, call.now, expire, call.startedAt);
  }

  get opened(): Promise<void> {
    return this.#opening.promise;
  }

  attach(sink: ChunkSink): void {
    this.#sink = sink;
    reportAttempts(this.#call.signal, () => this.facts.attempts);
    this.#step(() => {
      const { signal, budget, retries } = this.#call;
      budget.enter(retries.budget || 0);
      if (signal?.aborted) return this.#abort();
      onAbort(signal, this.#onAbort);
      this.#sendNext();
    });
  }

  pull(at: number): void {
    try {
      this.#wanted = true;
      this.#deadlines.waiting(at);
      this.#attempt?.pull();
    } catch (error) {
      this.collapse(error);
    }
  }

  lastAttempt(): void {
    this.#step(() => {
      this.#isLastAttempt = true;
      // Between two attempts no attempt is in progress that could report usage.
      if (this.#backoff !== undefined && this.#lastFailure) this.#fail(this.#lastFailure, true);
    });
  }

  close(): void {
    if (this.#over) return;
    this.#step(() => {
      this.#record(this.#attempt, "stopped");
      this.#finish();
      this.#attempt?.close();
      this.#cancel();
    });
  }

  isWanted(): boolean {
    return this.#wanted;
  }

  count(byteLength: number): boolean {
    this.#replyBytes += byteLength;
    return this.#replyBytes <= this.#call.maxReplyBytes;
  }

  onAccepted(): void {
    this.#opening.accept();
  }

  onRead(): void {
    this.#names.apply(this.facts, this.#sink.chunks);
    if (this.#sink.chunks.length > 0) {
      this.#anyChunk = true;
      this.#deadlines.chunks();
      this.#wanted = false;
      this.#resumesInVain = 0;
    }
    this.#sink.flush();
  }

  onUnreadable(): void {
    this.#names.apply(this.facts, this.#sink.chunks);
    if (this.#sink.chunks.length > 0) this.#anyChunk = true;
  }

  onComplete(): void {
    this.#names.apply(this.facts, this.#sink.chunks);
    this.#anyChunk = true;
    this.#record(this.#attempt, "answered");
    this.#finish();
    this.#attempt?.release();
    this.#sink.end();
  }

  onFailed(error: SendError, isStale: boolean): void {
    if (!isStale || this.#staleConnections > 0) return this.#fail(error);
    this.#staleConnections = 1;
    // The server closed the kept connection before it read the request: not a failure of the provider.
    this.#record(this.#attempt, "network");
    this.#attempt?.close();
    this.#sendNext();
  }

  /**
   * Runs a step. Every entry point of a call ends here or in a `catch` that does the same (a read and a pull cost no
   * closure): callbacks of the socket, of timers and of the signal, and requests of the stream. An error in a step ends
   * the call, never the program.
   */
  #step(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.collapse(error);
    }
  }

  /** Ends the call in any state: no step that may have thrown is repeated. */
  collapse(error: unknown): void {
    this.#finish();
    const { provider, model } = this.#call;
    const message = `The answer of ${provider} could not be read: ${messageOf(error)}.`;
    const attempts = [...this.facts.attempts];
    this.#settle(new SendError("protocol", message, { provider, model, attempts, retryable: false, cause: error }));
    this.#attempt?.close();
  }

  #expire(phase: TimeoutPhase, waitedMs: number): void {
    const overCall = phase === "firstChunk" || phase === "total";
    const { provider } = this.#call;
    const message = timeoutText(provider, phase, waitedMs);
    this.#wasForgotten = phase === "headers" && this.#attempt?.forget() === true;
    const timeout = () => new SendError("timeout", message, { phase, waitedMs, cause: this.#lastFailure });
    this.#fail(this.#attempt?.refusal() ?? timeout(), overCall);
  }

  #sendNext(): void {
    const call = this.#call;
    const { facts } = this;
    const position = this.#resumption?.position;
    this.#backoff = undefined;
    this.#wasForgotten = false;
    const request = (position && call.background?.resume(position)) ?? this.#request;
    if (!position) this.#replyBytes = 0;
    if (facts.attempts.length > 0 && !position) resetFacts(facts, call.model);
    // A resumed reply continues in the same decoder, which knows the beginning.
    this.#attempt = new CallAttempt(this, {
      call,
      sink: this.#sink,
      deadlines: this.#deadlines,
      isAmended: this.#amendments > 0,
      decoder: position && this.#decoder,
    });
    this.#decoder = this.#attempt.decoder;
    this.#attempt.send(request);
  }

  #abort(): void {
    const reason: unknown = this.#call.signal?.reason;
    this.#fail(new SendError("aborted", "The caller's signal ended the call.", { cause: reason }), true);
  }

  /** Ends the attempt; then another follows, or the call has failed. `final` rules the other out. */
  #fail(error: SendError, final = false): void {
    if (this.#over) return;
    const attempt = this.#attempt;
    attempt?.close();
    this.#deadlines.answered();
    this.#record(attempt, error.kind);
    if (!final && !this.#isLastAttempt && this.#amend(error)) return this.#sendNext();
    const delay = final || this.#isLastAttempt ? undefined : this.#delayBeforeNext(error);
    if (delay !== undefined) {
      this.#attempt = undefined;
      this.#lastFailure = error;
      this.#deadlines.between();
      clearTimeout(this.#backoff);
      this.#backoff = setTimeout(() => this.#step(() => this.#sendNext()), delay);
      return;
    }
    this.#finish();
    this.#cancel();
    // A reply that cannot be resumed reports the error that broke it off.
    const reason = final || !attempt?.isRefused ? error : (this.#resumption?.reason ?? error);
    this.#settle(describedError(this.#call, reason, this.facts, attempt?.head));
  }

  /** Has no effect on a call that is over. */
  #settle(failure: SendError): void {
    this.#opening.fail(this.#sink, failure);
  }

  /** Whether the protocol has another request to send after this refusal. */
  #amend(error: SendError): boolean {
    const other = this.#attempt?.isRefused ? this.#request.instead?.(error) : undefined;
    if (!other) return false;
    this.#request = other;
    this.#amendments += 1;
    if (other.binding) this.facts.binding = other.binding;
    return true;
  }

  /** Returns the milliseconds until the next attempt; `undefined`: there is none. */
  #delayBeforeNext(error: SendError): number | undefined {
    const { retries, budget, random, signal } = this.#call;
    const position = this.#position();
    if (position) {
      // A new request would pay for the reply twice.
      const limits = { max: MAX_FRUITLESS_RESUMES, maxRetryAfterMs: retries.maxRetryAfterMs };
      const delay = retryDelayMs(error, ++this.#resumesInVain, limits, random());
      const reason = this.#attempt?.isRefused ? (this.#resumption?.reason ?? error) : error;
      if (delay !== undefined) this.#resumption = { position, reason };
      return delay;
    }
    this.#resumption = undefined;
    if (this.#anyChunk) return undefined;
    const failures = this.facts.attempts.length - this.#staleConnections - this.#amendments;
    const delay = retryDelayMs(error, failures, retries, random());
    if (delay === undefined || waitsInVain(signal, delay, error)) return undefined;
    const mayRetry = retries.budget === false || budget.take();
    return mayRetry && this.#wasForgotten ? 0 : mayRetry ? delay : undefined;
  }

  /** Returns the position of a reply that the provider keeps writing. */
  #position(): ReplyPosition | undefined {
    return this.#call.background && this.#decoder?.position?.();
  }

  /** Cancels a reply at the provider, which would write it, and bill it, to its end. */
  #cancel(): void {
    const { background, transport } = this.#call;
    const position = this.#position();
    if (background && position) sendAndForget(transport, background.cancel(position));
  }

  /** Lists the attempt, with what the provider counted. */
  #record(attempt: CallAttempt | undefined, outcome: Attempt["outcome"]): void {
    this.#names.applyToUsage(this.facts);
    attempt?.record(outcome);
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#call.budget.leave();
    this.#deadlines.clear();
    clearTimeout(this.#backoff);
    offAbort(this.#call.signal, this.#onAbort);
  }
}
