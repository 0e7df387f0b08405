/**
 * One turn as one stream: a reply, the tools that it calls, the reply to their results, and so on. One state machine.
 */

import type { MessageChunk } from "../contract/chunk.ts";
import { replaced } from "../contract/error-copies.ts";
import { SendError } from "../contract/errors.ts";
import type { AssistantMessage, ToolMessage } from "../contract/message.ts";
import type { Attempt } from "../contract/metrics.ts";
import { offAbort, onAbort } from "../platform/abort.ts";
import { asStopped } from "../stream/attempts-in-flight.ts";
import { chunksOf } from "../stream/complete-source.ts";
import { InnerCall, type InnerCallHost } from "../stream/inner-call.ts";
import type { MessageStream } from "../stream/message-stream.ts";
import { mergeFacts, type ReplyFacts } from "../stream/reply-facts.ts";
import { chunksSoFar } from "../stream/rest-of-reply.ts";
import { type ChunkSink, type ChunkSource, type DrainLimits, NO_SINK } from "../stream/source.ts";
import { sendErrorOf } from "../stream/transfer.ts";
import type { Approvals } from "./approvals.ts";
import type { ContinuedTurn } from "./begun-turn.ts";
import type { BudgetMeter } from "./budget-meter.ts";
import { replyFault } from "./history.ts";
import { RepliesSoFar } from "./merge-replies.ts";
import { resultChunk } from "./tool-result.ts";
import type { ToolRunner } from "./tool-runner.ts";
import type { Turn } from "./turn.ts";
import { TurnCalls } from "./turn-calls.ts";

export { Turn } from "./turn.ts";

/** A reply: its stream, and then its chunks. `since` is the time of the request, on the clock of `performance.now`. */
interface Reading {
  readonly status: "reply";
  readonly inner: InnerCall;
  readonly since: number;
  stream: MessageStream | undefined;
}

/** The event that the turn waits for. */
type Phase =
  | Reading
  /** The `approve` of tools, which decide about the calls of a read: its chunks are held until then. */
  | { readonly status: "approval"; readonly reading: Reading; readonly batch: readonly MessageChunk[] }
  /** The consumer, who may leave before the tools of the last reply start; then the results of those tools. */
  | { readonly status: "tools"; readonly runner: ToolRunner }
  /** The store, which gets the results before the next request. */
  | { readonly status: "save" }
  | { readonly status: "over" };

const OVER: Phase = { status: "over" };

/**
 * The source of a turn's stream. The next reply is requested, and read, only when the consumer wants more. The tools of
 * a reply start when the consumer has taken its last call and wants more; from then on they run on their own. A
 * consumer that leaves the stream at a call prevents them from running.
 */
export class TurnSource implements ChunkSource, InnerCallHost {
  readonly facts: ReplyFacts;
  readonly #turn: Turn;
  readonly #calls: TurnCalls;
  readonly #replies = new RepliesSoFar();
  /** Of the calls of the current reply. */
  #approvals: Approvals;
  readonly #onAbort = (): void => this.#abort();
  #sink: ChunkSink = NO_SINK;
  #phase: Phase;
  /** How many replies were requested. */
  #steps: number;
  #isWanted = false;
  /** The turn ended because its budget was reached: between two replies, or inside one. */
  #budgetEnd: "between" | "inside" | undefined;
  /** The chunks so far of a turn that another process has begun. */
  readonly #before: MessageChunk[] = [];
  /** So many chunks of the first reply are in the store already. */
  #recorded = 0;
  /** Fires when the turn exceeds its limit. */
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param first the turn's first reply; absent in a turn that continues after answers to calls */
  constructor(turn: Turn, first: MessageStream | undefined) {
    this.#turn = turn;
    this.#calls = new TurnCalls(turn, (runner) => this.#toolEnded(runner));
    this.#approvals = this.#calls.newApprovals();
    this.facts = { provider: turn.client.provider, model: turn.client.model, attempts: [] };
    const { continued } = turn;
    if (continued) this.#continueTurn(continued);
    this.#steps = (continued?.steps.filter(({ reply }) => reply).length ?? 0) + (first ? 1 : 0);
    this.#phase = first
      ? { status: "reply", inner: new InnerCall(this), since: turn.startedAt, stream: first }
      : { status: "tools", runner: continued ? this.#calls.continueWith(continued) : this.#calls.resume() };
  }

  /** Takes what another process has added to the turn. */
  #continueTurn({ steps, reply }: ContinuedTurn): void {
    for (const step of steps) {
      if (step.reply) this.#before.push(...this.#replies.shift(chunksSoFar(step.reply)));
      if (step.reply) this.#finishReply(step.reply);
      this.#before.push(...step.results.map((result) => resultChunk(result, this.#nameOf(result, step.reply))));
    }
    if (reply) this.#recorded = chunksSoFar(reply).length;
  }

