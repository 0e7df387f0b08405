/** One attempt of a call: sends one request and turns its answer into chunks through the protocol. */

import { SendError } from "../contract/errors.ts";
import type { Attempt } from "../contract/metrics.ts";
import { messageOf } from "../platform/text-of.ts";
import type { Decoder } from "../protocols/protocol.ts";
import type { ReplyFacts } from "../stream/reply-facts.ts";
import type { ChunkSink } from "../stream/source.ts";
import { redirectError, tooLargeError, transportError, unsentError } from "../transport/network-errors.ts";
import type { Exchange, HttpRequest, Receiver, ResponseHead } from "../transport/transport.ts";
import { Body } from "./body.ts";
import { type Call, refusalError } from "./call.ts";
import type { Deadlines } from "./deadlines.ts";
import { rateLimitsOf } from "./rate-limits.ts";

/** Maximum length of an error's body that is read. */
const MAX_ERROR_BODY_LENGTH = 64 * 1024;

/** The reply that an attempt belongs to. */
export interface AttemptHost {
  readonly facts: ReplyFacts;
  /** Whether the consumer waits: then accepted text is read at once. */
  isWanted(): boolean;
  /** Adds to the bytes of the reply. Returns whether the reply is still within its limit. */
  count(byteLength: number): boolean;
  /** The provider has accepted the request. */
  onAccepted(): void;
  /** Chunks may be in the sink; the reply shows them. */
  onRead(): void;
  /** Chunks may be in the sink; the attempt fails after them. */
  onUnreadable(): void;
  /** The reply is complete. */
  onComplete(): void;
  /**
   * The attempt has failed. `isStale`: it used a kept connection that was closed before the server read the request.
   */
  onFailed(error: SendError, isStale: boolean): void;
  /** A step has thrown. */
  collapse(error: unknown): void;
}

/** The state that an attempt shares with earlier attempts. */
export interface AttemptContext {
  readonly call: Call;
  readonly sink: ChunkSink;
  readonly deadlines: Deadlines;
  /** Whether the request was changed after a refusal. */
  readonly isAmended: boolean;
  /** The decoder of the attempt that this one resumes. It knows the beginning of the reply. */
  readonly decoder: Decoder | undefined;
}

/**
 * `sent`: no answer yet. `answering`: the reply arrives. `refused`: an error arrives; `text` is what has come of it.
 */
type Phase =
  | { readonly status: "sent" }
  | { readonly status: "answering"; readonly head: ResponseHead }
  | { readonly status: "refused"; readonly head: ResponseHead; text: string };

const SENT: Phase = { status: "sent" };

/**
 * Sends one request and reads its answer. Every entry point ends in a `catch`: an error in a step ends the call, never
 * the program.
 */
export class CallAttempt implements Receiver {
  readonly #host: AttemptHost;
  readonly #context: AttemptContext;
  readonly #body: Body;
  readonly #startedAt: number;
  #exchange: Exchange | undefined;
  #phase: Phase = SENT;
  #isRecorded = false;
  /** Events of the connection after this are ignored. */
  #isClosed = false;

  constructor(host: AttemptHost, context: AttemptContext) {
    const { call, sink, decoder } = context;
    const { protocol, shapes, raw, maxReplyBytes: maxEventLength } = call;
    this.#host = host;
    this.#context = context;
    const decode = (delivered: string) => this.#exchange?.decode(delivered) ?? delivered;
    this.#body = new Body({ protocol, facts: host.facts, sink, decode, shapes, raw, maxEventLength }, decoder);
    if (decoder) decoder.resume?.();
    this.#startedAt = call.now();
  }

  get decoder(): Decoder {
    return this.#body.decoder;
  }

  get head(): ResponseHead | undefined {
    return this.#phase.status === "sent" ? undefined : this.#phase.head;
  }

  get isRefused(): boolean {
    return this.#phase.status === "refused";
  }

