/** The additional rules of vendors of Chat Completions, by the name of the model. */

import type { JsonObject } from "../../platform/json-object.ts";
import { listOf } from "./rules.ts";

/** Returns the refusal of the model's vendor; `undefined` for valid messages. */
export function chatFamilyFault(model: string, messages: readonly JsonObject[]): string | undefined {
  if (/^(gpt-|o\d)/.test(model)) return unknownFieldFault(messages);
  if (/kimi/i.test(model)) return kimiFault(messages);
  // Routers put the vendor's name before the model's, and translate the thinking.
  if (/^deepseek-v4/i.test(model)) return deepseekFault(messages);
  if (/mistral|magistral|devstral/i.test(model)) return mistralFault(messages);
  return /^sonar|gemma/.test(model) ? alternationFault(messages) : undefined;
}

/** The fields of OpenAI's input messages. */
const FIELDS = ["role", "content", "name", "refusal", "audio", "tool_calls", "tool_call_id", "function_call"];

function unknownFieldFault(messages: readonly JsonObject[]): string | undefined {
  for (const [at, message] of messages.entries()) {
    const stray = Object.keys(message).find((name) => !FIELDS.includes(name));
    if (stray !== undefined) return `Unknown parameter: 'messages[${at}].${stray}'.`;
  }
  return undefined;
}

/** @see https://platform.moonshot.ai/docs/guide/use-kimi-k2-thinking-model */
function kimiFault(messages: readonly JsonObject[]): string | undefined {
  const at = messages.findIndex(
    ({ tool_calls, reasoning_content }) => listOf(tool_calls).length > 0 && !reasoning_content,
  );
  return at < 0
    ? undefined
    : `thinking is enabled but reasoning_content is missing in assistant tool call message at index ${at}`;
}

/** @see https://api-docs.deepseek.com/guides/thinking_mode */
function deepseekFault(messages: readonly JsonObject[]): string | undefined {
  const lacks = messages.some(
    ({ role, reasoning_content }) => role === "assistant" && typeof reasoning_content !== "string",
  );
  return lacks ? "The `reasoning_content` in the thinking mode must be passed back to the API." : undefined;
}

/** The roles that may follow each role at Mistral. */
const FOLLOWERS: Readonly<Record<string, readonly string[]>> = {
  system: ["system", "user", "assistant"],
  user: ["user", "assistant", "system"],
  assistant: ["assistant", "user", "tool"],
  tool: ["tool", "assistant"],
};

/** @see https://github.com/mistralai/mistral-common */
function mistralFault(messages: readonly JsonObject[]): string | undefined {
  for (const [at, { role, tool_calls, tool_call_id }] of messages.entries()) {
    const before = messages[at - 1]?.role;
    if (before !== undefined && !FOLLOWERS[String(before)]?.includes(String(role)))
      return `Unexpected role '${role}' after role '${before}'`;
    const ids = [...listOf(tool_calls).map(({ id }) => id), ...(role === "tool" ? [tool_call_id] : [])];
    const bad = ids.find((id) => !/^[a-zA-Z0-9]{9}$/.test(String(id)));
    if (bad !== undefined) return `Tool call id was ${bad} but must be a-z, A-Z, 0-9, with a length of 9.`;
  }
  return undefined;
}

/** The results of one turn's calls count as one message. */
function alternationFault(messages: readonly JsonObject[]): string | undefined {
  const turns = messages.filter(({ role }, at) => {
    if (role === "system") return at > 0;
    return role !== "tool" || messages[at - 1]?.role !== "tool";
  });
  const isInTurn = turns.every(({ role }, at) => (role === "assistant") === (at % 2 === 1));
  return isInTurn
    ? undefined
    : "After the (optional) system message(s), user or tool message(s) should alternate with assistant message(s).";
}
