/** The body of Chat Completions, read: what matters is obeyed or refused, the rest is ignored. */

import type { Message } from "../../contract/message.ts";
import type { ReasoningEffort, SendOptions, Tool, ToolChoice } from "../../contract/options.ts";
import { isJsonObject, type JsonObject } from "../../platform/json-object.ts";
import { withoutUndefined } from "../../platform/without-undefined.ts";
import { effortOf } from "../gateway/effort.ts";
import {
  arrayOf,
  booleanOf,
  countOf,
  numberOf,
  objectOf,
  requiredString,
  stopsOf,
  stringOf,
} from "../gateway/fields.ts";
import { requestOf } from "../openai-responses/request.ts";
import { badRequest } from "../refusal.ts";
import { chatMessages } from "./messages.ts";

/** A request of Chat Completions. */
export interface ChatRequest {
  readonly model: string | undefined;
  /** Of a body of Responses: it precedes the conversation. */
  readonly instructions?: string | undefined;
  readonly messages: readonly Message[];
  readonly options: SendOptions;
  readonly isStreamed: boolean;
  /** Whether a streamed reply ends with its usage. */
  readonly includesUsage: boolean;
}

/** Fields that change what a reply is, and that cannot be obeyed. */
const REFUSED: readonly string[] = ["functions", "function_call"];

/**
 * Reads a request. Cursor's agents post bodies of Responses here (`input` without `messages`), and read chunks.
 * @throws {Refusal} 400 with one sentence
 */
export function chatRequest(value: unknown): ChatRequest {
  const body = objectOf(value, "The body");
  if (body.messages === undefined && body.input !== undefined) return ofResponses(body);
  const refused = REFUSED.find((name) => body[name] !== undefined && body[name] !== null);
  if (refused !== undefined) throw badRequest(`\`${refused}\` is not supported. Send \`tools\` and \`tool_choice\`.`);
  if ((countOf(body.n, "`n`") ?? 1) !== 1) throw badRequest("`n` must be 1: a request has one reply.");
  if (arrayOf(body.modalities, "`modalities`").includes("audio")) {
    throw badRequest('`modalities` must not hold "audio": replies are text.');
  }
  const isStreamed = booleanOf(body.stream, "`stream`") ?? false;
  const streamOptions = objectOf(body.stream_options ?? {}, "`stream_options`");
  return {
    model: stringOf(body.model, "`model`") || undefined,
    messages: chatMessages(body.messages),
    options: chatOptions(body),
    isStreamed,
    includesUsage: booleanOf(streamOptions.include_usage, "`stream_options.include_usage`") ?? false,
  };
}

/** Nothing of such a request is kept here, as Responses would: its chunks have no id to ask for. */
function ofResponses(body: JsonObject): ChatRequest {
  const { model, messages, references, instructions, previous, options, isStreamed } = requestOf(body);
  if (previous !== undefined || references) {
    throw badRequest("`previous_response_id` and item_reference are for `responses`. Send the conversation.");
  }
  return { model, messages, instructions, options, isStreamed, includesUsage: true };
}