  #nameOf({ toolCallId }: ToolMessage, reply: AssistantMessage | undefined): string {
    return reply?.toolCalls.find(({ id }) => id === toolCallId)?.name ?? this.#turn.nameOf(toolCallId);
  }

  attach(sink: ChunkSink): void {
    this.#sink = sink;
    onAbort(this.#turn.signal, this.#onAbort);
    this.#timer = this.#turn.timeout?.timer(() => this.#expire());
    if (this.#phase.status !== "reply" || !this.#phase.stream) return;
    const { inner, stream } = this.#phase;
    this.#observe(stream);
    try {
      inner.take(stream);
    } catch (error) {
      this.#fail(sendErrorOf(error)); // another reader has it
    }
  }

  pull(): void {
    if (this.#isOver()) return;
    this.#isWanted = true;
    if (this.#before.length > 0) return this.#deliver(this.#before.splice(0));
    if (this.#phase.status === "reply") this.#phase.inner.read();
    else if (this.#phase.status === "tools") this.#continueTools(this.#phase.runner);
  }

  get waitsForTools(): boolean {
    return this.#phase.status === "tools" || this.#phase.status === "approval";
  }

  get waitedBeforeMs(): number {
    return this.#turn.waitedBeforeMs;
  }

  isWanted(): boolean {
    return this.#isWanted;
  }

  close(): void {
    if (this.#isOver()) return;
    this.#abandonRequest();
    const { inner } = this.#reading ?? {};
    inner?.stop();
    this.#leave(this.#partialOf(inner), "left");
    if (this.#calls.hasUnseenResults) this.#deliver(this.#calls.takeResults());
  }

  /** Reads the current reply to its end. No tool is started or waited for, and no further reply is requested. */
  lastAttempt(drain?: DrainLimits): void {
    if (this.#isOver()) return;
    this.#stopDeciding();
    const { stream } = this.#reading ?? {};
    if (stream) return void stream.stop({ drain: drain ?? true });
    this.#abandonRequest();
    this.#leave(undefined, "left");
    this.#sink.chunks.push(...this.#calls.takeResults());
    this.#sink.end();
  }

  complete(message: AssistantMessage): AssistantMessage {
    const folded = this.#calls.areClosed ? { ...message, toolCalls: [] } : message;
    const merged = this.#replies.merge(folded, this.#partialOf(this.#reading?.inner), this.#calls.hasResults);
    if (!this.#budgetEnd) return merged;
    return { ...merged, finishReason: "budget", ...(this.#budgetEnd === "inside" && { interrupted: true }) };
  }

  arrived(batch: readonly MessageChunk[]): void {
    this.#stopDeciding();
    const decided = this.#phase.status === "reply" ? this.#approvals.decide(batch) : undefined;
    if (!decided || this.#phase.status !== "reply") return this.#take(batch);
    const phase: Phase = { status: "approval", reading: this.#phase, batch };
    this.#phase = phase;
    void decided.then(() => {
      if (this.#phase === phase) this.#stopDeciding();
    });
  }

  failed(error: SendError): void {
    this.#stopDeciding();
    this.#fail(error);
  }

  /** The reply that is being read, or requested. */
  get #reading(): Reading | undefined {
    if (this.#phase.status === "approval") return this.#phase.reading;
    return this.#phase.status === "reply" ? this.#phase : undefined;
  }

  /** Takes the chunks that were held. A call about which nothing is decided does not run. */
  #stopDeciding(): void {
    if (this.#phase.status !== "approval") return;
    const { reading, batch } = this.#phase;
    this.#phase = reading;
    try {
      this.#take(batch);
    } catch (error) {
      this.#fail(sendErrorOf(error)); // as `InnerCall` does
    }
  }

  #take(batch: readonly MessageChunk[]): void {
    const last = batch.at(-1);
    if (last?.type !== "final") {
      if (this.#turn.budget && this.#isBudgetReached(this.#turn.budget)) return this.#endInside(batch);
      return this.#deliver(this.#relayed(batch));
    }
    const chunks = this.#relayed(batch.slice(0, -1));
    const fault = replyFault(last.message);
    if (fault) throw new SendError("protocol", `The final chunk has no reply: it ${fault}.`);
    const reply = this.#approvals.markedReply(last.message);
    if (this.#steps === this.#turn.maxSteps || !this.#calls.isRunnable(reply)) return void this.#end(reply, chunks);
    const runner = this.#calls.offer(reply, this.#approvals);
    this.#phase = { status: "tools", runner };
    this.#finishReply(reply);
    if (this.#turn.budget?.isReached) return void this.#endBetween(chunks);
    if (chunks.length > 0) this.#deliver(chunks);
    else this.#continueTools(runner);
  }

  #isBudgetReached(budget: BudgetMeter): boolean {
    const partial = this.#reading?.inner.partial;
    return partial !== undefined && budget.isReachedWith(partial);
  }

  /** Ends the turn inside a reply, whose chunks so far are kept. */
  #endInside(batch: readonly MessageChunk[]): void {
    const { inner } = this.#reading ?? {};
    const chunks = this.#relayed(batch);
    this.#budgetEnd = "inside";
    inner?.stop();
    const partial = this.#partialOf(inner);
    void this.#end(partial && { ...partial, finishReason: "budget" }, chunks);
  }

  /** Ends the turn behind a complete reply, whose calls do not run. */
  async #endBetween(chunks: readonly MessageChunk[]): Promise<void> {
    this.#budgetEnd = "between";
    this.#calls.close(undefined, this.#steps > 0);
    await this.#end(undefined, [...chunks, ...this.#calls.takeResults()]);
  }

  /** The consumer wants more than the last reply. */
  #continueTools(runner: ToolRunner): void {
    if (!runner.isStarted) {
      if (this.#turn.timeout?.isOver) return this.#fail(this.#turn.timeout.error());
      runner.start();
    }
    if (this.#calls.hasUnseenResults) return this.#deliver(this.#calls.takeResults());
    if (runner.isRunning) return; // `#toolEnded` continues
    if (runner.hasOpenCalls) void this.#end(undefined, []);
    else void this.#requestNext();
  }

  #toolEnded(runner: ToolRunner): void {
    if (this.#isWanted && this.#phase.status === "tools") this.#continueTools(runner);
  }

  async #requestNext(): Promise<void> {
    this.#phase = { status: "save" };
    await this.#turn.saved();
    if (this.#isOver()) return;
    if (this.#turn.timeout?.isOver) return this.#fail(this.#turn.timeout.error());
    this.#steps++;
    this.#approvals = this.#calls.newApprovals();
    const inner = new InnerCall(this);
    const phase: Reading = { status: "reply", inner, since: performance.now(), stream: undefined };
    this.#phase = phase;
    const request = async (signal: AbortSignal): Promise<MessageStream> => {
      const stream = await this.#turn.next(signal);
      phase.stream = stream;
      if (!this.#isOver()) this.#observe(stream);
      return stream;
    };
    await inner.open(request, () => false);
  }

  #isOver(): boolean {
    return this.#phase.status === "over";
  }

  #partialOf(inner: InnerCall | undefined): AssistantMessage | undefined {
    const { partial } = inner ?? {};
    return partial && this.#approvals.markedReply(partial);
  }

  #deliver(chunks: readonly MessageChunk[]): void {
    this.#isWanted = false;
    for (const chunk of chunks) this.#sink.chunks.push(chunk);
    this.#sink.flush();
  }

  /** A reply that fails ends its turn at once, before the chunks are delivered that arrived until then. */
  #observe(stream: MessageStream): void {
    stream.onEnd((message, error) => {
      if (error?.kind === "aborted")
        this.#fail(error); // the consumer wants nothing more
      else if (error) this.#turn.end(message, true);
    });
  }

  #relayed(batch: readonly MessageChunk[]): readonly MessageChunk[] {
    const recorded = Math.min(this.#recorded, batch.length);
    this.#recorded -= recorded;
    if (!this.#turn.isOver) for (const chunk of batch.slice(recorded)) this.#turn.conversation.arrived(chunk);
    return this.#replies.shift(this.#approvals.markedChunks(batch));
  }

  /** Adds a reply that is over, complete or partial. */
  #finishReply(reply: AssistantMessage): void {
    const { metrics }: Partial<AssistantMessage> = reply; // any program may be a client
    this.#replies.add(reply);
    this.#turn.budget?.add(reply);
    mergeFacts(this.facts, reply);
    this.facts.attempts.push(...(metrics?.attempts ?? []));
    if (this.#replies.usage) this.facts.usage = this.#replies.usage;
  }

  /** Ends the turn as its last reply ended. The store has it before the consumer learns of the end. */
  async #end(reply: AssistantMessage | undefined, chunks: readonly MessageChunk[]): Promise<void> {
    this.#stop();
    if (reply) this.#finishReply(reply);
    // It was stopped, and then drained.
    const isUnrun = reply?.interrupted === true && this.#calls.offerUnrun(reply, this.#approvals);
    if (isUnrun) this.#calls.close(undefined, this.#steps > 0);
    this.#turn.end(isUnrun ? undefined : reply, isUnrun);
    if (chunks.length > 0) this.#deliver(chunks);
    await this.#turn.saved();
    this.#sink.end();
  }

  /** Counts the attempts of a request whose reply has not begun: they were sent. */
  #abandonRequest(): void {
    if (this.#phase.status !== "reply" || this.#phase.stream) return;
    const { since, inner } = this.#phase;
    inner.abort(this.#turn.signal.reason);
    const { provider, model } = this.#turn.client;
    // A client of another party reports no attempts.
    const one: Attempt = { provider, model, durationMs: performance.now() - since, outcome: "stopped" };
    this.facts.attempts.push(...asStopped(inner.attempts ?? [one]));
  }

  /**
   * Ends the turn before its end, because the caller `left` or because it `failed`: calls without a result are closed.
   * The history keeps the calls of a reply that was left, with results that say that they were not run.
   */
  #leave(reply: AssistantMessage | undefined, how: "left" | "failed"): void {
    const reason: unknown = this.#turn.signal.reason;
    const { inner } = this.#reading ?? {};
    inner?.abort(reason);
    inner?.stop();
    this.#stop();
    if (reply) this.#finishReply(reply);
    const isUnrun = reply !== undefined && how === "left" && this.#calls.offerUnrun(reply, this.#approvals);
    if (!reply || isUnrun) this.#calls.close(reason, this.#steps > 0);
    this.#turn.end(isUnrun ? undefined : reply, true);
  }

  #abort(): void {
    this.#stopDeciding();
    const reason: unknown = this.#turn.signal.reason;
    // A reply that is being read, or requested, fails by its own signal.
    if (this.#phase.status === "reply") this.#phase.inner.abort(reason);
    else this.#fail(new SendError("aborted", "The caller's signal ended the call.", { cause: reason }));
  }

  /** A reply that is being read, or requested, has the rest of the limit as its own. */
  #expire(): void {
    this.#stopDeciding();
    if (this.#phase.status !== "reply" && this.#turn.timeout) this.#fail(this.#turn.timeout.error());
  }

  #fail(error: SendError): void {
    if (this.#isOver()) return;
    const { kind, partial: cut, attempts = [], ...facts } = error.toJSON();
    const partial = cut && this.#approvals.markedReply(cut);
    if (!partial) this.facts.attempts.push(...attempts);
    // A non-streamed reply that failed has delivered no chunk yet.
    else if (this.#phase.status === "reply" && !this.#phase.stream) {
      this.#sink.chunks.push(...this.#relayed(chunksOf(partial).slice(0, -1)));
    }
    this.#leave(partial, kind === "aborted" ? "left" : "failed");
    this.#sink.chunks.push(...this.#calls.takeResults());
    const { provider, model } = this.#turn.client;
    this.#sink.fail(replaced(error, { provider, model, ...facts, cause: error.cause }));
  }

  #stop(): void {
    this.#phase = OVER;
    clearTimeout(this.#timer);
    this.#calls.stop();
    offAbort(this.#turn.signal, this.#onAbort);
  }
}
