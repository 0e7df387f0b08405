/**
 * The body of `POST /v1/responses` → a call in this library's words.
 * @see https://platform.openai.com/docs/api-reference/responses/create
 */

import type { Message } from "../../contract/message.ts";
import type { SendOptions } from "../../contract/options.ts";
import { isJsonObject, type JsonObject } from "../../platform/json-object.ts";
import { withoutUndefined } from "../../platform/without-undefined.ts";
import { effortOf } from "../gateway/effort.ts";
import { booleanOf, countOf, numberOf, stringOf } from "../gateway/fields.ts";
import { badRequest } from "../refusal.ts";
import type { CallForms } from "./call-forms.ts";
import { addedTools, type ItemOf, messagesOf, referencesIn } from "./input.ts";
import { toolsOf } from "./tools.ts";

/** A request for a response. */
export interface ResponsesRequest {
  readonly model: string | undefined;
  /** The new part of the conversation; all of it without `previous`. Empty with `references`. */
  readonly messages: readonly Message[];
  /** Present when the conversation refers to items of earlier responses. */
  readonly references?: References | undefined;
  /** Holds for this response only: a response that continues it does not inherit it. */
  readonly instructions: string | undefined;
  /** The id of the response that this one continues. */
  readonly previous: string | undefined;
  readonly options: SendOptions;
  readonly isStreamed: boolean;
  /** Whether the response is answered at once and written without a connection. */
  readonly isBackground: boolean;
  /** Whether the response may be fetched and continued later. */
  readonly isStored: boolean;
  /** The facts that the response repeats. Plain data. */
  readonly memo: ResponsesMemo;
}

/** Items of earlier responses, by which programs shorten their requests. */
export interface References {
  /** The ids of the items. */
  readonly ids: readonly string[];
  /** @throws {Refusal} 404 for an item that is not found */
  messagesWith(itemOf: ItemOf): readonly Message[];
}

/** The facts of a request that its response repeats on every connection. Plain data. */
export interface ResponsesMemo extends CallForms {
  /** Fields of the response object, as the request said them. */
  readonly echo: JsonObject;
}

/** The response to a request without these fields repeats them so, as OpenAI's server does. */
const DEFAULT_ECHO: JsonObject = {
  instructions: null,
  metadata: {},
  parallel_tool_calls: true,
  previous_response_id: null,
  temperature: null,
  tool_choice: "auto",
  tools: [],
  top_p: null,
  max_output_tokens: null,
  background: false,
  store: true,
  text: { format: { type: "text" } },
  truncation: "disabled",
};

/** Fields that are repeated as they came. `instructions` may be long, and `user` names a person. */
const ECHOED: readonly string[] = [...Object.keys(DEFAULT_ECHO), "reasoning", "max_tool_calls"];

/** The response of a request that is not known. */
export const EMPTY_MEMO: ResponsesMemo = { echo: DEFAULT_ECHO, textTools: [] };

/** Fields that change the conversation and that this server cannot obey. */
const REFUSED: Readonly<Record<string, string>> = {
  conversation: "This server keeps no conversations. Use `previous_response_id`, or send all of `input`.",
  prompt: "This server keeps no prompts. Send `instructions` and `input`.",
};

/**
 * Reads a request. Fields that it does not know, such as sampling parameters, are ignored.
 * @throws {Refusal} 400 with one sentence
 */
