/** One turn as one stream: a reply, the tools it asks for, the reply to what they answered, and so on. */

import type { MessageChunk, ToolResultChunk } from "../contract/chunk.ts";
import type { ClientWrapper } from "../contract/client.ts";
import { SendError } from "../contract/errors.ts";
import type { AssistantMessage, ToolCall, ToolMessage } from "../contract/message.ts";
import type { Attempt } from "../contract/metrics.ts";
import type { Tool } from "../contract/options.ts";
import { offAbort, onAbort } from "../platform/abort.ts";
import { asStopped, observeAttempts } from "../stream/attempts-in-flight.ts";
import { chunksOf } from "../stream/complete-source.ts";
import { type MessageStream, relayRedactions } from "../stream/message-stream.ts";
import { mergeFacts, type ReplyFacts } from "../stream/reply-facts.ts";
import { shiftCitation } from "../stream/shift-citation.ts";
import { type ChunkSink, type ChunkSource, NO_SINK } from "../stream/source.ts";
import { sendErrorOf } from "../stream/transfer.ts";
import { UsageTotal } from "../tokens/usage-total.ts";
import { errorResult, executeTool, withError } from "./execute-tool.ts";
import { replyFault } from "./history.ts";
import { mergeReplies } from "./merge-replies.ts";
import type { TurnTimeout } from "./turn-timeout.ts";

/** What the model reads of a call that was ended while its tool ran, and of one whose tool never began. */
const WITHOUT_RESULT = "The turn was ended before this call had a result.";
const NOT_RUN = "This call was not run: the turn was ended before it.";

/** The session's side of a turn: where replies come from, and who keeps what happens. */
export interface TurnKeeper {
  readonly client: ClientWrapper;
  readonly tools: readonly Tool[];
  /** Most replies of the turn. */
  readonly maxSteps: number;
  readonly signal: AbortSignal | undefined;
  /** How long the turn may take, its tools included. Absent: as long as it takes. */
  readonly limit?: TurnTimeout;
  /** Asks for the next reply, with all that was kept so far. Rejects as a client does. */
  ask(signal: AbortSignal): Promise<MessageStream>;
  /** A chunk of a reply, before anybody sees it. */
  arrived(chunk: MessageChunk): void;
  /** A reply is whole, and its tools are run once the consumer has seen its calls. */
  replied(reply: AssistantMessage): void;
  /** A call of that reply has its answer. */
  answered(result: ToolMessage): void;
  /** A tool has failed. */
  toolFailed?(error: unknown, call: ToolCall): void;
  /** The turn is over, with this last reply. Called once. */
  ended(reply: AssistantMessage | undefined, interrupted: boolean): void;
  /** Resolves when what was kept is safe, or cannot be made so. */
  saved(): Promise<void>;
}

/**
 * The source of a turn's stream. The next reply is asked for, and read, only when somebody wants more. The tools of a reply start
 * when its last call was taken and more is wanted, so that leaving the stream at a call is a veto; then they run by themselves.
 */
export class TurnSource implements ChunkSource {
  readonly facts: ReplyFacts;
  readonly #keeper: TurnKeeper;
  readonly #tools: ReadonlyMap<string, Tool>;
  #sink: ChunkSink = NO_SINK;
  readonly #first: MessageStream;
  readonly #flow: AsyncGenerator<readonly MessageChunk[], void>;
  readonly #stopping = new AbortController();
  readonly #onAbort = (): void => this.#abort();
  /** The replies that are over; after a failure the last is cut. */
  readonly #replies: AssistantMessage[] = [];
  readonly #usageTotal = new UsageTotal();
  /** How many characters, calls and media they have, which those of the next reply come after. */
  #characters = 0;
  #calls = 0;
  #media = 0;
  /** The reply that is being read, or asked for. */
  #stream: MessageStream | "asked for" | undefined;
  /** Since when it is asked for, and what was sent for it. */
  #askedAt = 0;
  #sent: () => readonly Attempt[] | undefined = () => undefined;
  /** Calls of the last reply without an answer. A signal each: runtimes warn of many listeners on one. */
  readonly #open = new Map<ToolCall, AbortController>();
  /** Whether the tools of the last reply were started, how many of them run, and who waits for the next to end. */
  #isStarted = false;
  #running = 0;
  #wake: (() => void) | undefined;
  /** Fires when the turn has taken too long. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Answers that nobody has seen yet. */
  #results: ToolResultChunk[] = [];
  #anyAnswered = false;
  /** Left between two replies: no call waits any more, also where nobody is shown so. */
  #isClosed = false;
  #isPulling = false;
  /** The reply that is being read has failed; what came of it is still to be shown. */
  #isFailing = false;
  #isOver = false;

