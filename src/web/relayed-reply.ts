/** The source behind a stream of `relayClient`: one run of a relay, as the consumer wants it. */

import type { MessageChunk } from "../contract/chunk.ts";
import type { TimeoutPhase } from "../contract/error-kind.ts";
import { SendError } from "../contract/errors.ts";
import type { AssistantMessage, AssistantTurn } from "../contract/message.ts";
import type { Attempt } from "../contract/metrics.ts";
import type { Timeouts } from "../contract/timeouts.ts";
import { Mirror } from "../dialects/mirror.ts";
import { tokensOf } from "../dialects/viewer-fold.ts";
import { offAbort, onAbort } from "../platform/abort.ts";
import { type Clock, MAX_TIMER_MS } from "../platform/clock.ts";
import { messageOf } from "../platform/text-of.ts";
import type { ReplyFacts } from "../stream/reply-facts.ts";
import { type ChunkSink, type ChunkSource, type Closing, failureOf, NO_SINK, Opening } from "../stream/source.ts";
import { Link, type LinkEvent, type LinkParts, timeoutError } from "./link.ts";
import { errorOf } from "./requests.ts";
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

type Timer = ReturnType<typeof setTimeout>;

/** How the reply ended at the relay: complete, or with an error and the message so far. */
type End =
  | { readonly error?: undefined; readonly message: AssistantMessage }
  | { readonly error: SendError; readonly message: AssistantMessage | undefined };

/** The code of the error for a run that is not there. */
export const NO_RUN = "noRun";

/** Reads one run. Its link is read only while the consumer waits, but for the opening. */
export class RelayedReply implements ChunkSource {
  readonly facts: ReplyFacts;
  readonly #call: RelayedCall;
  readonly #link: Link;
  readonly #batches: AsyncGenerator<readonly LinkEvent[], readonly LinkEvent[]>;
  readonly #mirror: Mirror;
  readonly #opening = new Opening();
  readonly #closing = new AbortController();
  readonly #startedAt: number;
  #sink: ChunkSink = NO_SINK;
  /** Chunks that the consumer has not asked for. */
  readonly #ready: MessageChunk[] = [];
  #end: End | undefined;
  /** The consumer has been given all chunks, and the end. */
  #isComplete = false;
  /** Only the usage is wanted. */
  #isMuted = false;
  #hasChunks = false;
  /** Ends the wait for the opening, or for a chunk. */
  #waiting: Timer | undefined;
  #total: Timer | undefined;
  readonly #onAbort = (): void => this.#fail(abortError(this.#call.signal));

