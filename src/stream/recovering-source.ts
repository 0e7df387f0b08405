/** A reply that, when it breaks, is completed by further requests: one state machine. */

import type { MessageChunk } from "../contract/chunk.ts";
import { SendError } from "../contract/errors.ts";
import type { AssistantMessage, Message, Replay } from "../contract/message.ts";
import type { Attempt } from "../contract/metrics.ts";
import type { Recovery, SendOptions } from "../contract/options.ts";
import { limitsLeft } from "../contract/timeouts.ts";
import { offAbort, onAbort } from "../platform/abort.ts";
import type { Clock } from "../platform/clock.ts";
import { estimateInputTokens, estimateTokens } from "../tokens/estimate.ts";
import { UsageTotal } from "../tokens/usage-total.ts";
import { asStopped, reportAttempts } from "./attempts-in-flight.ts";
import { hasAlternative, waitsInVain } from "./idle-alternative.ts";
import { InnerCall, type InnerCallHost, outerFailure } from "./inner-call.ts";
import { JoinedAttempts } from "./joined-attempts.ts";
import type { MessageStream } from "./message-stream.ts";
import { mergeFacts, type ReplyFacts } from "./reply-facts.ts";
import { type ChunkSink, type ChunkSource, NO_SINK } from "./source.ts";
import { waitBefore } from "./wait-before.ts";

/** The call that is to be brought to its end. */
export interface RecoverableCall {
  readonly messages: readonly Message[];
  readonly options: SendOptions & { readonly recover: Recovery };
  /** Sends the call, or a request that continues it. */
  open(messages: readonly Message[], options: SendOptions): Promise<MessageStream>;
  /**
   * Milliseconds before the next request after this failure; `undefined` when the call has failed. `recoveries` counts
   * from 0.
   */
  delayMs(error: SendError, recoveries: number): number | undefined;
  readonly now: Clock;
  readonly startedAt: number;
}

/** The smallest limit on output that every provider takes. */
const MIN_OUTPUT_TOKENS = 16;

/**
 * `attempting`: an attempt is under way. `waiting`: between two attempts, until the timer fires. `over`: the reply is.
 */
type Phase =
  | { readonly status: "attempting"; readonly inner: InnerCall }
  | { readonly status: "waiting"; readonly timer?: ReturnType<typeof setTimeout> }
  | { readonly status: "over" };

/** Relays one stream after another as one reply. */
export class RecoveringSource implements ChunkSource, InnerCallHost {
  readonly facts: ReplyFacts = { provider: "", model: "", attempts: [] };
  waitedBeforeMs = 0;
  readonly #call: RecoverableCall;
  #sink: ChunkSink = NO_SINK;
  readonly #usageTotal = new UsageTotal();
  readonly #onAbort = (): void => this.#abort();
  readonly #joined = new JoinedAttempts(this.facts);
  readonly #first: MessageStream;
  #phase: Phase = { status: "waiting" };
  #recoveries = 0;
  #wanted = false;
  #isLast = false;

  /** `first`: the call's first stream, already accepted. */
  constructor(call: RecoverableCall, first: MessageStream) {
    this.#call = call;
    this.#first = first;
    const { provider, model } = first.partial;
    const estimateInput = () => estimateInputTokens(call.messages);
    Object.assign(this.facts, { provider, model, estimateInput });
  }

