/** One call under way: attempts, deadlines and endings, until the reply is whole or has failed. */

import type { TimeoutPhase } from "../contract/error-kind.ts";
import { SendError } from "../contract/errors.ts";
import type { Attempt } from "../contract/metrics.ts";
import { retryDelayMs } from "../contract/retries.ts";
import { offAbort, onAbort } from "../platform/abort.ts";
import { messageOf } from "../platform/text-of.ts";
import type { Decoder, ReplyPosition } from "../protocols/protocol.ts";
import { reportAttempts } from "../stream/attempts-in-flight.ts";
import { waitsInVain } from "../stream/idle-alternative.ts";
import type { ReplyFacts } from "../stream/reply-facts.ts";
import { resetFacts } from "../stream/reply-facts.ts";
import { type ChunkSink, type ChunkSource, NO_SINK, Opening } from "../stream/source.ts";
import { redirectError, tooLargeError, transportError } from "../transport/network-errors.ts";
import type { Exchange, Receiver, ResponseHead } from "../transport/transport.ts";
import { Body } from "./body.ts";
import { type Call, type CallRequest, describedError, refusalError } from "./call.ts";
import { Deadlines } from "./deadlines.ts";
import { rateLimitsOf } from "./rate-limits.ts";
import { NameRedaction } from "./redact.ts";
import { sendAndForget } from "./send-and-forget.ts";

/** Of an error's body, this much is read. */
const ERROR_BODY_LIMIT = 64 * 1024;

/** A reply that the provider keeps is asked for so often without a new piece of it. */
const MAX_FRUITLESS_RESUMES = 3;

/** The source behind the `MessageStream` of a provider client. */
export class Reply implements ChunkSource, Receiver {
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
  /** The consumer waits: a fresh attempt must be read at once. */
  #wanted = false;
  #exchange: Exchange | undefined;
  #backoff: ReturnType<typeof setTimeout> | undefined;
  #startedAt = 0;
  /** What came of this reply, in all the bodies it comes in. */
  #replyBytes = 0;
  #staleConnections = 0;
  /** What is sent now, and how many others it has taken the place of. */
  #request: CallRequest;
  #amendments = 0;
  /** The attempt that just failed went out on a connection that was dead, as it seems: a fresh one need not wait. */
  #wasForgotten = false;
  #head: ResponseHead | undefined;
  #body: Body | undefined;
  /** The body of a refusal, as far as it came; absent while the answer is none. */
  #refusal: string | undefined;
  /** Where the next attempt goes on with a reply that the provider keeps, and what broke it off; absent: it begins anew. */
  #resumption: { readonly position: ReplyPosition; readonly reason: SendError } | undefined;
  #resumesInVain = 0;
  /** Why the attempt before this one failed. */
  #lastFailure: SendError | undefined;

