/** Executes one tool call: from its arguments to its result message. */

import { SendError } from "../contract/errors.ts";
import type { AssistantMessage, ToolCall, ToolMessage } from "../contract/message.ts";
import type { Tool } from "../contract/options.ts";
import { MAX_TIMER_MS } from "../platform/clock.ts";
import { issuesText } from "../schema/schema.ts";
import { argumentsFor } from "./tool-arguments.ts";
import { errorResult, withError } from "./tool-result.ts";
import { isError, toolErrorText, toolResultText } from "./tool-result-text.ts";

/** Notes that the tool of a call begins to run. */
export type ToolBegins = (call: ToolCall) => Promise<void>;

/** Learns how far a turn has come, for a process that continues it. */
export interface TurnReports {
  /** Awaited before a tool runs. */
  readonly begins: ToolBegins;
  /** Called with a complete reply when the consumer has taken its calls, before their tools begin. */
  replied?(reply: AssistantMessage): void;
}

/**
 * Resolves with the result of a call; with `undefined` when the tool has no `run`, so that the caller has to answer.
 * Never rejects: an unknown tool, invalid arguments, an error and a passed limit each become an error result for the
 * model. An error of the tool itself is also the message's `error`.
 * @param running provides the signal of the tool; aborted here when `Tool.timeoutMs` passes
 * @param begins awaited before the tool runs; the tool does not run when it rejects
 */
export async function executeTool(
  call: ToolCall,
  tools: ReadonlyMap<string, Tool>,
  running: AbortController,
  begins?: ToolBegins,
): Promise<ToolMessage | undefined> {
  const tool = tools.get(call.name);
  if (!tool) return errorResult(call, `Unknown tool ${call.name}. Available tools: ${[...tools.keys()].join(", ")}.`);
  try {
    return await withTimeout(run(call, tool, running.signal, begins), tool, running);
  } catch (error) {
    return withError(errorResult(call, toolErrorText(error)), error);
  }
}

async function run(
  call: ToolCall,
  tool: Tool<unknown>,
  signal: AbortSignal,
  begins: ToolBegins | undefined,
): Promise<ToolMessage | undefined> {
  const validated = await argumentsFor(call, tool);
  if (validated.issues) {
    return errorResult(call, `The arguments do not match the schema of ${call.name}: ${issuesText(validated.issues)}.`);
  }
  if (!tool.run) return undefined;
  await begins?.(call);
  signal.throwIfAborted(); // the turn was left while the arguments were validated
  const result = await tool.run(validated.value, { signal, toolCallId: call.id });
  if (isError(result)) throw result;
  return { role: "tool", toolCallId: call.id, content: toolResultText(result) };
}

/** Limits the time of a tool. A result or failure after the limit is ignored. */
function withTimeout<T>(result: Promise<T>, { name, timeoutMs }: Tool, running: AbortController): Promise<T> {
  if (!timeoutMs) return result;
  return new Promise((resolve, reject) => {
    const expire = () => {
      const message = `The tool ${name} gave no result within ${timeoutMs} ms (\`timeoutMs\`).`;
      const error = new SendError("timeout", message, { waitedMs: timeoutMs });
      reject(error);
      running.abort(error);
    };
    const timer = setTimeout(expire, Math.min(timeoutMs, MAX_TIMER_MS));
    result.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
