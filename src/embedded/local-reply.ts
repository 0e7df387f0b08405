/** The source behind a stream whose reply is written in this process: steps of a writer, as the consumer wants them. */

import { Deadlines } from "../call/deadlines.ts";
import { withFacts } from "../contract/error-copies.ts";
import { SendError } from "../contract/errors.ts";
import type { Message } from "../contract/message.ts";
import type { Attempt } from "../contract/metrics.ts";
import type { SendOptions } from "../contract/options.ts";
import type { CallLimits } from "../contract/timeouts.ts";
import { offAbort, onAbort } from "../platform/abort.ts";
import type { Clock } from "../platform/clock.ts";
import type { ReplyFacts } from "../stream/reply-facts.ts";
import { type ChunkSink, type ChunkSource, NO_SINK, Opening } from "../stream/source.ts";
import { estimateInputTokens } from "../tokens/estimate.ts";
import type { Engine, Writer } from "./writer.ts";
import { yieldToEventLoop } from "./yield-to-event-loop.ts";

/** The facts of its call that a reply needs. */
export interface LocalCall {
  readonly provider: string;
  readonly model: string;
  readonly engine: Engine;
  readonly messages: readonly Message[];
  readonly options: SendOptions;
  readonly limits: CallLimits;
  readonly now: Clock;
  readonly startedAt: number;
}

/** Runs one reply. The event loop turns before each step. */
export class LocalReply implements ChunkSource {
  readonly facts: ReplyFacts;
  readonly #call: LocalCall;
  readonly #opening = new Opening();
  #sink: ChunkSink = NO_SINK;
  readonly #deadlines: Deadlines;
  readonly #closing = new AbortController();
  readonly #onAbort = (): void => {
    this.#fail(
      new SendError("aborted", "The caller's signal ended the call.", { cause: this.#call.options.signal?.reason }),
    );
  };
  #writer: Writer | undefined;

  constructor(call: LocalCall) {
    const { provider, model, messages, limits, now } = call;
    this.#call = call;
    this.facts = { provider, model, attempts: [], estimateInput: () => estimateInputTokens(messages) };
    this.#deadlines = new Deadlines(limits, now, (phase, waitedMs) => {
      const message = `The embedded model took ${waitedMs} ms, longer than the limit \`timeouts.${phase}\`.`;
      this.#fail(new SendError("timeout", message, { phase, waitedMs }));
    });
  }

  get opened(): Promise<void> {
    return this.#opening.promise;
  }

  attach(sink: ChunkSink): void {
    this.#sink = sink;
    this.#deadlines.sent();
    this.#open().catch((error: unknown) => this.#fail(error));
    onAbort(this.#call.options.signal, this.#onAbort);
  }

  pull(at: number): void {
    this.#deadlines.waiting(at);
    this.#advance().catch((error: unknown) => this.#fail(error));
  }

  close(): void {
    this.#over("stopped");
  }

  async #open(): Promise<void> {
    const { engine, messages, options } = this.#call;
    const writer = await engine.open(messages, options, this.#closing.signal);
    if (this.#closing.signal.aborted) return;
    this.#writer = writer;
    this.#deadlines.answered();
    this.#deadlines.holding();
    this.#opening.accept();
  }

  /** Steps until there is something to show, or the end. */
  async #advance(): Promise<void> {
    while (!this.#closing.signal.aborted && this.#writer) {
      await yieldToEventLoop();
      if (this.#closing.signal.aborted) return;
      const { text, finishReason } = await this.#writer.write();
      if (this.#closing.signal.aborted) return;
      this.#deadlines.bytes();
      if (text !== "") this.#sink.chunks.push({ type: "text", content: text, isFinal: false });
      if (finishReason !== undefined) {
        this.facts.finishReason = finishReason;
        this.#over("answered");
        return this.#sink.end();
      }
      if (text === "") continue;
      this.#deadlines.chunks();
      return this.#sink.flush();
    }
  }

  #fail(cause: unknown): void {
    if (this.#closing.signal.aborted) return;
    const { provider, model } = this.#call;
    const error =
      cause instanceof SendError
        ? cause
        : new SendError("server", `The embedded engine failed: ${String(cause)}`, { cause, retryable: false });
    this.#over(error.kind);
    const failure = withFacts(error, { provider, model, attempts: [...this.facts.attempts] });
    this.#opening.fail(this.#sink, failure);
  }

  #over(outcome: Attempt["outcome"]): void {
    if (this.#closing.signal.aborted) return;
    const { provider, model, now, startedAt, options } = this.#call;
    if (this.#writer?.usage) this.facts.usage = this.#writer.usage;
    this.facts.attempts.push({ provider, model, durationMs: now() - startedAt, outcome });
    this.#closing.abort();
    this.#deadlines.clear();
    offAbort(options.signal, this.#onAbort);
  }
}