export function requestOf(body: unknown): ResponsesRequest {
  if (!isJsonObject(body)) throw badRequest("The body must be an object.");
  for (const [name, advice] of Object.entries(REFUSED)) {
    if (body[name] !== undefined && body[name] !== null) throw badRequest(`\`${name}\` is not supported. ${advice}`);
  }
  const model = stringOf(body.model, "`model`");
  const instructions = instructionsOf(body.instructions);
  const previous = stringOf(body.previous_response_id, "`previous_response_id`");
  const isBackground = booleanOf(body.background, "`background`") ?? false;
  const isStored = booleanOf(body.store, "`store`") ?? true;
  if (isBackground && !isStored) throw badRequest("`background` needs `store: true`.");
  if (body.input === undefined) throw badRequest("`input` is missing.");
  const { options: tools, forms } = toolsOf(body.tools, addedTools(body.input), body.tool_choice);
  const update = updateIn(body.input);
  return {
    model,
    ...conversationIn(body.input),
    instructions,
    previous,
    options: {
      ...samplingOf(body),
      ...reasoningOf(update.reasoning ?? body.reasoning),
      ...outputOf(update.text ?? body.text),
      ...cacheOf(body),
      ...tools,
    },
    isStreamed: booleanOf(body.stream, "`stream`") ?? false,
    isBackground,
    isStored,
    memo: { echo: echoOf(body), ...forms },
  };
}

function conversationIn(input: unknown): Pick<ResponsesRequest, "messages" | "references"> {
  const ids = referencesIn(input);
  if (ids.length === 0) return { messages: messagesOf(input) };
  return { messages: [], references: { ids, messagesWith: (itemOf) => messagesOf(input, itemOf) } };
}

/** Items change settings of the conversation from their place on; the last one that names a setting holds. */
function updateIn(input: unknown): { readonly reasoning?: unknown; readonly text?: unknown } {
  if (!Array.isArray(input)) return {};
  const updates = (input as readonly unknown[])
    .filter(isJsonObject)
    .filter(({ type }) => type === "configuration_update");
  const last = (name: "reasoning" | "text"): unknown =>
    updates.findLast((update) => isJsonObject(update[name]))?.[name];
  return withoutUndefined({ reasoning: last("reasoning"), text: last("text") });
}

/** A string; also a list of items, in which only text can be meant. */
function instructionsOf(given: unknown): string | undefined {
  if (given === undefined || given === null || given === "") return undefined;
  if (typeof given === "string") return given;
  const text = messagesOf(given).map(({ content }) => (typeof content === "string" ? content : ""));
  return text.join("\n\n");
}

function samplingOf(body: JsonObject): Pick<SendOptions, "maxOutputTokens" | "temperature" | "topP"> {
  const maxOutputTokens = countOf(body.max_output_tokens, "`max_output_tokens`");
  const temperature = numberOf(body.temperature, "`temperature`", 0, 2);
  const topP = numberOf(body.top_p, "`top_p`", 0, 1);
  return withoutUndefined({ maxOutputTokens, temperature, topP });
}

/** A key shared by the requests of one conversation. Providers with marks instead of keys cache by it as well. */
function cacheOf(body: JsonObject): Pick<SendOptions, "promptCache"> {
  const key = stringOf(body.prompt_cache_key, "`prompt_cache_key`");
  return key ? { promptCache: { key } } : {};
}

function reasoningOf(given: unknown): Pick<SendOptions, "reasoning"> {
  const effort = isJsonObject(given) ? given.effort : undefined;
  if (effort === undefined || effort === null) return {};
  return { reasoning: effortOf(effort, "`reasoning.effort`") };
}

function outputOf(text: unknown): Pick<SendOptions, "output"> {
  const format = isJsonObject(text) ? text.format : undefined;
  if (!isJsonObject(format)) return {};
  switch (format.type) {
    case "json_schema": {
      const { schema } = format;
      if (isJsonObject(schema)) return { output: schema };
      throw badRequest("`text.format.schema` must be a JSON Schema.");
    }
    case "json_object":
      return { output: { type: "object" } };
    case "text":
      return {};
    default:
      throw badRequest("`text.format.type` must be text, json_schema or json_object.");
  }
}

function echoOf(body: JsonObject): JsonObject {
  const echoed = Object.entries(body).filter(([name, value]) => ECHOED.includes(name) && value != null);
  return { ...DEFAULT_ECHO, ...Object.fromEntries(echoed) };
}
