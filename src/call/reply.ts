/** One call in progress: one attempt after another, until the reply is complete or has failed. */

import type { TimeoutPhase } from "../contract/error-kind.ts";
import { SendError } from "../contract/errors.ts";
import type { Attempt } from "../contract/metrics.ts";
import { retryDelayMs } from "../contract/retry-policy.ts";
import { timeoutText } from "../contract/timeouts.ts";
import { offAbort, onAbort } from "../platform/abort.ts";
import { messageOf } from "../platform/text-of.ts";
import { reportAttempts } from "../stream/attempts-in-flight.ts";
import { waitsInVain } from "../stream/idle-alternative.ts";
import type { ReplyFacts } from "../stream/reply-facts.ts";
import { resetFacts } from "../stream/reply-facts.ts";
import { type ChunkSink, type ChunkSource, NO_SINK, Opening } from "../stream/source.ts";
import { type AttemptHost, CallAttempt } from "./attempt.ts";
import { type Call, type CallRequest, describedError } from "./call.ts";
import { brokenBy, keptReply, lastFailureOf, NEW, type Over, type Phase, type Resumption } from "./call-phase.ts";
import { Deadlines } from "./deadlines.ts";
import { NameRedaction } from "./redact.ts";
import { redactedError } from "./redacted-error.ts";
import { sendAndForget } from "./send-and-forget.ts";

/** Maximum number of consecutive resumptions, of a reply that the provider keeps, without new content. */
const MAX_FRUITLESS_RESUMES = 3;

/** When another attempt may follow a failure. `now`: without a wait, if the policy allows an attempt at all. */
type NextAttempt = "never" | "now" | "delayed";

/** The next attempt. */
interface NextPlan {
  readonly delayMs: number;
  readonly resumption: Resumption | undefined;
}