  send(request: HttpRequest): void {
    const { call, deadlines } = this.#context;
    deadlines.sent(this.#startedAt);
    try {
      this.#exchange = call.transport.open(request, this);
    } catch (error) {
      this.#host.onFailed(unsentError(error), false);
    }
  }

  pull(): void {
    if (this.#body.hasRest) this.#read();
    else if (this.#phase.status !== "sent") this.#exchange?.pull();
  }

  close(): void {
    this.#isClosed = true;
    this.#exchange?.close();
  }

  /** The answer was read to its end: the connection may serve another request. */
  release(): void {
    this.#isClosed = true;
    this.#exchange?.release();
  }

  /** Whether the request used a connection that seems dead, and may not have arrived. */
  forget(): boolean {
    return this.#exchange?.forget?.() === true;
  }

  /** Adds the attempt to the facts of the reply, once. */
  record(outcome: Attempt["outcome"]): void {
    if (this.#isRecorded) return;
    this.#isRecorded = true;
    const { call, isAmended } = this.#context;
    const { provider, model, now } = call;
    const durationMs = now() - this.#startedAt;
    const status = this.head?.status;
    const { attempts, usage } = this.#host.facts;
    attempts.push({
      provider,
      model,
      durationMs,
      outcome,
      ...(status !== undefined && { status }),
      ...(isAmended && { amended: true as const }),
      ...(usage && { usage }),
    });
  }

  /** Returns the refusal, from the part of its body that came; `undefined` while the answer is not a refusal. */
  refusal(): SendError | undefined {
    if (this.#phase.status !== "refused") return undefined;
    const { head, text } = this.#phase;
    return refusalError(this.#context.call, head, this.#exchange?.decode(text) ?? "");
  }

  onHead(head: ResponseHead): void {
    if (this.#isClosed) return;
    try {
      this.#begin(head);
    } catch (error) {
      this.#host.collapse(error);
    }
  }

  onText(text: string, byteLength: number): void {
    if (this.#isClosed) return;
    try {
      const { call, deadlines } = this.#context;
      deadlines.bytes();
      if (this.#host.count(byteLength)) this.#read(text);
      else this.#fail(tooLargeError(call));
    } catch (error) {
      this.#host.collapse(error);
    }
  }

  onEnd(): void {
    if (this.#isClosed) return;
    try {
      this.#end();
    } catch (error) {
      this.#host.collapse(error);
    }
  }

  onError(error: unknown, safeToResend = false): void {
    if (this.#isClosed) return;
    try {
      const isAnswered = this.#phase.status !== "sent";
      const failure = this.refusal() ?? transportError(this.#context.call.provider, error, isAnswered);
      this.#host.onFailed(failure, safeToResend && !this.isRefused);
    } catch (thrown) {
      this.#host.collapse(thrown);
    }
  }

  #begin(head: ResponseHead): void {
    const { call, deadlines } = this.#context;
    const { facts } = this.#host;
    deadlines.answered();
    const requestId =
      head.header("x-request-id") ??
      head.header("request-id") ??
      head.header("x-generation-id") ??
      head.header("x-amzn-requestid");
    if (requestId !== undefined) facts.requestId = call.redact(requestId);
    const rateLimits = rateLimitsOf(head, Date.now());
    if (rateLimits) facts.rateLimits = rateLimits;
    if (head.status < 400) this.#phase = { status: "answering", head };
    else this.#phase = { status: "refused", head, text: "" };
    if (head.status >= 200 && head.status < 300) {
      if (!this.#host.isWanted()) deadlines.holding();
      this.#host.onAccepted();
      if (this.#host.isWanted()) this.#exchange?.pull();
    } else if (head.status < 400) {
      // A browser hides the target of a redirect behind status 0.
      this.#fail(redirectError(call.provider, head));
    } else {
      this.#exchange?.pull();
    }
  }

  #end(): void {
    const refusal = this.refusal();
    if (refusal) return this.#fail(refusal);
    try {
      this.#body.end();
    } catch (error) {
      return this.#failToRead(error);
    }
    this.#host.onComplete();
  }

  /** Reads the new text, or the rest of the earlier text. */
  #read(text?: string): void {
    if (this.#phase.status === "refused") {
      this.#phase.text += text ?? "";
      const refusal = this.#phase.text.length > MAX_ERROR_BODY_LENGTH ? this.refusal() : undefined;
      if (refusal) this.#fail(refusal);
      else this.#exchange?.pull();
      return;
    }
    try {
      this.#body.read(text);
    } catch (error) {
      return this.#failToRead(error);
    }
    if (this.#body.isComplete) this.#host.onComplete();
    else this.#host.onRead();
  }

  /** An error in decoding ends the attempt, after the chunks before it. */
  #failToRead(error: unknown): void {
    this.#host.onUnreadable();
    if (error instanceof SendError) return this.#fail(error);
    const message = `${this.#context.call.provider} sent data that does not follow its protocol: ${messageOf(error)}`;
    this.#fail(new SendError("protocol", message, { cause: error }));
  }

  #fail(error: SendError): void {
    this.#host.onFailed(error, false);
  }
}
