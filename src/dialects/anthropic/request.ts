/** The body of Anthropic Messages, read: what matters is obeyed or refused, the rest is ignored. */

import type { Message } from "../../contract/message.ts";
import type { PromptCache, ReasoningEffort, SendOptions } from "../../contract/options.ts";
import { isJsonObject, type JsonObject } from "../../platform/json-object.ts";
import { withoutUndefined } from "../../platform/without-undefined.ts";
import { effortOf } from "../gateway/effort.ts";
import { arrayOf, booleanOf, countOf, numberOf, objectOf, stopsOf, stringOf } from "../gateway/fields.ts";
import { badRequest } from "../refusal.ts";
import { cacheMarks } from "./blocks.ts";
import { choiceOf, toolsOf } from "./tools.ts";
import { anthropicTurns } from "./turns.ts";

/** A request of Anthropic Messages. */
export interface AnthropicRequest {
  readonly model: string | undefined;
  readonly messages: readonly Message[];
  readonly options: SendOptions;
  readonly isStreamed: boolean;
}

/** @throws {Refusal} 400 with one sentence */
export function anthropicRequest(value: unknown): AnthropicRequest {
  const body = objectOf(value, "The body");
  if (arrayOf(body.mcp_servers, "`mcp_servers`").length > 0) {
    throw badRequest("`mcp_servers` is not supported: this server runs no tools. Send `tools`.");
  }
  const { tools, search } = toolsOf(body.tools, body.messages);
  return {
    model: stringOf(body.model, "`model`") || undefined,
    messages: anthropicTurns(body.system, body.messages),
    options: withoutUndefined({
      maxOutputTokens: countOf(body.max_tokens, "`max_tokens`"),
      temperature: numberOf(body.temperature, "`temperature`", 0, 1),
      topP: numberOf(body.top_p, "`top_p`", 0, 1),
      stop: stopsOf(body.stop_sequences, "`stop_sequences`"),
      tools: tools.length > 0 ? tools : undefined,
      toolChoice: tools.length > 0 ? choiceOf(body.tool_choice) : undefined,
      search,
      reasoning: reasoningOf(body),
      output: outputOf(body),
      promptCache: promptCacheOf(body),
      metadata: metadataOf(body),
    }),
    isStreamed: booleanOf(body.stream, "`stream`") ?? false,
  };
}

/** @see https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking */
function reasoningOf(body: JsonObject): ReasoningEffort | undefined {
  const { effort } = { ...objectOf(body.output_config ?? {}, "`output_config`"), ...lastEffortIn(body.messages) };
  const level = effort === undefined || effort === null ? undefined : effortOf(effort, "`output_config.effort`");
  if (body.thinking === undefined || body.thinking === null) return level;
  const { type, budget_tokens } = objectOf(body.thinking, "`thinking`");
  switch (type) {
    case "enabled": {
      const maxTokens = countOf(budget_tokens, "`thinking.budget_tokens`");
      return maxTokens === undefined ? level : { maxTokens };
    }
    case "disabled":
    case "between_tools":
      return "none";
    default:
      return level;
  }
}

/** A system message among the others may set the effort from its turn on. */
function lastEffortIn(messages: unknown): { readonly effort?: unknown } {
  const configs = arrayOf(messages, "`messages`").map((message) =>
    isJsonObject(message) && message.role === "system" && isJsonObject(message.output_config)
      ? message.output_config.effort
      : undefined,
  );
  const effort = configs.findLast((each) => each !== undefined && each !== null);
  return effort === undefined ? {} : { effort };
}

/** @see https://docs.anthropic.com/en/docs/build-with-claude/structured-outputs */
function outputOf(body: JsonObject): JsonObject | undefined {
  const { format = body.output_format } = objectOf(body.output_config ?? {}, "`output_config`");
  if (format === undefined || format === null) return undefined;
  const { type, schema } = objectOf(format, "`output_config.format`");
  if (type === "json_schema") return objectOf(schema, "`output_config.format.schema`");
  throw badRequest("`output_config.format.type` must be json_schema.");
}

/** Marks say that the caller wants a cache. Where they belong depends on the provider, so the client sets its own. */
function promptCacheOf(body: JsonObject): PromptCache | undefined {
  const marks = [body, body.system, body.tools, body.messages].flatMap((value) => cacheMarks(value));
  if (marks.length === 0) return undefined;
  return marks.some(({ ttl }) => ttl === "1h") ? { ttl: "1h" } : true;
}

function metadataOf({ metadata }: JsonObject): SendOptions["metadata"] {
  const { user_id } = objectOf(metadata ?? {}, "`metadata`");
  return typeof user_id === "string" && user_id !== "" ? { user_id } : undefined;
}
