/** A source that validates tool calls and output against the caller's schemas before a reader sees them as complete. */

import type { MessageChunk } from "../contract/chunk.ts";
import { SendError } from "../contract/errors.ts";
import type { SendOptions, Tool } from "../contract/options.ts";
import type { SchemaResult } from "../contract/schema.ts";
import { offAbort, onAbort } from "../platform/abort.ts";
import { MAX_TIMER_MS } from "../platform/clock.ts";
import { parseExact } from "../platform/exact-json.ts";
import { ModelJson } from "../platform/model-json.ts";
import { TextBuffer } from "../platform/text-buffer.ts";
import { wordsOf } from "../platform/text-of.ts";
import { issuesText, validate } from "../schema/schema.ts";
import { asTimedOut } from "./attempts-in-flight.ts";
import type { ReplyFacts } from "./reply-facts.ts";
import { type ChunkSink, type ChunkSource, NO_SINK } from "./source.ts";

/** The options that say what is validated, and for how long. */
export type Checks = Pick<
  SendOptions,
  "tools" | "output" | "invalidArguments" | "invalidOutput" | "signal" | "timeouts" | "providerOptions"
>;

/**
 * Passes on only validated chunks from a source to its stream. Asynchronous rules hold up the flush, and the source is
 * not asked again before they answer; a failure (the caller's signal, a deadline) does not wait for them.
 */
export class ValidatingSource implements ChunkSource, ChunkSink {
  readonly facts: ReplyFacts;
  /** The array to which the source appends; the stream's own array holds only validated chunks. */
  chunks: MessageChunk[] = [];
  readonly #source: ChunkSource;
  #sink: ChunkSink = NO_SINK;
  readonly #tools: ReadonlyMap<string, Tool>;
  readonly #output: SendOptions["output"];
  readonly #deliversInvalidOutput: boolean;
  /** The caller has sent tools, and the model may ask for them before it writes the value. */
  readonly #hasTools: boolean;
  readonly #signal: AbortSignal | undefined;
  readonly #endsAt: number;
  readonly #text = new TextBuffer();
  /** How many of the chunks may be handed on. */
  #passed = 0;
  #isOver = false;
  /** The rest is read for its usage alone, and is not validated. */
  #isUnseen = false;

  /** `timeouts.total` begins now. */
  constructor(source: ChunkSource, options: Checks, checkedTools: Checks["tools"]) {
    const { tools, output, invalidOutput, signal, timeouts, providerOptions } = options;
    this.facts = source.facts;
    this.#source = source;
    this.#endsAt = performance.now() + (timeouts?.total || Number.POSITIVE_INFINITY);
    this.#signal = signal;
    this.#tools = new Map(checkedTools?.map((tool) => [tool.name, tool]));
    this.#hasTools = (tools?.length ?? 0) > 0 || providerOptions?.tools !== undefined;
    this.#output = output;
    this.#deliversInvalidOutput = invalidOutput === "deliver";
  }

  get opened(): Promise<void> | undefined {
    return this.#source.opened;
  }

  attach(sink: ChunkSink): void {
    this.#sink = sink;
    this.#source.attach(this);
  }

  pull(at: number): void {
    this.#source.pull(at);
  }

  close(): void {
    this.#isOver = true;
    this.#source.close();
  }

  lastAttempt(): void {
    this.#isUnseen = true;
    this.#source.lastAttempt?.();
  }