/** The source behind the `MessageStream` of a provider client. */
export class Reply implements ChunkSource, AttemptHost {
  readonly facts: ReplyFacts;
  readonly #call: Call;
  readonly #opening = new Opening();
  readonly #names: NameRedaction;
  readonly #deadlines: Deadlines;
  readonly #onAbort = (): void => this.#step(() => this.#abort());
  #sink: ChunkSink = NO_SINK;
  #phase: Phase = NEW;
  /** Content has reached the consumer, or could have: the reply cannot begin again. */
  #anyChunk = false;
  /** The consumer has stopped. */
  #isLastAttempt = false;
  /** The consumer waits: a new attempt must be read at once. */
  #wanted = false;
  /** Bytes received for this reply, in all its bodies. */
  #replyBytes = 0;
  #staleConnections = 0;
  /** The current request, and the number of requests that it replaced. */
  #request: CallRequest;
  #amendments = 0;
  #resumesInVain = 0;

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
      this.#begin(undefined, undefined);
    });
  }

  pull(at: number): void {
    const phase = this.#phase;
    if (phase.status === "over") return;
    try {
      this.#wanted = true;
      this.#deadlines.waiting(at);
      if (phase.status === "attempting") phase.attempt.pull();
    } catch (error) {
      this.collapse(error);
    }
  }

  lastAttempt(): void {
    this.#step(() => {
      this.#isLastAttempt = true;
      // Between two attempts no attempt is in progress that could report usage.
      if (this.#phase.status === "waiting") this.#fail(this.#phase.failure, "never");
    });
  }

  close(): void {
    this.#step(() => {
      const phase = this.#phase;
      if (phase.status === "over") return;
      this.#record("stopped");
      this.#end();
      if (phase.status === "attempting") phase.attempt.close();
      this.#cancel(phase);
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
    const phase = this.#phase;
    this.#names.apply(this.facts, this.#sink.chunks);
    this.#anyChunk = true;
    this.#record("answered");
    this.#end();
    if (phase.status === "attempting") phase.attempt.release();
    this.#sink.end();
  }

  onFailed(error: SendError, isStale: boolean): void {
    const phase = this.#phase;
    if (!isStale || this.#staleConnections > 0 || phase.status !== "attempting") return this.#fail(error);
    this.#staleConnections = 1;
    // The server closed the kept connection before it read the request: not a failure of the provider.
    this.#record("network");
    phase.attempt.close();
    this.#begin(phase.resumption, phase.lastFailure);
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
    const { attempt } = this.#end();
    const { provider, model } = this.#call;
    const message = `The answer of ${provider} could not be read: ${messageOf(error)}.`;
    const attempts = [...this.facts.attempts];
    this.#settle(new SendError("protocol", message, { provider, model, attempts, retryable: false, cause: error }));
    attempt?.close();
  }

  #expire(limit: TimeoutPhase, waitedMs: number): void {
    const phase = this.#phase;
    const attempt = phase.status === "attempting" ? phase.attempt : undefined;
    const wasForgotten = limit === "headers" && attempt?.forget() === true;
    this.#fail(
      attempt?.refusal() ?? this.#timeoutError(limit, waitedMs),
      limit === "firstChunk" || limit === "total" ? "never" : wasForgotten ? "now" : "delayed",
    );
  }

  #timeoutError(limit: TimeoutPhase, waitedMs: number): SendError {
    const message = timeoutText(this.#call.provider, limit, waitedMs);
    return new SendError("timeout", message, { phase: limit, waitedMs, cause: lastFailureOf(this.#phase) });
  }

  /** Begins the next attempt. `lastFailure`: of the attempt before. */
  #begin(resumption: Resumption | undefined, lastFailure: SendError | undefined): void {
    const call = this.#call;
    const { facts } = this;
    if (!resumption) {
      this.#replyBytes = 0;
      if (facts.attempts.length > 0) resetFacts(facts, call.model);
    }
    const attempt = new CallAttempt(this, {
      call,
      sink: this.#sink,
      deadlines: this.#deadlines,
      isAmended: this.#amendments > 0,
      // A resumed reply continues in the same decoder, which knows the beginning.
      decoder: resumption?.decoder,
    });
    this.#phase = { status: "attempting", attempt, resumption, lastFailure };
    attempt.send((resumption && call.background?.resume(resumption.position)) ?? this.#request);
  }

  #abort(): void {
    const reason: unknown = this.#call.signal?.reason;
    this.#fail(new SendError("aborted", "The caller's signal ended the call.", { cause: reason }), "never");
  }

  /** Ends the attempt. Then another attempt follows, or the call has failed. */
  #fail(error: SendError, next: NextAttempt = "delayed"): void {
    const phase = this.#phase;
    if (phase.status === "over") return;
    const attempt = phase.status === "attempting" ? phase.attempt : undefined;
    attempt?.close();
    this.#deadlines.answered();
    this.#record(error.kind);
    if (next !== "never" && !this.#isLastAttempt && this.#startNext(phase, error, next)) return;
    this.#end();
    this.#cancel(phase);
    // A reply that cannot be resumed reports the error that broke it off.
    const reason = next === "never" ? error : brokenBy(phase, error);
    this.#settle(describedError(this.#call, reason, this.facts, attempt?.head));
  }

  /** Has no effect on a call that is over. */
  #settle(failure: SendError): void {
    this.#opening.fail(this.#sink, failure);
  }

  /** Begins or schedules another attempt, if the protocol, the provider or the policy allows one after this failure. */
  #startNext(phase: Phase, error: SendError, next: NextAttempt): boolean {
    if (phase.status === "attempting" && this.#amend(phase.attempt, error)) {
      this.#begin(phase.resumption, phase.lastFailure);
      return true;
    }
    const plan = this.#planAfter(phase, error, next);
    if (!plan) return false;
    const { delayMs, resumption } = plan;
    this.#deadlines.between();
    if (phase.status === "waiting") clearTimeout(phase.timer);
    const timer = setTimeout(() => this.#step(() => this.#begin(resumption, error)), delayMs);
    this.#phase = { status: "waiting", timer, resumption, failure: error };
    return true;
  }

  /** Whether the protocol has another request to send after this refusal. */
  #amend(attempt: CallAttempt, error: SendError): boolean {
    const other = attempt.isRefused ? this.#request.instead?.(error) : undefined;
    if (!other) return false;
    this.#request = other;
    this.#amendments += 1;
    if (other.binding) this.facts.binding = other.binding;
    return true;
  }

  /** Returns what the next attempt continues, and the wait before it; `undefined`: no attempt follows. */
  #planAfter(phase: Phase, error: SendError, next: NextAttempt): NextPlan | undefined {
    const { background, retries, budget, random, signal } = this.#call;
    const kept = background && keptReply(phase);
    if (kept) {
      // A new request would pay for the reply twice.
      const limits = { max: MAX_FRUITLESS_RESUMES, maxRetryAfterMs: retries.maxRetryAfterMs };
      const delayMs = retryDelayMs(error, ++this.#resumesInVain, limits, random());
      return delayMs === undefined ? undefined : { delayMs, resumption: { ...kept, reason: brokenBy(phase, error) } };
    }
    if (this.#anyChunk) return undefined;
    const failures = this.facts.attempts.length - this.#staleConnections - this.#amendments;
    const delayMs = retryDelayMs(error, failures, retries, random());
    if (delayMs === undefined || waitsInVain(signal, delayMs, error)) return undefined;
    if (retries.budget !== false && !budget.take()) return undefined;
    return { delayMs: next === "now" ? 0 : delayMs, resumption: undefined };
  }

  /** Cancels a reply at the provider, which would write it, and bill it, to its end. `phase`: the last one. */
  #cancel(phase: Phase): void {
    const { background, transport } = this.#call;
    const position = background && keptReply(phase)?.position;
    if (position) sendAndForget(transport, background.cancel(position));
  }

  /** Lists the attempt, with what the provider counted. */
  #record(outcome: Attempt["outcome"]): void {
    this.#names.applyToUsage(this.facts);
    if (this.#phase.status === "attempting") this.#phase.attempt.record(outcome);
  }

  /** Ends the call, but for its connection. Has no effect on a call that is over. */
  #end(): Over {
    const phase = this.#phase;
    if (phase.status === "over") return phase;
    if (phase.status === "waiting") clearTimeout(phase.timer);
    const over: Over = { status: "over", attempt: phase.status === "attempting" ? phase.attempt : undefined };
    this.#phase = over;
    this.#call.budget.leave();
    this.#deadlines.clear();
    offAbort(this.#call.signal, this.#onAbort);
    return over;
  }
}