  /** `first` is the turn's first reply, which was asked for before. */
  constructor(keeper: TurnKeeper, first: MessageStream) {
    this.#keeper = keeper;
    this.#tools = new Map(keeper.tools.map((tool) => [tool.name, tool]));
    this.facts = { provider: keeper.client.provider, model: keeper.client.model, attempts: [] };
    this.#first = first;
    this.#flow = this.#run(first);
  }

  attach(sink: ChunkSink): void {
    this.#sink = sink;
    this.#read(this.#first);
    onAbort(this.#keeper.signal, this.#onAbort);
    this.#timer = this.#keeper.limit?.timer(() => this.#expire());
  }

  pull(): void {
    if (this.#isOver || this.#isPulling) return;
    this.#isPulling = true;
    this.#flow.next().then(
      ({ done, value }) => {
        this.#isPulling = false;
        if (!done && !this.#isOver) this.#show(value);
      },
      (error: unknown) => {
        this.#isPulling = false;
        this.#fail(sendErrorOf(error));
      },
    );
  }

  close(): void {
    if (this.#isOver) return;
    const reply = this.#stream === "asked for" ? undefined : this.#stream;
    void reply?.stop();
    this.#abandon();
    this.#leave(reply?.partial, "left");
    if (this.#results.length > 0) this.#show(this.#results.splice(0));
  }

  /** The reply that is being read is read to its end, no tool is run or waited for, and nothing more is asked. */
  lastAttempt(): void {
    if (this.#isOver) return;
    if (this.#stream && this.#stream !== "asked for") {
      void this.#stream.stop({ drain: true });
      return;
    }
    this.#abandon();
    this.#leave(undefined, "left");
    this.#sink.chunks.push(...this.#results.splice(0));
    this.#sink.end();
  }

  complete(message: AssistantMessage): AssistantMessage {
    const running = this.#stream && this.#stream !== "asked for" ? [this.#stream.partial] : [];
    const replies = [...this.#replies, ...running];
    const [only, ...others] = replies;
    if (!only) return message;
    if (others.length === 0 && !this.#anyAnswered)
      return only.content === message.content ? only : asShown(only, message);
    return mergeReplies(replies, this.#isClosed ? { ...message, toolCalls: [] } : message);
  }

  /** What the stream shows, piece by piece; asked for the next piece only when somebody wants it. */
  async *#run(first: MessageStream): AsyncGenerator<readonly MessageChunk[], void> {
    let stream = first;
    for (let step = 1; ; step++) {
      let isWhole = false;
      for await (const batch of stream.batches()) {
        if (this.#isOver) return; // what was stopped has said its last
        const last = batch.at(-1);
        const reply = last?.type === "final" ? last.message : undefined;
        const chunks = this.#placed(reply ? batch.slice(0, -1) : batch);
        if (reply) {
          const fault = replyFault(reply);
          if (fault) throw new SendError("protocol", `The final chunk has no reply: it ${fault}.`);
          this.#finished(reply);
          if (step === this.#keeper.maxSteps || !this.#isRunnable(reply)) return this.#end(reply, chunks);
          this.#offer(reply);
          isWhole = true;
        }
        if (chunks.length > 0) yield chunks;
      }
      if (this.#isOver) return;
      if (!isWhole) throw new SendError("truncated", "The chunks ended without a final one.");

      this.#start();
      while (this.#running > 0 || this.#results.length > 0) {
        if (this.#results.length === 0) await this.#nextAnswer();
        if (this.#isOver) return;
        if (this.#results.length > 0) yield this.#results.splice(0);
      }
      if (this.#open.size > 0) return this.#end(undefined, []);

      await this.#keeper.saved();
      if (this.#isOver) return;
      this.#keeper.limit?.check();
      this.#stream = "asked for";
      this.#askedAt = performance.now();
      this.#sent = observeAttempts(this.#stopping.signal);
      stream = await this.#keeper.ask(this.#stopping.signal);
      if (this.#isOver) return void stream.stop();
      this.#read(stream);
    }
  }

  #show(chunks: readonly MessageChunk[]): void {
    for (const chunk of chunks) this.#sink.chunks.push(chunk);
    this.#sink.flush();
    // What had arrived before a failure is shown, and then the failure, whether somebody waits or not.
    if (this.#isFailing) this.pull();
  }

  #read(stream: MessageStream): void {
    this.#stream = stream;
    relayRedactions(stream, this.facts);
    stream.onEnd((_message, error) => {
      if (!error) return;
      this.#isFailing = true;
      this.pull();
    });
  }

  /** Chunks of the present reply as chunks of the whole: what counts characters or calls goes on counting. */
  #placed(batch: readonly MessageChunk[]): readonly MessageChunk[] {
    for (const chunk of batch) this.#keeper.arrived(chunk);
    if (this.#replies.length === 0) return batch;
    return batch.map((chunk) => {
      if (chunk.type === "media") return { ...chunk, index: chunk.index + this.#media };
      if (chunk.type === "toolCallDelta") return { ...chunk, index: chunk.index + this.#calls };
      return chunk.type === "citation" ? shiftCitation(this.#characters, chunk) : chunk;
    });
  }

  #isRunnable({ finishReason, interrupted, toolCalls }: AssistantMessage): boolean {
    if (finishReason !== "toolCalls" || interrupted || toolCalls.length === 0) return false;
    return this.#keeper.tools.some(({ run }) => run);
  }

  /** The reply is kept; what it calls is not run before the consumer has seen it. */
  #offer(reply: AssistantMessage): void {
    this.#keeper.replied(reply);
    this.#isStarted = false;
    for (const call of reply.toolCalls) this.#open.set(call, new AbortController());
  }

  /** Whether a reply was left at calls that would have been run. Without its signed parts it is as any other client's. */
  #vetoes({
    replay: _replay,
    unfinishedToolCalls: _unfinished,
    interrupted: _cut,
    ...reply
  }: AssistantMessage): boolean {
    if (reply.toolCalls.length === 0 || !this.#keeper.tools.some(({ run }) => run)) return false;
    this.#offer(reply);
    return true;
  }

  /** Runs the reply's tools side by side. */
  #start(): void {
    this.#keeper.limit?.check();
    this.#isStarted = true;
    for (const [call, running] of this.#open) void this.#answer(call, running);
  }

  async #answer(call: ToolCall, running: AbortController): Promise<void> {
    this.#running++;
    const result = await executeTool(call, this.#tools, running);
    this.#running--;
    if (this.#isOver) return;
    if (result) this.#answered(call, result);
    this.#wake?.();
  }

  #nextAnswer(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #answered(call: ToolCall, result: ToolMessage): void {
    this.#anyAnswered = true;
    this.#open.delete(call);
    this.#keeper.answered(result);
    const { id: toolCallId, name } = call;
    const { content, isError = false } = result;
    const chunk = {
      type: "toolResult",
      content: "",
      toolCallId,
      name,
      result: content,
      isError,
      isFinal: false,
    } as const;
    this.#results.push(Object.hasOwn(result, "error") ? withError(chunk, result.error) : chunk);
    if (Object.hasOwn(result, "error")) this.#keeper.toolFailed?.(result.error, call);
  }

  /** A reply is over, whole or not. */
  #finished(reply: AssistantMessage): void {
    this.#stream = undefined;
    this.#replies.push(reply);
    mergeFacts(this.facts, reply);
    this.facts.attempts.push(...reply.metrics.attempts);
    this.#characters += reply.content.length;
    this.#calls += reply.toolCalls.length;
    this.#media += reply.media?.length ?? 0;
    this.#usageTotal.add(reply);
    if (this.#usageTotal.usage) this.facts.usage = this.#usageTotal.usage;
  }

  /** The turn's own end. It is kept, and safe, before the consumer learns of it. */
  async #end(reply: AssistantMessage | undefined, chunks: readonly MessageChunk[]): Promise<void> {
    this.#over();
    // Stopped, and read on for the bill.
    const areVetoed = reply?.interrupted === true && this.#vetoes(reply);
    if (areVetoed) this.#closeCalls(undefined);
    this.#keeper.ended(areVetoed ? undefined : reply, areVetoed);
    if (chunks.length > 0) this.#show(chunks);
    await this.#keeper.saved();
    this.#sink.end();
  }

  /** A request whose reply has not begun is left: it was sent all the same. */
  #abandon(): void {
    if (this.#stream !== "asked for") return;
    this.#stopping.abort(this.#keeper.signal?.reason);
    const { provider, model } = this.#keeper.client;
    // A client of somebody else's does not say what it has sent.
    const one: Attempt = { provider, model, durationMs: performance.now() - this.#askedAt, outcome: "stopped" };
    this.facts.attempts.push(...asStopped(this.#sent() ?? [one]));
  }

  /**
   * The end by the caller's will (`left`), or by a failure: calls without a result are closed. Of a reply that was left the calls
   * that came stay, for the history to tell that they were not run.
   */
  #leave(reply: AssistantMessage | undefined, how: "left" | "failed"): void {
    this.#over();
    const reason: unknown = this.#keeper.signal?.reason;
    this.#stopping.abort(reason);
    if (reply) this.#finished(reply);
    const areVetoed = reply !== undefined && how === "left" && this.#vetoes(reply);
    if (!reply || areVetoed) this.#closeCalls(reason);
    this.#keeper.ended(areVetoed ? undefined : reply, true);
  }

  /** Every call that waits gets the answer that it has none. */
  #closeCalls(reason: unknown): void {
    this.#isClosed = true;
    for (const [call, running] of this.#open) {
      running.abort(reason);
      this.#answered(call, errorResult(call, this.#isStarted ? WITHOUT_RESULT : NOT_RUN));
    }
  }

  #abort(): void {
    const reason: unknown = this.#keeper.signal?.reason;
    // A reply that is being read, or asked for, fails by itself.
    if (this.#stream) this.#stopping.abort(reason);
    else this.#fail(new SendError("aborted", "The caller's signal ended the call.", { cause: reason }));
  }

  /** A reply that is being read, or asked for, has what is left of the limit as its own. */
  #expire(): void {
    if (!this.#stream && this.#keeper.limit) this.#fail(this.#keeper.limit.error());
  }

  #fail(error: SendError): void {
    if (this.#isOver) return;
    const { kind, partial, attempts = [], ...facts } = error.toJSON();
    if (!partial) this.facts.attempts.push(...attempts);
    // A whole reply that failed has shown nothing yet.
    else if (this.#stream === "asked for") this.#sink.chunks.push(...this.#placed(chunksOf(partial).slice(0, -1)));
    this.#leave(partial, kind === "aborted" ? "left" : "failed");
    this.#sink.chunks.push(...this.#results.splice(0));
    const { provider, model } = this.#keeper.client;
    this.#sink.fail(error.replacing({ provider, model, ...facts, cause: error.cause }));
  }

  #over(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#wake?.();
    offAbort(this.#keeper.signal, this.#onAbort);
  }
}

/** A reply that was stopped between the arrival of a piece and its being shown: its reader has seen less than has come, and is kept. */
function asShown(reply: AssistantMessage, shown: AssistantMessage): AssistantMessage {
  const { replay: _replay, output: _output, unfinishedToolCalls: _unfinished, media: _media, ...rest } = reply;
  const { content, reasoning, toolCalls, unfinishedToolCalls, citations, media } = shown;
  return {
    ...rest,
    content,
    reasoning,
    toolCalls,
    citations,
    ...(media && { media }),
    ...(unfinishedToolCalls && { unfinishedToolCalls }),
  };
}
