/** Messages and options → the body of a Chat Completions request. */

import type { SendOptions, Tool } from "../../contract/client.ts";
import type { Message } from "../../contract/message.ts";
import type { JsonObject } from "../../platform/json-object.ts";
import { BOUND_ELSEWHERE } from "../anthropic-messages/thinking-binding.ts";
import { withContinuationPrompt } from "../common/continuation.ts";
import { withOneAnswer, withProviderOptions } from "../common/provider-options.ts";
import { hasNoParameters, NO_PARAMETERS, parametersOf, withoutClosedObjects } from "../common/tool-parameters.ts";
import { type Endpoint, type ProtocolRequest, refuse } from "../protocol.ts";
import { type ChatDialect, mayAsk } from "./dialects.ts";
import { wireMessagesOf } from "./messages.ts";
import { outputOf, withInstruction } from "./output.ts";
import { commonReasoning } from "./reasoning.ts";
import { type BoundMessages, boundMessages } from "./thinking-binding.ts";

/** @see https://platform.openai.com/docs/api-reference/chat/create */
export function buildChatRequest(
  messages: readonly Message[],
  options: SendOptions,
  endpoint: Endpoint,
  stream: boolean,
  dialect: ChatDialect,
): ProtocolRequest {
  const { baseUrl, model } = endpoint;
  const output = outputOf(options, endpoint, dialect);
  const cache = cacheOf(options, endpoint, dialect);
  const prefix = endsInAnswer(messages) ? dialect.prefix?.(endpoint) : undefined;
  const told = withInstruction(prefix ? messages : withContinuationPrompt(messages), output?.instruction);
  const places = new Map<JsonObject, unknown>();
  const wired = wireMessagesOf(told, options.tools, endpoint, dialect, places);
  const tools = toolFields(messages, options, endpoint, dialect);
  const fields = {
    ...prefix?.fields,
    // JsonObject that were not asked for are left out: some servers refuse those they do not know.
    ...(stream && { stream: true, ...(dialect.streamOptions && { stream_options: dialect.streamOptions }) }),
    ...(options.maxOutputTokens !== undefined && { [dialect.maxTokensField]: options.maxOutputTokens }),
    ...reasoningOf(options, endpoint, dialect),
    ...samplingOf(options, endpoint, dialect),
    ...stopOf(options, endpoint, dialect),
    ...seedOf(options, endpoint, dialect),
    ...(output && { response_format: output.format }),
    ...tools,
    ...searchOf(options, endpoint, dialect),
    ...cache.fields,
    ...metadataOf(options, endpoint, dialect),
  };
  const requestOf = (bound: BoundMessages): ProtocolRequest => {
    const sent = bound.messages;
    const said = prefix ? sent.with(-1, { ...sent.at(-1), ...prefix.messageFields }) : sent;
    const body = { model, messages: said, ...fields };
    return {
      url: baseUrl.endsWith("/chat/completions") ? baseUrl : `${baseUrl}/chat/completions`,
      ...(cache.headers && { headers: cache.headers }),
      ...(prefix && { continuesExactly: true }),
      body: withOneAnswer(
        withProviderOptions(cache.isMarked ? markedForCache(body, options) : body, options.providerOptions),
        "n",
        endpoint,
        options,
      ),
      ...(bound.place && { binding: bound.place }),
      instead(refusal) {
        const rest = BOUND_ELSEWHERE.test(refusal.message) ? bound.unbound() : undefined;
        return rest && requestOf(rest);
      },
    };
  };
  return requestOf(boundMessages(wired, places, tools.tools, dialect.bindsThinking?.(model) ?? false));
}

/** Whether the last words are the model's: those of a reply that was cut, or words that the caller puts into its mouth. */
function endsInAnswer(messages: readonly Message[]): boolean {
  const last = messages.at(-1);
  return last?.role === "assistant" && last.content !== "" && !last.toolCalls?.length;
}

function reasoningOf(options: SendOptions, endpoint: Endpoint, dialect: ChatDialect): JsonObject {
  const { reasoning } = options;
  if (reasoning === undefined || !mayAsk("reasoning", dialect, endpoint, options)) return {};
  return (dialect.reasoning ?? commonReasoning)(reasoning, endpoint, options);
}

/** Whether the model is known to think in this request. */
function thinks({ reasoning }: SendOptions, { model }: Endpoint, { capabilitiesOf }: ChatDialect): boolean {
  const reasons = capabilitiesOf?.(model).reasons;
  return reasoning === undefined ? reasons === "unasked" : reasoning !== "none" && reasons !== "never";
}

/** Whether the model refuses the option: then so does this. */
function refusesOption(
  name: "temperature" | "topP" | "stop",
  options: SendOptions,
  endpoint: Endpoint,
  dialect: ChatDialect,
): boolean {
  const isThinking = thinks(options, endpoint, dialect);
  if (!dialect.refuses?.(name, endpoint.model, isThinking)) return false;
  refuse(`\`${name}\``, endpoint, options, isThinking ? "It thinks." : "");
  return true;
}

function samplingOf(options: SendOptions, endpoint: Endpoint, dialect: ChatDialect): JsonObject {
  let { temperature, topP } = options;
  const { highestTemperature = 2 } = dialect;
  if (temperature !== undefined && temperature > highestTemperature) {
    refuse("`temperature`", endpoint, options, `It goes from 0 to ${highestTemperature} here.`);
    temperature = undefined;
  }
  if (temperature !== undefined && refusesOption("temperature", options, endpoint, dialect)) temperature = undefined;
  if (topP !== undefined && refusesOption("topP", options, endpoint, dialect)) topP = undefined;
  return { ...(temperature !== undefined && { temperature }), ...(topP !== undefined && { top_p: topP }) };
}

