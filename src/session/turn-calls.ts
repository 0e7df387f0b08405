/** The calls of a turn: run, closed or left open, and their results until a chunk shows them. */

import type { ToolResultChunk } from "../contract/chunk.ts";
import type { AssistantMessage, ToolCall, ToolMessage } from "../contract/message.ts";
import type { Tool } from "../contract/options.ts";
import { Approvals, type Decision } from "./approvals.ts";
import type { ContinuedTurn } from "./begun-turn.ts";
import { resultChunk } from "./tool-result.ts";
import { ToolRunner } from "./tool-runner.ts";
import type { Turn } from "./turn.ts";

/** Runs the calls of one reply after another. */
export class TurnCalls {
  readonly #turn: Turn;
  readonly #tools: ReadonlyMap<string, Tool>;
  readonly #onToolEnd: (runner: ToolRunner) => void;
  /** The calls of the last reply. */
  #runner: ToolRunner | undefined;
  readonly #unseenResults: ToolResultChunk[] = [];
  #hasResults = false;
  #areClosed = false;

  /** @param onToolEnd called when a tool of the last reply has ended */
  constructor(turn: Turn, onToolEnd: (runner: ToolRunner) => void) {
    this.#turn = turn;
    this.#tools = new Map(turn.tools.map((tool) => [tool.name, tool]));
    this.#onToolEnd = onToolEnd;
  }

  /** Returns whether any call of the turn has a result. */
  get hasResults(): boolean {
    return this.#hasResults;
  }

  get hasUnseenResults(): boolean {
    return this.#unseenResults.length > 0;
  }

  /** Returns whether the turn was left between two replies: no call is open, even if its result was not seen. */
  get areClosed(): boolean {
    return this.#areClosed;
  }

  /** Returns what decides about the calls of the next reply. */
  newApprovals(): Approvals {
    return new Approvals(this.#tools, this.#turn.signal);
  }

  /** Returns whether the turn continues after this reply, with the results of its calls. */
  isRunnable({ finishReason, interrupted, toolCalls }: AssistantMessage): boolean {
    return finishReason === "toolCalls" && !interrupted && toolCalls.length > 0 && this.#anyRuns();
  }

  /** Keeps the reply. Its calls run when the consumer has seen them. */
  offer(reply: AssistantMessage, approvals: Approvals): ToolRunner {
    this.#turn.replied(reply);
    return this.#runnerOf(reply.toolCalls, (call) => approvals.of(call), reply);
  }

  /**
   * Keeps a reply that was left at calls that would have been run, without its signed parts. Returns false for any
   * other reply, which is not kept here.
   */
  offerUnrun(
    { replay: _replay, unfinishedToolCalls: _unfinished, interrupted: _interrupted, ...reply }: AssistantMessage,
    approvals: Approvals,
  ): boolean {
    const { toolCalls = [] }: Partial<AssistantMessage> = reply; // any program may be a client
    if (toolCalls.length === 0 || !this.#anyRuns()) return false;
    this.offer(reply, approvals);
    return true;
  }

  /** Shows the results of the calls that were answered. Those that may run do so when the consumer asks for more. */
  resume(): ToolRunner {
    const { calls = [], results = [] } = this.#turn.resumed ?? {};
    for (const result of results) this.#show(result);
    return this.#runnerOf(calls, () => ({ type: "run" }));
  }

  /** Offers the calls that a process has left without a result, in a turn that continues here. */
  continueWith({ calls, decisionOf, steps }: ContinuedTurn): ToolRunner {
    this.#hasResults = steps.some(({ results }) => results.length > 0);
    return this.#runnerOf(calls, decisionOf);
  }

  takeResults(): readonly ToolResultChunk[] {
    return this.#unseenResults.splice(0);
  }

  /**
   * Gives each call without a result an error result. Calls of an earlier turn that were not begun stay as they are:
   * open, with their answers.
   * @param areOwn whether the calls are those of a reply of this turn
   */
  close(reason: unknown, areOwn: boolean): void {
    this.#areClosed = true;
    if (areOwn || this.#runner?.isStarted) this.#runner?.close(reason);
  }

  /** Later results do not count. */
  stop(): void {
    this.#runner?.stop();
  }

  #anyRuns(): boolean {
    return this.#turn.tools.some(({ run }) => run);
  }

  /** @param reply the one that has made the calls, when it has just been written here */
  #runnerOf(
    calls: readonly ToolCall[],
    decisionOf: (call: ToolCall) => Decision,
    reply?: AssistantMessage,
  ): ToolRunner {
    const { begins, replied } = this.#turn.reports ?? {};
    const runner = new ToolRunner(calls, this.#tools, decisionOf, {
      begins,
      onStart: () => reply && replied?.(reply),
      onResult: (call, result) => this.#answered(call, result),
      onEnd: () => this.#onToolEnd(runner),
    });
    this.#runner = runner;
    return runner;
  }

  #answered(call: ToolCall, result: ToolMessage): void {
    this.#turn.conversation.record({ type: "result", message: result });
    this.#show(result, call.name);
    if (Object.hasOwn(result, "error")) this.#turn.toolFailed(result.error, call);
  }

  #show(result: ToolMessage, name = this.#turn.nameOf(result.toolCallId)): void {
    this.#hasResults = true;
    this.#unseenResults.push(resultChunk(result, name));
  }
}
