/** One call under way: attempts, deadlines and endings, until the reply is whole or has failed. */

import { SendError, type SendErrorFacts } from "../errors.ts";
import type { ReplyFacts } from "../fold.ts";
import type { Protocol } from "../protocols/protocol.ts";
import type { ChunkSink, ChunkSource } from "../stream/message-stream.ts";
import type { Attempt, Clock } from "../stream/metrics.ts";
import { Body } from "./body.ts";
import { Deadlines, type Limits } from "./deadlines.ts";
import { redirectError, transportError } from "./http-errors.ts";
import { rateLimitsOf } from "./rate-limits.ts";
import { plainCause } from "./redact.ts";
import { retryDelayMs } from "./retry.ts";
import { retryAfterMs } from "./retry-after.ts";
import type { Exchange, HttpRequest, Receiver, ResponseHead, Transport } from "./transport.ts";

/** Everything one call needs. Time and chance come in from outside. */
export interface Call {
  readonly provider: string;
  readonly model: string;
  readonly request: HttpRequest;
  readonly protocol: Protocol;
  readonly transport: Transport;
  readonly limits: Limits;
  readonly retries: number;
  readonly signal: AbortSignal | undefined;
  /** Takes secrets out of a provider's text. */
  readonly redact: (text: string) => string;
  readonly estimateInput: () => number;
  readonly now: Clock;
  readonly random: () => number;
}

/** Of an error's body, this much is read. */
const ERROR_BODY_LIMIT = 64 * 1024;
/** The source behind the `MessageStream` of a provider client. */
export class Reply implements ChunkSource, Receiver {
  readonly facts: ReplyFacts;
  /** Resolves when the provider has accepted the request; rejects with the refusal. */
  readonly accepted: Promise<void>;
  readonly #call: Call;
  readonly #sink: ChunkSink;
  readonly #deadlines: Deadlines;
  readonly #onAbort = (): void => this.#abort();
  #accept: () => void = () => undefined;
  #refuse: (error: SendError) => void = () => undefined;
  #isAccepted = false;
  #anyChunk = false;
  #over = false;
  #isLastAttempt = false;
  /** The consumer waits: a fresh attempt must be read at once. */
  #wanted = false;
  #exchange: Exchange | undefined;
  #backoff: ReturnType<typeof setTimeout> | undefined;
  #startedAt = 0;
  #staleConnections = 0;
  #head: ResponseHead | undefined;
  #body: Body;
  /** The body of a refusal, as far as it came; absent while the answer is none. */
  #refusal: string | undefined;