  attach(sink: ChunkSink): void {
    this.#sink = sink;
    this.#joined.attach(sink);
    reportAttempts(this.#call.options.signal, () => this.#sent());
    this.#begin().take(this.#first);
  }

  isWanted(): boolean {
    return this.#wanted;
  }

  pull(): void {
    this.#wanted = true;
    if (this.#phase.status === "attempting") this.#phase.inner.read();
  }

  lastAttempt(): void {
    this.#isLast = true;
    if (this.#phase.status === "over") return;
    if (this.#phase.status === "attempting" && this.#phase.inner.isOpen) return this.#phase.inner.lastAttempt();
    this.#leave();
    this.#fail(new SendError("truncated", "The reply broke, and its consumer wants no further attempt."));
  }

  close(): void {
    if (this.#phase.status === "over") return;
    this.#leave();
    this.#finish();
  }

  arrived(batch: readonly MessageChunk[], inner: InnerCall): void {
    const before = this.#sink.chunks.length;
    if (inner.continuesExactly) this.#joined.continueExactly();
    const final = this.#joined.take(batch);
    if (final) return this.#complete(final);
    if (this.#sink.chunks.length === before) return inner.read(); // there is nothing to show yet
    this.#wanted = false;
    this.#sink.flush();
  }

  failed(error: SendError): void {
    if (this.#joined.isPlaceUnknown) this.#failUnjoined();
    else this.#broke(error);
  }

  #complete(message: AssistantMessage): void {
    this.#account(message);
    // They are those of the last attempt, and their text is not all of the reply's.
    if (this.#joined.isContinued) delete this.facts.logprobs;
    if (this.#joined.isContinued && message.replay) this.#completeReplay(message.content, message.replay);
    this.#finish();
    this.#sink.end();
  }

  /** The replay of the last attempt does not hold the text of the others. */
  #completeReplay(written: string, replay: Replay): void {
    const { text } = this.#joined;
    const before = text.slice(0, text.length - written.length) + (replay.before ?? "");
    if (text.endsWith(written)) this.facts.replay = { ...replay, before };
    else delete this.facts.replay;
  }

  /** Merges the facts of a stream that is over. */
  #account(message: AssistantMessage | undefined, attempts = message?.metrics.attempts ?? []): void {
    this.facts.attempts.push(...attempts);
    if (!message) return;
    this.#usageTotal.add(message);
    mergeFacts(this.facts, message);
    const { usage, estimatedUsage } = this.#usageTotal;
    Object.assign(this.facts, { usage, estimatedUsage });
  }

  #broke(error: SendError): void {
    if (this.#phase.status === "over") return;
    this.#phase = { status: "waiting" };
    this.#account(error.partial, error.attempts);
    const delay = this.#mayRecover(error) ? this.#call.delayMs(error, this.#recoveries) : undefined;
    const { timeouts, signal } = this.#call.options;
    if (signal?.aborted) return this.#abort();
    const left = timeouts?.total ? this.#call.startedAt + timeouts.total - this.#call.now() : Number.POSITIVE_INFINITY;
    if (delay === undefined || delay >= left || waitsInVain(signal, delay, error)) return this.#fail(error);
    this.#recoveries++;
    onAbort(signal, this.#onAbort);
    this.#phase = { status: "waiting", timer: setTimeout(() => this.#continue(), delay) };
  }

  /** The next continuation would begin with the same words. */
  #failUnjoined(): void {
    this.#leave();
    this.#fail(this.#joined.placeError());
  }

  #mayRecover({ retryable, kind, phase }: SendError): boolean {
    return retryable && kind !== "aborted" && phase !== "total" && !this.#joined.isUnrepeatable && !this.#isLast;
  }

  /** Sends the next request. */
  #continue(): void {
    const { messages, options } = this.#call;
    const { text } = this.#joined;
    // A value that must fit a schema is written in one go.
    const continues = options.recover !== "restart" && options.output === undefined && text.trim() !== "";
    // Half of a character is not a beginning.
    const kept = continues ? text.replace(/[\uD800-\uDBFF]$/, "") : "";
    const beginning: Message = { role: "assistant", content: kept, interrupted: true };
    this.#joined.beginAttempt(continues ? kept : undefined);
    const passedMs = this.#call.now() - this.#call.startedAt;
    this.waitedBeforeMs = waitBefore(options.timeouts, passedMs);
    void this.#begin().open(
      (signal) =>
        this.#call.open(continues ? [...messages, beginning] : messages, {
          ...options,
          ...this.#remaining(kept, passedMs),
          signal,
        }),
      (error) => hasAlternative(options.signal, error),
    );
  }

  /** Returns the rest of the limits on the complete call. */
  #remaining(written: string, passedMs: number): Pick<SendOptions, "maxOutputTokens" | "timeouts"> {
    const { maxOutputTokens: most, timeouts } = this.#call.options;
    return {
      maxOutputTokens: most && Math.min(most, Math.max(MIN_OUTPUT_TOKENS, most - estimateTokens(written))),
      timeouts: limitsLeft(timeouts, passedMs),
    };
  }

  #abort(): void {
    const cause: unknown = this.#call.options.signal?.reason;
    if (this.#phase.status === "attempting") this.#phase.inner.abort(cause);
    this.#leave();
    const { provider, model } = this.facts;
    this.#fail(new SendError("aborted", "The caller's signal ended the call.", { provider, model, cause }));
  }

  #begin(): InnerCall {
    const inner = new InnerCall(this);
    this.#phase = { status: "attempting", inner };
    return inner;
  }

  /** Releases the attempt under way, if there is one, and counts its usage. */
  #leave(): void {
    if (this.#phase.status !== "attempting") return;
    const { inner } = this.#phase;
    inner.stop();
    if (inner.partial) return this.#account(inner.partial);
    const attempts = inner.attempts ?? [];
    this.#account(undefined, this.#call.options.signal?.aborted ? attempts : asStopped(attempts));
  }

  /** Returns all attempts so far. */
  #sent(): readonly Attempt[] {
    if (this.#phase.status !== "attempting") return this.facts.attempts;
    return [...this.facts.attempts, ...(this.#phase.inner.attempts ?? [])];
  }

  #fail(error: SendError): void {
    if (this.#phase.status === "over") return;
    this.#finish();
    this.#sink.fail(outerFailure(error, this.facts.attempts));
  }

  #finish(): void {
    const phase = this.#phase;
    this.#phase = { status: "over" };
    if (phase.status === "attempting") phase.inner.abort();
    if (phase.status === "waiting") clearTimeout(phase.timer);
    offAbort(this.#call.options.signal, this.#onAbort);
  }
}
