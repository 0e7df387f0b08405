/** One call of a tool: from its arguments to the message that answers it. */

import type { Tool } from "../contract/client.ts";
import { SendError } from "../contract/errors.ts";
import type { ToolCall, ToolMessage } from "../contract/message.ts";
import { MAX_TIMER_MS } from "../platform/clock.ts";
import { issuesText, type SchemaResult, validate } from "../schema/schema.ts";
import { errorText, isError, resultText } from "./result-text.ts";

/**
 * What a call's tool answers; `undefined` when it has no `run`, so that the caller is to answer. Whatever goes wrong is an
 * answer, too, which the model sees: a tool that there is not, arguments that do not fit, an error, a limit that passed. What the
 * tool itself did wrong is also the message's `error`. Never rejects.
 * @param running its signal is the tool's; aborted here when `Tool.timeoutMs` passes
 */
export async function resultOf(
  call: ToolCall,
  tools: ReadonlyMap<string, Tool>,
  running: AbortController,
): Promise<ToolMessage | undefined> {
  const tool = tools.get(call.name);
  if (!tool) return failureOf(call, `There is no tool ${call.name}; there are ${[...tools.keys()].join(", ")}.`);
  try {
    return await limited(answerOf(call, tool, running.signal), tool, running);
  } catch (error) {
    return withError(failureOf(call, errorText(error)), error);
  }
}

/** The answer to a call that nobody will answer any more. */
export function failureOf({ id }: ToolCall, content: string): ToolMessage {
  return { role: "tool", toolCallId: id, content, isError: true };
}

/** The same object with what was thrown, for the program alone: JSON and other threads do without it. */
export function withError<T extends object>(target: T, error: unknown): T & { readonly error?: unknown } {
  return Object.defineProperty(target, "error", { value: error, enumerable: false });
}

async function answerOf(call: ToolCall, tool: Tool<unknown>, signal: AbortSignal): Promise<ToolMessage | undefined> {
  const checked: SchemaResult<unknown> = tool.parameters
    ? await validate(tool.parameters, call.arguments, call.rawArguments)
    : { value: call.arguments };
  if (checked.issues) {
    return failureOf(call, `The arguments do not fit the schema of ${call.name}: ${issuesText(checked.issues)}.`);
  }
  if (!tool.run) return undefined;
  signal.throwIfAborted(); // the turn was left while the arguments were checked
  const result = await tool.run(checked.value, { signal, toolCallId: call.id });
  if (isError(result)) throw result;
  return { role: "tool", toolCallId: call.id, content: resultText(result) };
}

/** The answer, if it comes within the tool's limit. One that comes later, or fails then, is dropped. */
function limited<T>(answer: Promise<T>, { name, timeoutMs }: Tool, running: AbortController): Promise<T> {
  if (!timeoutMs) return answer;
  return new Promise((resolve, reject) => {
    const expire = () => {
      const message = `The tool ${name} gave no result within ${timeoutMs} ms (\`timeoutMs\`).`;
      const error = new SendError("timeout", message, { waitedMs: timeoutMs });
      reject(error);
      running.abort(error);
    };
    const timer = setTimeout(expire, Math.min(timeoutMs, MAX_TIMER_MS));
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
