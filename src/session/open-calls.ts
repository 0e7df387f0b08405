/** The calls of a reply that wait for a result, and their tools as they run. */

import type { ToolResultChunk } from "../chunk.ts";
import type { Tool } from "../client.ts";
import type { ToolCall, ToolMessage } from "../message.ts";
import { failureOf, resultOf, withError } from "./run-tool.ts";

/** What the model reads of a call that was ended while its tool ran, and of one whose tool never began. */
const WITHOUT_RESULT = "The turn was ended before this call had a result.";
const NOT_RUN = "This call was not run: the turn was ended before it.";

/** Who hears of results. */
export interface CallListener {
  /** A call has its answer. */
  answered(result: ToolMessage): void;
  /** A tool has failed. */
  toolFailed?(error: unknown, call: ToolCall): void;
}

export class OpenCalls {
  readonly #tools: ReadonlyMap<string, Tool>;
  readonly #listener: CallListener;
  /** A signal each: runtimes warn of many listeners on one. */
  readonly #open = new Map<ToolCall, AbortController>();
  /** Results that nobody has seen yet. */
  #results: ToolResultChunk[] = [];
  /** Whether the tools were started, how many of them run, and who waits for the next to end. */
  #isStarted = false;
  #running = 0;
  #wake: (() => void) | undefined;
  /** Whether any call had a result. */
  anyAnswered = false;

  constructor(tools: readonly Tool[], listener: CallListener) {
    this.#tools = new Map(tools.map((tool) => [tool.name, tool]));
    this.#listener = listener;
  }

  /** Calls that wait. Once no tool runs, they are the caller's to answer. */
  get size(): number {
    return this.#open.size;
  }

  /** Whether a tool runs, or a result is still to be shown. */
  get areRunning(): boolean {
    return this.#running > 0 || this.#results.length > 0;
  }

  /** The calls of the next reply; none of them runs yet. */
  add(calls: readonly ToolCall[]): void {
    this.#isStarted = false;
    for (const call of calls) this.#open.set(call, new AbortController());
  }

  /** Runs their tools side by side. */
  start(): void {
    this.#isStarted = true;
    for (const [call, running] of this.#open) void this.#run(call, running);
  }

  /** Resolves when there is a result to show, a tool has ended without one, or the calls were closed. */
  async next(): Promise<void> {
    if (this.#results.length > 0) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  /** The results that nobody has seen yet; seen with this. */
  taken(): readonly ToolResultChunk[] {
    return this.#results.splice(0);
  }

  /** Nobody waits any more: signals fire, and every call gets the answer that it has none. Later results are dropped. */
  close(reason: unknown): void {
    for (const [call, running] of this.#open) {
      running.abort(reason);
      this.#answered(call, failureOf(call, this.#isStarted ? WITHOUT_RESULT : NOT_RUN));
    }
    this.#wake?.();
  }

  async #run(call: ToolCall, running: AbortController): Promise<void> {
    this.#running++;
    const result = await resultOf(call, this.#tools, running);
    this.#running--;
    if (result && this.#open.has(call)) this.#answered(call, result);
    this.#wake?.();
  }

  #answered(call: ToolCall, result: ToolMessage): void {
    this.anyAnswered = true;
    this.#open.delete(call);
    this.#listener.answered(result);
    const { id: toolCallId, name } = call;
    const { content, isError = false } = result;
    const shown = { content: "", toolCallId, name, result: content, isError, isFinal: false } as const;
    const chunk: ToolResultChunk = { type: "toolResult", ...shown };
    const hasFailed = Object.hasOwn(result, "error");
    this.#results.push(hasFailed ? withError(chunk, result.error) : chunk);
    if (hasFailed) this.#listener.toolFailed?.(result.error, call);
  }
}