  constructor(call: Call, sink: ChunkSink) {
    this.#call = call;
    this.#sink = sink;
    this.facts = { provider: call.provider, model: call.model, attempts: [], estimateInput: call.estimateInput };
    this.#body = this.#freshBody();
    this.#deadlines = new Deadlines(call.limits, call.now, (phase, waitedMs) => {
      const overCall = phase === "firstChunk" || phase === "total";
      const message = `${call.provider} let ${waitedMs} ms pass (limit \`timeouts.${phase}\`); raise it, or try again.`;
      this.#fail(
        this.#refusal !== undefined ? this.#httpError() : new SendError("timeout", message, { phase }),
        overCall,
      );
    });
    this.accepted = new Promise((resolve, reject) => {
      this.#accept = resolve;
      this.#refuse = reject;
    });
  }

  start(): void {
    const { signal } = this.#call;
    if (signal?.aborted) return this.#abort();
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    this.#attempt();
  }

  pull(at: number): void {
    this.#wanted = true;
    this.#deadlines.waiting(at);
    if (this.#body.hasRest) this.#read();
    else if (this.#head) this.#exchange?.pull();
  }

  lastAttempt(): void {
    this.#isLastAttempt = true;
  }

  close(): void {
    if (this.#over) return;
    this.#record("stopped");
    this.#finish();
    this.#exchange?.close();
  }

  onHead(head: ResponseHead): void {
    this.#deadlines.answered();
    this.#head = head;
    const requestId = head.header("x-request-id") ?? head.header("request-id") ?? head.header("x-generation-id");
    if (requestId !== undefined) this.facts.requestId = this.#call.redact(requestId);
    const rateLimits = rateLimitsOf(head, Date.now());
    if (rateLimits) this.facts.rateLimits = rateLimits;
    if (head.status >= 200 && head.status < 300) {
      this.#isAccepted = true;
      if (!this.#wanted) this.#deadlines.holding();
      this.#accept();
      if (this.#wanted) this.#exchange?.pull();
    } else if (head.status < 400) {
      // A browser hides where a redirect leads behind status 0.
      this.#fail(redirectError(this.#call.provider, head));
    } else {
      this.#refusal = "";
      this.#exchange?.pull();
    }
  }

  onText(text: string): void {
    this.#deadlines.bytes();
    this.#read(text);
  }

  onEnd(): void {
    if (this.#refusal !== undefined) return this.#fail(this.#httpError());
    try {
      this.#body.end();
    } catch (error) {
      return this.#failToRead(error);
    }
    this.#succeed();
  }

  onError(error: unknown, safeToResend = false): void {
    if (this.#refusal !== undefined) return this.#fail(this.#httpError());
    if (safeToResend && this.#staleConnections === 0) {
      this.#staleConnections = 1;
      // The server had closed the kept connection before it saw the request: not a failure of the provider.
      this.#record("network");
      return this.#attempt();
    }
    this.#fail(transportError(this.#call.provider, error, this.#head !== undefined));
  }

  #attempt(): void {
    const call = this.#call;
    const facts = this.facts;
    if (facts.attempts.length > 0) forget(facts, call.model);
    this.#head = undefined;
    this.#refusal = undefined;
    this.#body = this.#freshBody();
    this.#startedAt = call.now();
    this.#deadlines.sent();
    try {
      this.#exchange = call.transport.open(call.request, this);
    } catch (error) {
      this.#fail(
        new SendError("invalidRequest", `The request could not be sent: ${messageOf(error)}`, { cause: error }),
      );
    }
  }

  #freshBody(): Body {
    const { protocol } = this.#call;
    const decode = (delivered: string) => this.#exchange?.decode(delivered) ?? delivered;
    return new Body({ protocol, facts: this.facts, sink: this.#sink, decode });
  }

  /** Reads what came, or the rest of what came before. */
  #read(text?: string): void {
    if (this.#refusal !== undefined) return this.#readRefusal(text ?? "");
    try {
      this.#body.read(text);
    } catch (error) {
      return this.#failToRead(error);
    }
    if (this.#body.isComplete) this.#succeed();
    else this.#flush();
  }

  #readRefusal(text: string): void {
    this.#refusal += text;
    if ((this.#refusal ?? "").length > ERROR_BODY_LIMIT) this.#fail(this.#httpError());
    else this.#exchange?.pull();
  }

  /** What decoding throws ends the attempt, after the chunks before it. */
  #failToRead(error: unknown): void {
    if (this.#sink.chunks.length > 0) this.#anyChunk = true;
    if (error instanceof SendError) return this.#fail(error);
    const message = `${this.#call.provider} sent what is not its protocol: ${messageOf(error)}`;
    this.#fail(new SendError("protocol", message, { cause: error }));
  }

  #flush(): void {
    if (this.#sink.chunks.length > 0) {
      this.#anyChunk = true;
      this.#deadlines.chunks();
      this.#wanted = false;
    }
    this.#sink.flush();
  }

  #succeed(): void {
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
    const text = this.#exchange?.decode(this.#refusal ?? "") ?? "";
    const status = this.#head?.status ?? 0;
    const error = this.#call.protocol.readError(this.#call.provider, status, jsonOr(this.#call.redact(text)));
    const wait = this.#head && retryAfterMs(this.#head, Date.now());
    const shouldRetry = this.#head?.header("x-should-retry");
    const retryable = shouldRetry === "true" || shouldRetry === "false" ? shouldRetry === "true" : error.retryable;
    const { kind, message, ...facts } = error.toJSON();
    return new SendError(kind, message, { ...facts, status, retryable, retryAfterMs: wait ?? error.retryAfterMs });
  }

  /** Ends the attempt; then there is another, or the call has failed. `final` rules the other out. */
  #fail(error: SendError, final = false): void {
    if (this.#over) return;
    this.#exchange?.close();
    this.#deadlines.answered();
    this.#record(error.kind);
    const failures = this.facts.attempts.length - this.#staleConnections;
    const delay =
      final || this.#anyChunk || this.#isLastAttempt
        ? undefined
        : retryDelayMs(error, failures, this.#call.retries, this.#call.random());
    if (delay !== undefined) {
      this.#head = undefined;
      this.#refusal = undefined;
      this.#deadlines.between();
      clearTimeout(this.#backoff);
      this.#backoff = setTimeout(() => this.#attempt(), delay);
      return;
    }
    this.#finish();
    const failure = this.#described(error);
    if (this.#isAccepted) this.#sink.fail(failure);
    else this.#refuse(failure);
  }

  #described(error: SendError): SendError {
    const { provider, model, redact } = this.#call;
    const facts: SendErrorFacts = {
      provider,
      model,
      status: this.#head?.status,
      requestId: this.facts.requestId,
      attempts: [...this.facts.attempts],
    };
    // A provider may echo the key it was sent, and a `fetch` may hang the request on its errors.
    const { kind, message, code, ...rest } = error.with(facts).toJSON();
    // A signal's reason is the caller's own, and stays the same object.
    const isForeign = kind !== "aborted" && error.cause !== undefined;
    const cause = isForeign ? plainCause(error.cause, redact) : error.cause;
    return new SendError(kind, redact(message), { ...rest, code: code && redact(code), cause });
  }

  #record(outcome: Attempt["outcome"]): void {
    const { provider, model, now } = this.#call;
    if (this.#startedAt === 0) return; // aborted before anything was sent
    const durationMs = now() - this.#startedAt;
    const status = this.#head?.status;
    const { attempts, usage } = this.facts;
    attempts.push({
      provider,
      model,
      durationMs,
      outcome,
      ...(status !== undefined && { status }),
      ...(usage && { usage }),
    });
    this.#startedAt = 0;
  }

  #finish(): void {
    this.#over = true;
    this.#deadlines.clear();
    clearTimeout(this.#backoff);
    this.#call.signal?.removeEventListener("abort", this.#onAbort);
  }
}

const TOLD_BY_ATTEMPT = [
  "id",
  "requestId",
  "finishReason",
  "rawFinishReason",
  "usage",
  "search",
  "output",
  "replay",
] as const;

/** What an earlier attempt told of itself does not hold for the next. */
function forget(facts: ReplyFacts, model: string): void {
  facts.model = model;
  for (const fact of TOLD_BY_ATTEMPT) delete facts[fact];
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text; // not every error body is JSON; the protocol takes both
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
