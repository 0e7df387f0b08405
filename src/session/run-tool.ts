/** One call of a tool: from its arguments to the message that answers it. */

import type { Tool } from "../client.ts";
import type { ToolCall, ToolMessage } from "../message.ts";
import { issuesText, validate } from "../schema/schema.ts";

/**
 * What a call's tool answers; `undefined` when it has no `run`, so that the caller is to answer. Whatever goes wrong is an
 * answer, too, which the model sees: a tool that there is not, arguments that do not fit, an error. Never rejects.
 */
export async function resultOf(
  call: ToolCall,
  tools: readonly Tool[],
  signal: AbortSignal,
): Promise<ToolMessage | undefined> {
  const tool = tools.find(({ name }) => name === call.name);
  if (!tool)
    return failureOf(call, `There is no tool ${call.name}; there are ${tools.map(({ name }) => name).join(", ")}.`);
  try {
    const checked = tool.parameters ? await validate(tool.parameters, call.arguments) : { value: call.arguments };
    if (checked.issues) {
      return failureOf(call, `The arguments do not fit the schema of ${call.name}: ${issuesText(checked.issues)}.`);
    }
    if (!tool.run) return undefined;
    const result = await tool.run(checked.value, { signal, toolCallId: call.id });
    return { role: "tool", toolCallId: call.id, content: textOf(result) };
  } catch (error) {
    return failureOf(call, textOfError(error));
  }
}

/** The answer to a call that nobody will answer any more. */
export function failureOf({ id }: ToolCall, content: string): ToolMessage {
  return { role: "tool", toolCallId: id, content, isError: true };
}

/** A tool that returns nothing has answered, too; some servers refuse a message without any text. */
function textOf(result: unknown): string {
  return typeof result === "string" ? result : (JSON.stringify(result) ?? "null");
}

/** Anything may be thrown, and what is thrown may throw when it is looked at. */
function textOfError(error: unknown): string {
  try {
    const text = error instanceof Error ? error.message : typeof error === "object" ? textOf(error) : String(error);
    if (typeof text === "string" && text !== "") return text;
  } catch {
    // The model is told that much in any case.
  }
  return "The tool failed and did not say why.";
}