function stopOf(options: SendOptions, endpoint: Endpoint, dialect: ChatDialect): JsonObject {
  const { stop } = options;
  const { mostStops = Number.POSITIVE_INFINITY } = dialect;
  if (stop === undefined || refusesOption("stop", options, endpoint, dialect)) return {};
  if (stop.length > mostStops) refuse(`more than ${mostStops} texts in \`stop\``, endpoint, options);
  return { stop: stop.slice(0, mostStops) };
}

function seedOf(options: SendOptions, endpoint: Endpoint, dialect: ChatDialect): JsonObject {
  if (options.seed === undefined || !mayAsk("seed", dialect, endpoint, options)) return {};
  return { [dialect.seedField ?? "seed"]: options.seed };
}

/** Mistral and llama.cpp want a schema of every tool. */
function wireParameters(tool: Tool, options: SendOptions, endpoint: Endpoint, dialect: ChatDialect): JsonObject {
  const { stripsAdditionalProperties, omitsNoParameters, rootRefusals } = dialect;
  const schema = parametersOf(tool, endpoint, options, rootRefusals?.(endpoint.model));
  if (omitsNoParameters && (!schema || hasNoParameters(schema))) return {};
  return {
    parameters: stripsAdditionalProperties && schema ? withoutClosedObjects(schema) : (schema ?? NO_PARAMETERS),
  };
}

function toolFields(
  messages: readonly Message[],
  options: SendOptions,
  endpoint: Endpoint,
  dialect: ChatDialect,
): JsonObject {
  const { tools, toolChoice } = options;
  if (!tools || tools.length === 0) {
    const hasCalls = messages.some((message) => message.role === "assistant" && message.toolCalls?.length);
    return hasCalls && dialect.wantsToolsAfterCalls?.test(endpoint.model) ? { tools: [] } : {};
  }
  const choice =
    typeof toolChoice === "object" ? { type: "function", function: { name: toolChoice.name } } : toolChoice;
  return {
    tools: tools.map((tool) => ({
      type: "function",
      function: {
        name: tool.name,
        ...(tool.description && { description: tool.description }),
        ...wireParameters(tool, options, endpoint, dialect),
      },
    })),
    ...(choice && { tool_choice: choice === "required" ? (dialect.requiredToolChoice ?? "required") : choice }),
  };
}

function searchOf(options: SendOptions, endpoint: Endpoint, dialect: ChatDialect): JsonObject {
  const { search } = options;
  if (!search || search.mode === "off" || !mayAsk("search", dialect, endpoint, options)) return {};
  return dialect.search?.(search, endpoint, options) ?? {};
}

function metadataOf(options: SendOptions, endpoint: Endpoint, { takesMetadata }: ChatDialect): JsonObject {
  const { metadata } = options;
  if (metadata === undefined) return {};
  if (takesMetadata) return { metadata };
  refuse("`metadata`", endpoint, options);
  return {};
}

interface Caching {
  readonly fields?: JsonObject;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether the messages must be marked. */
  readonly isMarked?: boolean;
}

/** Servers cache by themselves, but for models whose prompts must be marked; some want to know what belongs together. */
function cacheOf(options: SendOptions, endpoint: Endpoint, { cacheKey, cacheMarks }: ChatDialect): Caching {
  const { promptCache } = options;
  const isMarked = cacheMarks?.test(endpoint.model) ?? false;
  if (promptCache === undefined || (promptCache === false && isMarked)) return {};
  if (promptCache === false) {
    refuse("`promptCache: false`", endpoint, options, "It caches by itself.");
    return {};
  }
  const { key, ttl } = promptCache === true ? {} : promptCache;
  if (ttl !== undefined && !isMarked) refuse("`promptCache.ttl`", endpoint, options);
  if (key !== undefined && !cacheKey) refuse("`promptCache.key`", endpoint, options);
  if (key === undefined || !cacheKey) return { isMarked };
  return "field" in cacheKey
    ? { isMarked, fields: { [cacheKey.field]: key } }
    : { isMarked, headers: { [cacheKey.header]: key } };
}

/** Marks the system's text and the latest two turns of the user, as Anthropic's models behind a router want it. */
function markedForCache(
  body: JsonObject & { readonly messages: readonly JsonObject[] },
  { promptCache }: SendOptions,
): JsonObject {
  const ttl = typeof promptCache === "object" ? promptCache.ttl : undefined;
  const mark = { cache_control: { type: "ephemeral", ...(ttl && { ttl }) } };
  const { messages } = body;
  const places = [
    messages.findLastIndex(({ role }) => role === "system"),
    ...messages.flatMap(({ role }, at) => (role === "user" ? [at] : [])).slice(-2),
  ];
  const marked = messages.map((message, at) => {
    const { content } = message;
    if (!places.includes(at)) return message;
    const parts = Array.isArray(content) ? (content as readonly JsonObject[]) : [{ type: "text", text: content }];
    const last = parts.findLastIndex(({ type, text }) => type === "text" && text !== "");
    return { ...message, content: parts.map((part, index) => (index === last ? { ...part, ...mark } : part)) };
  });
  return { ...body, messages: marked };
}