  constructor(call: RelayedCall) {
    const { provider, model, start = "", attempts, timeouts, now } = call;
    const estimateInput = (): number => tokensOf(start.length);
    this.#call = call;
    this.facts = { provider, model, attempts, reconnects: 0, estimateInput };
    this.#mirror = new Mirror(this.facts);
    this.#startedAt = now();
    this.#link = new Link({
      ...call,
      signal: this.#closing.signal,
      idleMs: timeouts.idle,
    });
    this.#batches = this.#link.batches();
  }

  get opened(): Promise<void> {
    return this.#opening.promise;
  }

  attach(sink: ChunkSink): void {
    const { timeouts, signal } = this.#call;
    this.#sink = sink;
    this.#waiting = this.#limit("headers", timeouts.headers ?? DEFAULT_HEADERS_MS);
    this.#total = this.#limit("total", timeouts.total);
    onAbort(signal, this.#onAbort);
    void this.#read(() => this.#opening.isOpen);
  }

  pull(): void {
    const { firstChunk, stall } = this.#call.timeouts;
    clearTimeout(this.#waiting);
    this.#waiting = this.#hasChunks
      ? this.#limit("stall", stall)
      : this.#limit("firstChunk", firstChunk, this.#call.now() - this.#startedAt);
    void this.#read(() => this.#ready.length > 0 || this.#end !== undefined).then(() => this.#deliver());
  }

  /** A call that has started a run stops it in every case (law 5), and a viewer of another's only by `stop()`. */
  close(closing?: Closing): void {
    this.#over("stopped", closing === "stopped" || this.#call.stopsWhenLeft);
  }

  lastAttempt(): void {
    this.#isMuted = true;
  }

  /** The message of the relay has more than chunks say, such as the steps of a session's turn. */
  complete(message: AssistantMessage): AssistantMessage {
    if (!this.#end || !this.#isComplete || this.#isMuted) return message;
    const { error, message: relayed } = this.#end;
    if (error) return { ...relayed, ...message }; // a viewer may have more than the relay's log
    return { ...message, ...relayed, metrics: message.metrics };
  }

  /** Reads on until that is enough, or the reply is over. */
  async #read(isEnough: () => boolean): Promise<void> {
    try {
      while (!isEnough() && !this.#closing.signal.aborted) {
        const { value } = await this.#batches.next();
        for (const event of value) this.#take(event);
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  #take(event: LinkEvent): void {
    switch (event.type) {
      case "opened":
        return this.#open(event.provider, event.model);
      case "chunks":
        checkChunks(event.chunks);
        return this.#show(this.#mirror.add(event.chunks));
      case "snapshot":
        checkChunks(event.tools ?? []);
        return this.#show(this.#mirror.replace(checkedMessage(event.message), undefined, event.tools));
      case "restart":
        return this.#mirror.restart();
      case "complete":
        return this.#ended({ message: checkedMessage(event.message) });
      case "recorded":
        return this.#ended({ message: this.#messageOf(event.turn) });
      case "failed": {
        const { partial } = event.error;
        return this.#ended({ error: errorOf(event.error), message: partial ? checkedMessage(partial) : undefined });
      }
      case "absent":
        throw new SendError("notFound", "The relay has no such run.", { code: NO_RUN });
      case "reconnect":
      case "lost":
    }
  }

  #open(provider: unknown, model: unknown): void {
    if (typeof provider === "string") this.facts.provider = provider;
    if (typeof model === "string") this.facts.model = model;
    this.facts.reconnects = this.#link.reconnects;
    clearTimeout(this.#waiting);
    this.#opening.accept();
  }

  #show(chunks: readonly MessageChunk[]): void {
    for (const chunk of chunks) this.#ready.push(chunk);
  }

  #ended(end: End): void {
    const { error, message } = end;
    if (message) {
      this.#show(this.#mirror.replace(message, error ? "failed" : "complete"));
      const { usage, model } = message;
      if (usage) this.facts.usage = usage;
      if (model) this.facts.model = model;
    }
    this.#end = end;
    if (error && !this.#opening.isOpen) this.#fail(error, false);
    else this.#opening.accept();
  }

  /** A turn of the history, with what else a message has. */
  #messageOf(turn: AssistantTurn): AssistantMessage {
    const { provider, model } = this.facts;
    const { reasoning } = this.#mirror;
    const rest = { reasoning, toolCalls: [], citations: [], finishReason: "unknown", provider, model };
    return checkedMessage({ ...rest, ...turn } as unknown as AssistantMessage);
  }

  /** Gives the consumer what is there, or the end. */
  #deliver(): void {
    if (this.#closing.signal.aborted) return;
    if (this.#ready.length === 0) return this.#finish();
    for (const chunk of this.#ready.splice(0)) this.#sink.chunks.push(chunk);
    this.#hasChunks = true;
    clearTimeout(this.#waiting);
    this.#sink.flush();
  }

  #finish(): void {
    if (!this.#end) return;
    this.#isComplete = true;
    if (this.#end.error) return this.#fail(this.#end.error, false);
    this.#over("answered", false);
    this.#sink.end();
  }

  #limit(phase: TimeoutPhase, ms: number | undefined, passedMs = 0): Timer | undefined {
    if (!ms || ms > MAX_TIMER_MS) return undefined;
    const expired = (): void => {
      const { trouble } = this.#link;
      if (phase !== "headers" || trouble === undefined) return this.#fail(timeoutError(phase, ms));
      this.#fail(new SendError("network", `The relay cannot be reached: ${messageOf(trouble)}.`, { cause: trouble }));
    };
    return setTimeout(expired, Math.max(0, ms - passedMs));
  }

  /** @param isOurs whether the failure is on this side, so that the run is to be stopped */
  #fail(thrown: unknown, isOurs = true): void {
    if (this.#closing.signal.aborted) return;
    const error = failureOf(thrown);
    this.#over(error.kind, isOurs && error.code !== NO_RUN && this.#call.stopsWhenLeft, error.status);
    const { provider, model, attempts } = this.facts;
    this.#opening.fail(this.#sink, error.with({ provider, model, attempts: [...attempts] }));
  }

  #over(outcome: Attempt["outcome"], stopsRun: boolean, status?: number): void {
    if (this.#closing.signal.aborted) return;
    const { requests, chat, signal, now } = this.#call;
    const { provider, model, attempts } = this.facts;
    const durationMs = now() - this.#startedAt;
    this.facts.reconnects = this.#link.reconnects;
    attempts.push({ provider, model, durationMs, outcome, ...(status !== undefined && { status }) });
    this.#closing.abort();
    offAbort(signal, this.#onAbort);
    clearTimeout(this.#waiting);
    clearTimeout(this.#total);
    void this.#batches.return([]);
    if (stopsRun) void requests.stop(chat, this.#link.run);
  }
}

export function abortError(signal: AbortSignal | undefined): SendError {
  return new SendError("aborted", "The caller's signal ended the call.", { cause: signal?.reason });
}
