/**
 * One inner call, passed on to the stream of another: retries after a break, races and turns read their clients through
 * it.
 */

import type { MessageChunk } from "../contract/chunk.ts";
import { replaced } from "../contract/error-copies.ts";
import { SendError } from "../contract/errors.ts";
import type { AssistantMessage } from "../contract/message.ts";
import type { Attempt } from "../contract/metrics.ts";
import { observeAttempts } from "./attempts-in-flight.ts";
import { offerAlternative } from "./idle-alternative.ts";
import type { MessageStream } from "./message-stream.ts";
import type { ReplyFacts } from "./reply-facts.ts";
import { refusalOf, sendErrorOf } from "./transfer.ts";
import { withWaitBefore } from "./wait-before.ts";

/** The receiver of an inner call's chunks. */
export interface InnerCallHost {
  /** Those of the outer reply. */
  readonly facts: ReplyFacts;
  /** The time that had passed when the inner call got the rest of `timeouts.total`. See `waitBefore`. */
  readonly waitedBeforeMs: number;
  /** Returns whether the consumer waits for a chunk. */
  isWanted(): boolean;
  /** The inner call has its stream. */
  opened?(inner: InnerCall): void;
  /**
   * All chunks of one read; the last may be the final one, which ends the reply. An error thrown here fails the inner
   * call.
   */
  arrived(batch: readonly MessageChunk[], inner: InnerCall): void;
  /**
   * The inner call has failed: before it had a stream, or after all that had arrived. Called at most once, and never
   * after `stop`.
   */
  failed(error: SendError, inner: InnerCall): void;
}

/** Opens an inner call, whose end the signal is. */
export type OpenInner = (signal: AbortSignal) => Promise<MessageStream>;

/** A call that was released before it had a stream may still get one, or report its attempts by failing. */
type Phase =
  | { readonly status: "opening"; readonly stream?: MessageStream; readonly failure?: undefined }
  | {
      readonly status: "open";
      readonly stream: MessageStream;
      readonly batches: AsyncIterator<readonly MessageChunk[]>;
      readonly failure?: undefined;
    }
  | {
      readonly status: "over";
      readonly stream: MessageStream | undefined;
      readonly failure: SendError | undefined;
    };

/** Reads one inner call, a batch for each `read`. */
export class InnerCall {
  readonly #host: InnerCallHost;
  /** Present while and after the call is opened here; a stream that was given has a signal of its own. */
  #controller: AbortController | undefined;
  #observed: () => readonly Attempt[] | undefined = () => undefined;
  #phase: Phase = { status: "opening" };
  #isReading = false;
  /** The stream has failed; the chunks that arrived before are still to be read. */
  #hasFailed = false;
  /** The consumer has stopped: only the rest of the reply is wanted. */
  #isLastAttempt = false;

  constructor(host: InnerCallHost) {
    this.#host = host;
  }

  /** Returns whether the inner call has its stream. */
  get isOpen(): boolean {
    return this.#phase.stream !== undefined;
  }

  /** Returns the inner reply so far; `undefined` while there is no stream. */
  get partial(): AssistantMessage | undefined {
    return this.#phase.stream?.partial;
  }

  /**
   * Returns whether the inner reply continues exactly where the last turn ends in its conversation. See
   * `ReplyFacts.continuesExactly`.
   */
  get continuesExactly(): boolean {
    return this.#phase.stream?.continuesExactly ?? false;
  }

  /** Returns the attempts of the inner call so far; `undefined` for a client that does not report them yet. */
  get attempts(): readonly Attempt[] | undefined {
    const { stream, failure } = this.#phase;
    const { attempts, partial } = failure ?? {};
    return attempts ?? partial?.metrics.attempts ?? stream?.metrics.attempts ?? this.#observed();
  }