function chatOptions(body: JsonObject): SendOptions {
  const { tools, search } = toolsOf(body.tools);
  const choice = choiceOf(body.tool_choice, tools);
  return withoutUndefined({
    ...withoutUndefined({
      maxOutputTokens:
        countOf(body.max_completion_tokens, "`max_completion_tokens`") ?? countOf(body.max_tokens, "`max_tokens`"),
      temperature: numberOf(body.temperature, "`temperature`", 0, 2),
      topP: numberOf(body.top_p, "`top_p`", 0, 1),
      stop: stopsOf(body.stop, "`stop`"),
      seed: numberOf(body.seed, "`seed`", -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
      output: outputOf(body.response_format),
      reasoning: reasoningOf(body),
      search: search || isJsonObject(body.web_search_options) ? {} : undefined,
    }),
    tools: choice.tools.length > 0 ? choice.tools : undefined,
    toolChoice: choice.toolChoice,
  });
}

/** Programs send `{ function: { name, … } }`, and `{ name, … }` as in Responses, also mixed in one list. */
function toolsOf(value: unknown): { readonly tools: readonly Tool[]; readonly search: boolean } {
  const tools: Tool[] = [];
  let search = false;
  for (const [index, item] of arrayOf(value, "`tools`").entries()) {
    const place = `tools[${index}]`;
    const tool = objectOf(item, `\`${place}\``);
    if (typeof tool.type === "string" && /^web_search/.test(tool.type)) search = true;
    else if (tool.type === undefined || tool.type === "function") tools.push(toolOf(tool.function ?? tool, place));
    else throw badRequest(`\`${place}\` has the type ${JSON.stringify(tool.type)}. Only functions can be called here.`);
  }
  return { tools, search };
}

function toolOf(value: unknown, place: string): Tool {
  const definition = objectOf(value, `\`${place}.function\``);
  const parameters = definition.parameters ?? definition.input_schema ?? undefined;
  return {
    name: requiredString(definition.name, `The name of \`${place}\``),
    ...withoutUndefined({
      description: stringOf(definition.description, `The description of \`${place}\``),
      parameters: parameters === undefined ? undefined : objectOf(parameters, `The parameters of \`${place}\``),
    }),
  };
}

interface Choice {
  readonly tools: readonly Tool[];
  readonly toolChoice: ToolChoice | undefined;
}

/** `allowed_tools` is a choice among some of the tools. `any` is Mistral's word for `required`. */
function choiceOf(value: unknown, tools: readonly Tool[]): Choice {
  if (value === undefined || value === null) return { tools, toolChoice: undefined };
  if (value === "auto" || value === "none") return { tools, toolChoice: tools.length > 0 ? value : undefined };
  if (value === "required" || value === "any") return { tools, toolChoice: "required" };
  const choice = objectOf(value, "`tool_choice`");
  const named = isJsonObject(choice.function) ? choice.function : choice;
  if (choice.type === "function") {
    return { tools, toolChoice: { name: requiredString(named.name, "The name in `tool_choice`") } };
  }
  if (choice.type !== "allowed_tools") {
    throw badRequest("`tool_choice` must be auto, none, required, or the name of a function.");
  }
  const allowed = isJsonObject(choice.allowed_tools) ? choice.allowed_tools : choice;
  const names = arrayOf(allowed.tools, "The tools in `tool_choice`").map((item) => {
    const tool = objectOf(item, "A tool in `tool_choice`");
    return isJsonObject(tool.function) ? tool.function.name : tool.name;
  });
  const some = tools.filter(({ name }) => names.includes(name));
  return { tools: some, toolChoice: allowed.mode === "required" ? "required" : "auto" };
}

/** @see https://platform.openai.com/docs/guides/structured-outputs */
function outputOf(value: unknown): JsonObject | undefined {
  if (value === undefined || value === null) return undefined;
  const format = objectOf(value, "`response_format`");
  switch (format.type) {
    case "text":
      return undefined;
    case "json_object":
      return { type: "object" };
    case "json_schema": {
      const { schema } = objectOf(format.json_schema, "`response_format.json_schema`");
      return objectOf(schema ?? { type: "object" }, "`response_format.json_schema.schema`");
    }
    default:
      throw badRequest("`response_format.type` must be text, json_object or json_schema.");
  }
}

/** `reasoning_effort` is OpenAI's, `reasoning` OpenRouter's, `thinking` that of DeepSeek and others. */
function reasoningOf(body: JsonObject): ReasoningEffort | undefined {
  const { effort, max_tokens } = objectOf(body.reasoning ?? {}, "`reasoning`");
  const maxTokens = countOf(max_tokens, "`reasoning.max_tokens`");
  if (maxTokens !== undefined) return { maxTokens };
  const named = body.reasoning_effort ?? effort ?? undefined;
  if (named !== undefined) return effortOf(named, "`reasoning_effort`");
  return isJsonObject(body.thinking) && body.thinking.type === "disabled" ? "none" : undefined;
}