  flush(): void {
    this.#check(() => {
      this.#handOver();
      this.#sink.flush();
    });
  }

  end(...message: Parameters<ChunkSink["end"]>): void {
    this.#check(() =>
      this.#checkOutput(() => {
        this.#handOver();
        this.#over(() => this.#sink.end(...message));
      }),
    );
  }

  /** Valid calls are complete, also if the reply fails after them. */
  fail(error: SendError): void {
    if (this.#isOver) return;
    const doubtful = this.chunks.splice(this.#passed);
    this.#handOver();
    for (const chunk of doubtful) {
      const parameters = this.#parametersOf(chunk);
      const result = parameters && resultOf(parameters, argumentsOf(chunk), rawArgumentsIn(chunk));
      if (!result || (!isPromise(result) && !result.issues)) this.#sink.chunks.push(chunk);
    }
    this.#over(() => this.#sink.fail(error));
  }

  /** Passes on all chunks once they are validated, then calls `next`. At once where no rule is asynchronous. */
  #check(next: () => void): void {
    for (let chunk = this.chunks[this.#passed]; chunk && !this.#isOver; chunk = this.chunks[this.#passed]) {
      const parameters = this.#parametersOf(chunk);
      if (!parameters) {
        this.#pass(chunk);
        continue;
      }
      const result = resultOf(parameters, argumentsOf(chunk), rawArgumentsIn(chunk));
      if (isPromise(result)) {
        return this.#later(result, (later) => {
          if (this.#settleCall(later)) this.#check(next);
        });
      }
      this.#settleCall(result);
    }
    if (!this.#isOver) next();
  }

  /**
   * Hands the chunks over, all at once, directly before the stream's `flush`: chunks in its array are shown, even if it
   * stops.
   */
  #handOver(): void {
    for (let at = 0; at < this.#passed; at++) {
      const chunk = this.chunks[at];
      if (chunk) this.#sink.chunks.push(chunk);
    }
    this.chunks = [];
    this.#passed = 0;
  }

  /**
   * Waits for a rule, but not longer than the caller: the source may be over, with its clock, and hear no signal any
   * more.
   */
  #later(result: Promise<SchemaResult<unknown>>, use: (result: SchemaResult<unknown>) => void): void {
    const signal = this.#signal;
    const { provider, model } = this.facts;
    const abort = (): void => {
      const cause: unknown = signal?.reason;
      giveUp(new SendError("aborted", "The caller's signal ended the call.", { provider, model, cause }));
    };
    const tooLate = (): void => {
      const message =
        "The schema timed out: a rule did not answer within `timeouts.total`. Raise the limit, or check the rule.";
      giveUp(new SendError("timeout", message, { provider, model, phase: "total" }));
    };
    const giveUp = (error: SendError): void => {
      const { attempts } = this.facts;
      const before = [...attempts];
      offAbort(signal, abort);
      this.#source.close();
      if (error.kind === "timeout") attempts.splice(0, attempts.length, ...asTimedOut(attempts, before));
      this.fail(error);
    };
    if (signal?.aborted) return abort();
    onAbort(signal, abort);
    const leftMs = this.#endsAt - performance.now();
    const limit = leftMs < MAX_TIMER_MS ? setTimeout(tooLate, Math.max(0, leftMs)) : undefined;
    result.then((settled) => {
      clearTimeout(limit);
      offAbort(signal, abort);
      if (!this.#isOver) use(settled);
    });
  }

  #pass(chunk: MessageChunk): void {
    this.#passed++;
    if (!this.#output) return;
    if (chunk.type === "text") this.#text.add(chunk.content);
    else if (chunk.type === "rewind") this.#text.cut(this.#text.length - chunk.length);
  }

  #parametersOf(chunk: MessageChunk): Tool["parameters"] {
    return chunk.type === "toolCall" && !this.#isUnseen ? this.#tools.get(chunk.toolCall.name)?.parameters : undefined;
  }

  /** Passes the first call in the queue on, or rejects the reply. Returns whether the call is valid. */
  #settleCall(result: SchemaResult<unknown>): boolean {
    const chunk = this.chunks[this.#passed];
    if (chunk?.type !== "toolCall") return false;
    if (!result.issues) {
      this.#pass(chunk);
      return true;
    }
    const { name } = chunk.toolCall;
    this.#reject(`The arguments of the call of ${name} do not fit its schema: ${issuesText(result.issues)}.`);
    return false;
  }

  /** A reply that asks for tools first owes no value yet; every other one does. */
  #checkOutput(next: () => void): void {
    const schema = this.#output;
    const { facts } = this;
    if (!schema || this.#isUnseen || (this.#hasTools && facts.finishReason === "toolCalls")) return next();
    const json = new ModelJson().add(this.#text.toString());
    let value: unknown;
    try {
      value = parseExact(json);
    } catch {
      if (this.#deliversInvalidOutput) return next();
      return this.#reject(
        `The reply is not the JSON that was asked for${reasonOf(facts)}: its text is on \`partial\`.`,
      );
    }
    const settle = (result: SchemaResult<unknown>): void => {
      if (result.issues) {
        if (this.#deliversInvalidOutput) return next();
        return this.#reject(`The reply does not fit the schema of \`output\`: ${issuesText(result.issues)}.`);
      }
      facts.output = result.value;
      next();
    };
    const result = resultOf(schema, value, json);
    if (isPromise(result)) this.#later(result, settle);
    else settle(result);
  }

  #reject(message: string): void {
    this.#source.close();
    this.#handOver();
    const { provider, model } = this.facts;
    this.#over(() => this.#sink.fail(new SendError("invalidOutput", message, { provider, model })));
  }

  #over(report: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    report();
  }
}

/** Returns why a text that is not JSON ended early, if the model was not done. */
function reasonOf({ finishReason, rawFinishReason }: ReplyFacts): string {
  if (finishReason === "stop" || finishReason === undefined) return "";
  if (finishReason === "length") return ", because a token limit cut it (raise `maxOutputTokens`)";
  return ` (finish reason: ${rawFinishReason ?? finishReason})`;
}

function rawArgumentsIn(chunk: MessageChunk): string | undefined {
  return chunk.type === "toolCall" ? chunk.toolCall.rawArguments : undefined;
}

function argumentsOf(chunk: MessageChunk): unknown {
  return chunk.type === "toolCall" ? chunk.toolCall.arguments : undefined;
}

/** Resolves with the schema's result for a value; a rule that throws counts as an issue. Never rejects. */
function resultOf(
  schema: NonNullable<Tool["parameters"]>,
  value: unknown,
  json: string | undefined,
): SchemaResult<unknown> | Promise<SchemaResult<unknown>> {
  const thrown = (error: unknown): SchemaResult<unknown> => ({
    issues: [{ message: `the schema threw ${wordsOf(error)}` }],
  });
  try {
    const result = validate(schema, value, json);
    return isPromise(result) ? result.catch(thrown) : result;
  } catch (error) {
    return thrown(error);
  }
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return value instanceof Promise;
}