  /** Reads a stream that is open. */
  take(stream: MessageStream): void {
    takeRedactions(stream, this.#host.facts);
    this.#phase = { ...this.#phase, stream };
    if (this.#phase.status === "over") return void stream.stop();
    if (this.#isLastAttempt) stream.onlyRest();
    this.#phase = { status: "open", stream, batches: stream.batches() };
    this.#host.opened?.(this);
    // The signal and the limit on the complete call end it whether its consumer waits or not.
    stream.onEnd((_message, error) => {
      if (!error || this.#host.isWanted()) return;
      this.#hasFailed = true;
      this.read();
    });
    if (this.#host.isWanted()) this.read();
  }

  /**
   * Opens the inner call, to read its stream. Resolves, and never rejects, when it has a stream or has failed.
   * @param cause aborts the call before it begins, such as the reason of a signal that has fired
   * @param hasIdle whether a failure with this error would lead to another client that is idle
   */
  async open(
    open: OpenInner,
    hasIdle: (error: SendError) => boolean,
    { aborted, reason }: { readonly aborted: boolean; readonly reason?: unknown } = { aborted: false },
  ): Promise<void> {
    const controller = new AbortController();
    const { signal } = controller;
    this.#controller = controller;
    this.#observed = observeAttempts(signal);
    offerAlternative(signal, hasIdle);
    if (aborted) controller.abort(reason);
    try {
      this.take(await open(signal));
    } catch (error) {
      this.#fail(refusalOf(error, this.#host.facts, signal));
    }
  }

  /** Asks for the next batch, or for the failure; once until one is there. */
  read(): void {
    const phase = this.#phase;
    if (this.#isReading || phase.status !== "open") return;
    this.#isReading = true;
    phase.batches.next().then(this.#onResult, this.#onError);
  }

  /** Stops retries by the inner client: only the rest of the reply is wanted. */
  lastAttempt(): void {
    this.#isLastAttempt = true;
    this.#phase.stream?.onlyRest();
  }

  /** Fires the signal of the inner call, which then fails. */
  abort(cause?: unknown): void {
    this.#controller?.abort(cause);
  }

  /** Releases the inner call at once. A call that has no stream yet may still report its attempts. */
  stop(): void {
    const { status, stream } = this.#phase;
    if (status === "over") return;
    this.#phase = { status: "over", stream, failure: undefined };
    if (stream) void stream.stop();
    else this.#controller?.abort();
  }

  readonly #onResult = ({ done, value }: IteratorResult<readonly MessageChunk[], unknown>): void => {
    this.#isReading = false;
    const phase = this.#phase;
    if (phase.status !== "open") return;
    if (done) return this.#fail(new SendError("truncated", "The chunks ended without a final one."));
    try {
      this.#host.arrived(value, this);
    } catch (error) {
      void phase.stream.stop();
      return this.#fail(sendErrorOf(error)); // the chunks may come from any implementation of a client
    }
    if (this.#hasFailed) this.read();
  };

  readonly #onError = (error: unknown): void => {
    this.#isReading = false;
    this.#fail(sendErrorOf(error));
  };

  #fail(thrown: SendError): void {
    const error = withWaitBefore(thrown, this.#host.waitedBeforeMs);
    const { status, stream, failure = error } = this.#phase;
    this.#phase = { status: "over", stream, failure };
    if (status !== "over") this.#host.failed(error, this);
  }
}

/**
 * Returns the failure of an inner call as that of the call around it: with all its attempts, and without a partial
 * reply.
 */
export function outerFailure(error: SendError, attempts: readonly Attempt[]): SendError {
  const { partial: _inner, ...facts } = error.toJSON();
  return replaced(error, { ...facts, attempts: [...attempts], cause: error.cause });
}

/** Its own errors, whose `partial` holds the text of `stream`, repeat no secret of the requests of `stream`. */
function takeRedactions(stream: MessageStream, facts: ReplyFacts): void {
  const { redactions: own = [] } = facts;
  const { redactions: others = [] } = stream; // absent in a stream of another implementation
  if (others.length > 0) facts.redactions = [...own, ...others.filter((redact) => !own.includes(redact))];
}