  constructor(call: Call) {
    this.#call = call;
    this.#names = new NameRedaction(call.redact);
    this.#request = call.request;
    const { provider, model, writer, estimateInput } = call;
    const redactions = new Set([call.redact]);
    this.facts = { provider, model, attempts: [], estimateInput, redactions, ...(writer && { writer }) };
    if (call.continuesExactly) this.facts.continuesExactly = true;
    if (call.request.binding) this.facts.binding = call.request.binding;
    this.#deadlines = new Deadlines(call.limits, call.now, (phase, waitedMs) =>
      this.#step(() => this.#expire(phase, waitedMs)),
    );
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
      this.#attempt();
    });
  }

  pull(at: number): void {
    try {
      this.#wanted = true;
      this.#deadlines.waiting(at);
      if (this.#body?.hasRest) this.#read();
      else if (this.#head) this.#exchange?.pull();
    } catch (error) {
      this.#collapse(error);
    }
  }

  lastAttempt(): void {
    this.#step(() => {
      this.#isLastAttempt = true;
      // Between two attempts nothing is under way that could tell a bill.
      if (this.#backoff !== undefined && this.#lastFailure) this.#fail(this.#lastFailure, true);
    });
  }

  close(): void {
    if (this.#over) return;
    this.#step(() => {
      this.#record("stopped");
      this.#finish();
      this.#exchange?.close();
      this.#cancel();
    });
  }

  onHead(head: ResponseHead): void {
    try {
      this.#begin(head);
    } catch (error) {
      this.#collapse(error);
    }
  }

  onText(text: string, byteLength: number): void {
    try {
      this.#deadlines.bytes();
      this.#replyBytes += byteLength;
      if (this.#replyBytes > this.#call.maxReplyBytes) this.#fail(tooLargeError(this.#call));
      else this.#read(text);
    } catch (error) {
      this.#collapse(error);
    }
  }

  onEnd(): void {
    this.#step(() => this.#end());
  }

  onError(error: unknown, safeToResend = false): void {
    this.#step(() => this.#breakOff(error, safeToResend));
  }

  /**
   * Every way into a call ends here or in a `catch` that does the same (a read and a pull cost no closure): callbacks of the socket,
   * of timers and of the signal, and what the stream asks. What a step throws ends the call, and never the program.
   */
  #step(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#collapse(error);
    }
  }

  /** The call ends here whatever its state is: no step that may have thrown is taken again. */
  #collapse(error: unknown): void {
    this.#finish();
    const { provider, model } = this.#call;
    const message = `The answer of ${provider} could not be read: ${messageOf(error)}.`;
    const attempts = [...this.facts.attempts];
    this.#settle(new SendError("protocol", message, { provider, model, attempts, retryable: false, cause: error }));
    this.#exchange?.close();
  }

  #begin(head: ResponseHead): void {
    this.#deadlines.answered();
    this.#head = head;
    const requestId = head.header("x-request-id") ?? head.header("request-id") ?? head.header("x-generation-id");
    if (requestId !== undefined) this.facts.requestId = this.#call.redact(requestId);
    const rateLimits = rateLimitsOf(head, Date.now());
    if (rateLimits) this.facts.rateLimits = rateLimits;
    if (head.status >= 200 && head.status < 300) {
      if (!this.#wanted) this.#deadlines.holding();
      this.#opening.accept();
      if (this.#wanted) this.#exchange?.pull();
    } else if (head.status < 400) {
      // A browser hides where a redirect leads behind status 0.
      this.#fail(redirectError(this.#call.provider, head));
    } else {
      this.#refusal = "";
      this.#exchange?.pull();
    }
  }

  #end(): void {
    if (this.#refusal !== undefined) return this.#fail(this.#httpError());
    try {
      this.#body?.end();
    } catch (error) {
      return this.#failToRead(error);
    }
    this.#succeed();
  }

  #breakOff(error: unknown, safeToResend: boolean): void {
    if (this.#refusal !== undefined) return this.#fail(this.#httpError());
    if (safeToResend && this.#staleConnections === 0) {
      this.#staleConnections = 1;
      // The server had closed the kept connection before it saw the request: not a failure of the provider.
      this.#record("network");
      return this.#attempt();
    }
    this.#fail(transportError(this.#call.provider, error, this.#head !== undefined));
  }

  #expire(phase: TimeoutPhase, waitedMs: number): void {
    const overCall = phase === "firstChunk" || phase === "total";
    const { provider } = this.#call;
    const message = `${provider} let ${waitedMs} ms pass (limit \`timeouts.${phase}\`); raise it, or try again.`;
    this.#wasForgotten = phase === "headers" && this.#exchange?.forget?.() === true;
    const timeout = () => new SendError("timeout", message, { phase, waitedMs, cause: this.#lastFailure });
    this.#fail(this.#refusal === undefined ? timeout() : this.#httpError(), overCall);
  }

  #attempt(): void {
    const call = this.#call;
    const facts = this.facts;
    const position = this.#resumption?.position;
    this.#backoff = undefined;
    const request = (position && call.background?.resume(position)) ?? this.#request;
    if (!position) this.#replyBytes = 0;
    if (facts.attempts.length > 0 && !position) resetFacts(facts, call.model);
    this.#head = undefined;
    this.#refusal = undefined;
    // What is resumed goes on in the same decoder, which knows what it has seen.
    this.#body = this.#freshBody(position && this.#body?.decoder);
    if (position) this.#body.decoder.resume?.();
    this.#wasForgotten = false;
    this.#startedAt = call.now();
    this.#deadlines.sent(this.#startedAt);
    try {
      this.#exchange = call.transport.open(request, this);
    } catch (error) {
      this.#fail(
        new SendError("invalidRequest", `The request could not be sent: ${messageOf(error)}`, { cause: error }),
      );
    }
  }

  #freshBody(decoder?: Decoder): Body {
    const { protocol, shapes, raw, maxReplyBytes: maxEventLength } = this.#call;
    const decode = (delivered: string) => this.#exchange?.decode(delivered) ?? delivered;
    return new Body({ protocol, facts: this.facts, sink: this.#sink, decode, shapes, raw, maxEventLength }, decoder);
  }

  /** Reads what came, or the rest of what came before. */
  #read(text?: string): void {
    if (this.#refusal !== undefined) return this.#readRefusal(text ?? "");
    try {
      this.#body?.read(text);
    } catch (error) {
      return this.#failToRead(error);
    }
    if (this.#body?.isComplete) this.#succeed();
    else this.#flush();
  }

  #readRefusal(text: string): void {
    this.#refusal += text;
    if ((this.#refusal ?? "").length > ERROR_BODY_LIMIT) this.#fail(this.#httpError());
    else this.#exchange?.pull();
  }

  /** What decoding throws ends the attempt, after the chunks before it. */
  #failToRead(error: unknown): void {
    this.#names.apply(this.facts, this.#sink.chunks);
    if (this.#sink.chunks.length > 0) this.#anyChunk = true;
    if (error instanceof SendError) return this.#fail(error);
    const message = `${this.#call.provider} sent what is not its protocol: ${messageOf(error)}`;
    this.#fail(new SendError("protocol", message, { cause: error }));
  }

  #flush(): void {
    this.#names.apply(this.facts, this.#sink.chunks);
    if (this.#sink.chunks.length > 0) {
      this.#anyChunk = true;
      this.#deadlines.chunks();
      this.#wanted = false;
      this.#resumesInVain = 0;
    }
    this.#sink.flush();
  }

  #succeed(): void {
    this.#names.apply(this.facts, this.#sink.chunks);
    this.#anyChunk = true;
    this.#record("answered");
    this.#finish();
    this.#exchange?.release();
    this.#sink.end();
  }

  #abort(): void {
    const reason: unknown = this.#call.signal?.reason;
    this.#fail(new SendError("aborted", "The caller's signal ended the call.", { cause: reason }), true);
  }

  /** The refusal, from as much of its body as came. */
  #httpError(): SendError {
    return refusalError(this.#call, this.#head, this.#exchange?.decode(this.#refusal ?? "") ?? "");
  }

  /** Ends the attempt; then there is another, or the call has failed. `final` rules the other out. */
  #fail(error: SendError, final = false): void {
    if (this.#over) return;
    this.#exchange?.close();
    this.#deadlines.answered();
    this.#record(error.kind);
    if (!final && !this.#isLastAttempt && this.#amend(error)) return this.#attempt();
    const delay = final || this.#isLastAttempt ? undefined : this.#delayBeforeNext(error);
    if (delay !== undefined) {
      this.#head = undefined;
      this.#refusal = undefined;
      this.#lastFailure = error;
      this.#deadlines.between();
      clearTimeout(this.#backoff);
      this.#backoff = setTimeout(() => this.#step(() => this.#attempt()), delay);
      return;
    }
    this.#finish();
    this.#cancel();
    // A reply that cannot be resumed has failed for what broke it off.
    const reason = this.#refusal === undefined || final ? error : (this.#resumption?.reason ?? error);
    this.#settle(describedError(this.#call, reason, this.facts, this.#head));
  }

  /** Has no effect on a call that has its end. */
  #settle(failure: SendError): void {
    this.#opening.fail(this.#sink, failure);
  }

  /** Whether the protocol has another request to send after this refusal. */
  #amend(error: SendError): boolean {
    const other = this.#refusal === undefined ? undefined : this.#request.instead?.(error);
    if (!other) return false;
    this.#request = other;
    this.#amendments += 1;
    if (other.binding) this.facts.binding = other.binding;
    return true;
  }

  /** Milliseconds until the next attempt; `undefined`: there is none. */
  #delayBeforeNext(error: SendError): number | undefined {
    const { retries, budget, random, signal } = this.#call;
    const position = this.#position();
    if (position) {
      // Beginning anew would pay for it twice.
      const limits = { max: MAX_FRUITLESS_RESUMES, maxRetryAfterMs: retries.maxRetryAfterMs };
      const delay = retryDelayMs(error, ++this.#resumesInVain, limits, random());
      const reason = this.#refusal === undefined ? error : (this.#resumption?.reason ?? error);
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

  /** Where a reply stands that the provider goes on writing by itself. */
  #position(): ReplyPosition | undefined {
    return this.#call.background && this.#body?.decoder.position?.();
  }

  /** Nobody waits any more for a reply that would be written, and billed, to its end. */
  #cancel(): void {
    const { background, transport } = this.#call;
    const position = this.#position();
    if (background && position) sendAndForget(transport, background.cancel(position));
  }

  #record(outcome: Attempt["outcome"]): void {
    const { provider, model, now } = this.#call;
    if (this.#startedAt === 0) return; // aborted before anything was sent
    const durationMs = now() - this.#startedAt;
    const status = this.#head?.status;
    this.#names.applyToUsage(this.facts);
    const { attempts, usage } = this.facts;
    attempts.push({
      provider,
      model,
      durationMs,
      outcome,
      ...(status !== undefined && { status }),
      ...(this.#amendments > 0 && { amended: true as const }),
      ...(usage && { usage }),
    });
    this.#startedAt = 0;
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
