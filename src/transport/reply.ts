/** One call under way: attempts, deadlines, framing and decoding, until the reply is whole or has failed. */

import { SendError, type SendErrorFacts } from "../errors.ts";
import type { ReplyFacts } from "../fold.ts";
import type { Decoder, Protocol } from "../protocols/protocol.ts";
import type { ChunkSink, ChunkSource } from "../stream/message-stream.ts";
import type { Attempt, Clock } from "../stream/metrics.ts";
import { Deadlines, type Limits } from "./deadlines.ts";
import { createEventJsonParser } from "./event-json.ts";
import { redirectError, transportError } from "./http-errors.ts";
import { plainCause } from "./redact.ts";
import { retryDelayMs } from "./retry.ts";
import { retryAfterMs } from "./retry-after.ts";
import { createSseParser, type SseParser } from "./sse.ts";
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
/** A reply that comes as one JSON document is held in memory whole. */
const WHOLE_BODY_LIMIT = 64 * 1024 * 1024;

/** Of the events in one read, so many go to `JSON.parse`; from there on they are compared with the last. */
const FEW_EVENTS = 2;

/** How the body turned out to be written, whatever its content type says. */
type Body =
  | { readonly form: "unknown"; text: string }
  | { readonly form: "events"; readonly parser: SseParser }
  | { readonly form: "document"; readonly pieces: string[]; length: number }
  | { readonly form: "error"; readonly pieces: string[]; length: number };

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
  #decoder: Decoder;
  #parse = createEventJsonParser((data) => this.#decoded(data));
  #body: Body = { form: "unknown", text: "" };
  #complete = false;
  #eventsInRead = 0;
  #rest = "";

  constructor(call: Call, sink: ChunkSink) {
    this.#call = call;
    this.#sink = sink;
    this.facts = { provider: call.provider, model: call.model, attempts: [], estimateInput: call.estimateInput };
    this.#decoder = call.protocol.createDecoder(this.facts);
    this.#deadlines = new Deadlines(call.limits, call.now, (phase, waitedMs) => {
      const overCall = phase === "firstChunk" || phase === "total";
      const message = `${call.provider} let ${waitedMs} ms pass (limit \`timeouts.${phase}\`); raise it, or try again.`;
      this.#fail(
        this.#body.form === "error" ? this.#httpError() : new SendError("timeout", message, { phase }),
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
    if (this.#rest === "") {
      if (this.#head) this.#exchange?.pull();
      return;
    }
    const rest = this.#rest;
    this.#rest = "";
    this.#read(rest);
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
    if (requestId !== undefined) this.facts.requestId = requestId;
    if (head.status >= 200 && head.status < 300) {
      this.#isAccepted = true;
      if (!this.#wanted) this.#deadlines.holding();
      this.#accept();
      if (this.#wanted) this.#exchange?.pull();
    } else if (head.status < 400) {
      // A browser hides where a redirect leads behind status 0.
      this.#fail(redirectError(this.#call.provider, head));
    } else {
      this.#body = { form: "error", pieces: [], length: 0 };
      this.#exchange?.pull();
    }
  }

  onText(text: string): void {
    this.#deadlines.bytes();
    this.#read(text);
  }

  onEnd(): void {
    try {
      this.#end();
    } catch (error) {
      this.#failToRead(error);
    }
  }

  onError(error: unknown, safeToResend = false): void {
    if (this.#body.form === "error") return this.#fail(this.#httpError());
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
    this.#body = { form: "unknown", text: "" };
    this.#complete = false;
    this.#rest = "";
    this.#decoder = call.protocol.createDecoder(facts);
    this.#parse = createEventJsonParser((data) => this.#decoded(data));
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

  #read(text: string): void {
    try {
      this.#feed(text);
    } catch (error) {
      this.#failToRead(error);
    }
  }

  /** What decoding throws ends the attempt, after the chunks before it. */
  #failToRead(error: unknown): void {
    if (this.#sink.chunks.length > 0) this.#anyChunk = true;
    if (error instanceof SendError) return this.#fail(error);
    const message = `${this.#call.provider} sent what is not its protocol: ${messageOf(error)}`;
    this.#fail(new SendError("protocol", message, { cause: error }));
  }

  #feed(text: string): void {
    let body = this.#body;
    if (body.form === "unknown") {
      body.text += text;
      text = withoutMark(body.text);
      const first = /\S/.exec(text)?.[0];
      if (first === undefined) {
        if (text !== "") body.text = "\n"; // as good as any number of empty lines
        return this.#exchange?.pull();
      }
      body = this.#body = this.#bodyOf(first);
    }
    switch (body.form) {
      case "unknown":
        return;
      case "events":
        this.#eventsInRead = 0;
        if (this.#anyChunk) body.parser.push(text);
        else this.#rest = this.#firstOf(text, body.parser);
        return this.#complete ? this.#succeed() : this.#flush();
      case "document":
        if (hold(body, text) > WHOLE_BODY_LIMIT) throw new RangeError("the reply is larger than 64 MB");
        return this.#exchange?.pull();
      case "error":
        if (hold(body, text) > ERROR_BODY_LIMIT) throw this.#httpError();
        return this.#exchange?.pull();
    }
  }

  /** Labels lie (event streams come as `text/plain`, errors as event streams): the first character does not. */
  #bodyOf(first: string): Body {
    if (first === "<") throw new SyntaxError("a web page came instead of a reply; is the base URL right?");
    if (first === "{" || first === "[") return { form: "document", pieces: [], length: 0 };
    return { form: "events", parser: createSseParser((data, type) => this.#event(data, type)) };
  }

  /** Returns true when nothing after this event matters. */
  #event(data: string, type: string): boolean {
    if (!data.startsWith("{")) {
      const text = data.trim();
      if (text === "") return false;
      if (text === "[DONE]") {
        this.#decoder.end(true, this.#sink.chunks);
        this.#complete = true;
        return true;
      }
    }
    // Where events come alone, the runtime's own parser is as good, and warm.
    const alone = ++this.#eventsInRead <= FEW_EVENTS;
    const event: unknown = alone ? JSON.parse(this.#decoded(data)) : this.#parse(data);
    this.#complete = this.#decoder.push(event, type, this.#sink.chunks);
    return this.#complete;
  }

  /** First token first: reads up to the first chunk of the reply. Returns the rest, which the next pull reads. */
  #firstOf(text: string, parser: SseParser): string {
    let from = 0;
    while (from < text.length && this.#sink.chunks.length === 0 && !this.#complete) {
      const end = text.indexOf("\n\n", from);
      const next = end < 0 ? text.length : end + 2;
      parser.push(text.slice(from, next));
      from = next;
    }
    return this.#complete ? "" : text.slice(from);
  }

  #flush(): void {
    if (this.#sink.chunks.length > 0) {
      this.#anyChunk = true;
      this.#deadlines.chunks();
      this.#wanted = false;
    }
    this.#sink.flush();
  }

  #end(): void {
    const body = this.#body;
    switch (body.form) {
      case "unknown":
        throw new SendError("truncated", `${this.#call.provider} answered with an empty body.`);
      case "error":
        throw this.#httpError();
      case "document":
        this.#readDocument(this.#decoded(body.pieces.join("")));
        return this.#succeed();
      case "events": {
        const last = body.parser.end();
        // Proxies lose the last blank line; an event that still parses is whole.
        if (last) this.#whole(() => this.#event(last.data, last.event));
        if (!this.#complete) this.#decoder.end(false, this.#sink.chunks);
        return this.#succeed();
      }
    }
  }

  #readDocument(text: string): void {
    const document: unknown = this.#whole(() => JSON.parse(text));
    this.#call.protocol.decodeWhole(document, this.facts, this.#sink.chunks);
  }

  #decoded(delivered: string): string {
    return this.#exchange?.decode(delivered) ?? delivered;
  }

  /** What does not parse at the end of the body was cut there. */
  #whole<T>(parse: () => T): T {
    try {
      return parse();
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw new SendError("truncated", `The reply of ${this.#call.provider} was cut: its end is not valid JSON.`);
    }
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
    const text = this.#body.form === "error" ? this.#decoded(this.#body.pieces.join("")) : "";
    const status = this.#head?.status ?? 0;
    const error = this.#call.protocol.readError(this.#call.provider, status, jsonOr(this.#call.redact(text)));
    const wait = this.#head && retryAfterMs(this.#head, Date.now());
    const shouldRetry = this.#head?.header("x-should-retry");
    const retryable = shouldRetry === "true" || shouldRetry === "false" ? shouldRetry === "true" : error.retryable;
    const { kind, message, ...facts } = error.toJSON();
    return new SendError(kind, message, { ...facts, status, retryable, retryAfterMs: wait });
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
    this.facts.attempts.push({ provider, model, durationMs, outcome, ...(status !== undefined && { status }) });
    this.#startedAt = 0;
  }

  #finish(): void {
    this.#over = true;
    this.#deadlines.clear();
    clearTimeout(this.#backoff);
    this.#call.signal?.removeEventListener("abort", this.#onAbort);
  }
}

const TOLD_BY_ATTEMPT = ["id", "requestId", "finishReason", "rawFinishReason", "usage", "replay"] as const;

/** What an earlier attempt told of itself does not hold for the next. */
function forget(facts: ReplyFacts, model: string): void {
  facts.model = model;
  for (const fact of TOLD_BY_ATTEMPT) delete facts[fact];
}

function hold(body: { readonly pieces: string[]; length: number }, text: string): number {
  body.pieces.push(text);
  body.length += text.length;
  return body.length;
}

/** A byte order mark, decoded or not, is no part of what follows. Nothing is left while it may still be coming. */
function withoutMark(text: string): string {
  if (text.charCodeAt(0) < 0x80) return text;
  if ("\xEF\xBB\xBF".startsWith(text)) return "";
  return text.replace(/^(?:\uFEFF|\xEF\xBB\xBF)/, "");
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
