/** Runs the calls of one reply side by side, from being offered to having a result each. */

import type { ToolCall, ToolMessage } from "../contract/message.ts";
import type { Tool } from "../contract/options.ts";
import type { Decision } from "./approvals.ts";
import { executeTool, type ToolBegins } from "./execute-tool.ts";
import { deniedResult, errorResult, withError } from "./tool-result.ts";
import { toolErrorText } from "./tool-result-text.ts";

/** The results of calls that were closed while their tool ran, and before it began. */
const WITHOUT_RESULT = "The turn was ended before this call had a result.";
const NOT_RUN = "This call was not run: the turn was ended before it.";

/** Learns what becomes of the calls. */
export interface ToolListener {
  /** Awaited before the tool of a call runs. */
  readonly begins?: ToolBegins | undefined;
  /** The consumer has taken the last call, and the tools begin. */
  onStart?(): void;
  /** A call has its result; called at most once for each. */
  onResult(call: ToolCall, result: ToolMessage): void;
  /** A tool has ended, after `onResult` if that was called. Not called after `stop`. */
  onEnd(): void;
}

/** Runs the calls of one reply. */
export class ToolRunner {
  readonly #tools: ReadonlyMap<string, Tool>;
  readonly #decisionOf: (call: ToolCall) => Decision;
  readonly #listener: ToolListener;
  /** The calls without a result. Each has a signal of its own, because runtimes warn of many listeners on one. */
  readonly #open = new Map<ToolCall, AbortController>();
  #phase: "offered" | "started" | "stopped" = "offered";
  #running = 0;

  /** @param decisionOf which calls may run; a call that waits for an answer stays open */
  constructor(
    calls: readonly ToolCall[],
    tools: ReadonlyMap<string, Tool>,
    decisionOf: (call: ToolCall) => Decision,
    listener: ToolListener,
  ) {
    this.#tools = tools;
    this.#decisionOf = decisionOf;
    this.#listener = listener;
    for (const call of calls) this.#open.set(call, new AbortController());
  }

  get isStarted(): boolean {
    return this.#phase !== "offered";
  }

  /** Whether a tool runs. */
  get isRunning(): boolean {
    return this.#running > 0;
  }

  /** Whether a call has no result. After all tools ran, those are the calls that a caller or a person answers. */
  get hasOpenCalls(): boolean {
    return this.#open.size > 0;
  }

  start(): void {
    this.#phase = "started";
    this.#listener.onStart?.();
    for (const [call, running] of this.#open) void this.#execute(call, running);
  }

  /** Later results do not count. */
  stop(): void {
    if (this.#phase === "started") this.#phase = "stopped";
  }

  /** Aborts the tools that run, and gives each call without a result an error result. */
  close(reason: unknown): void {
    const content = this.#phase === "offered" ? NOT_RUN : WITHOUT_RESULT;
    this.stop();
    for (const [call, running] of this.#open) {
      running.abort(reason);
      this.#settle(call, errorResult(call, content));
    }
  }

  async #execute(call: ToolCall, running: AbortController): Promise<void> {
    this.#running++;
    const result = await this.#resultOf(call, running);
    this.#running--;
    if (this.#phase === "stopped") return;
    if (result) this.#settle(call, result);
    this.#listener.onEnd();
  }

  async #resultOf(call: ToolCall, running: AbortController): Promise<ToolMessage | undefined> {
    const decision = this.#decisionOf(call);
    switch (decision.type) {
      case "run":
        return executeTool(call, this.#tools, running, this.#listener.begins);
      case "ask":
        return undefined;
      case "deny":
        return deniedResult(call, "This call is not allowed");
      case "fail":
        return withError(errorResult(call, toolErrorText(decision.error)), decision.error);
    }
  }

  #settle(call: ToolCall, result: ToolMessage): void {
    this.#open.delete(call);
    this.#listener.onResult(call, result);
  }
}
