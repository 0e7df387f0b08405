/** Messages and options → the body of a Chat Completions request. */

import type { Message } from "../../contract/message.ts";
import type { SendOptions, Tool } from "../../contract/options.ts";
import type { JsonObject } from "../../platform/json-object.ts";
import { thinksWith } from "../capabilities/reasoning.ts";
import { withContinuationPrompt } from "../common/continuation.ts";
import { withOneAnswer, withProviderOptions } from "../common/provider-options.ts";
import { BOUND_ELSEWHERE } from "../common/thinking-binding.ts";
import { hasNoParameters, NO_PARAMETERS, parametersOf, withoutClosedObjects } from "../common/tool-parameters.ts";
import { type Endpoint, type ProtocolRequest, requestContext } from "../protocol.ts";
import type { ChatContext } from "./context.ts";
import type { ChatDialect } from "./dialects.ts";
import { wireMessagesOf } from "./messages.ts";
import { outputOf, withInstruction } from "./output.ts";
import { commonReasoning } from "./reasoning.ts";
import { type BoundMessages, boundMessages } from "./reasoning-details.ts";

/**
 * Returns the request of a call over Chat Completions.
 * @see https://platform.openai.com/docs/api-reference/chat/create
 */
export function buildChatRequest(
  messages: readonly Message[],
  options: SendOptions,
  endpoint: Endpoint,
  stream: boolean,
  dialect: ChatDialect,
): ProtocolRequest {
  const { baseUrl, model } = endpoint;
  const context = requestContext(options, endpoint, { dialect });
  // The function of an option that is not given is not called: V8 would compile it before the first token.
  const output = options.output && outputOf(options.output, context);
  const cache: Caching = options.promptCache === undefined ? {} : cacheOf(context);
  const prefix = endsInAnswer(messages) ? dialect.prefix?.(endpoint) : undefined;
  const sent = withInstruction(prefix ? messages : withContinuationPrompt(messages), output?.instruction);
  const places = new Map<JsonObject, unknown>();
  const wired = wireMessagesOf(sent, context, places);
  const tools = toolFields(messages, context);
  const fields = {
    ...dialect.fields,
    ...prefix?.fields,
    // Fields that were not asked for are left out: some servers refuse fields that they do not know.
    ...(stream && { stream: true, ...(dialect.streamOptions && { stream_options: dialect.streamOptions }) }),
    ...(options.maxOutputTokens !== undefined && { [dialect.maxTokensField]: options.maxOutputTokens }),
    ...(options.reasoning &&
      mayAsk("reasoning", context) &&
      (dialect.reasoning ?? commonReasoning)(options.reasoning, context)),
    ...((options.temperature ?? options.topP) !== undefined && samplingOf(context)),
    ...(options.stop && stopOf(context)),
    ...(options.seed !== undefined && mayAsk("seed", context) && { [dialect.seedField ?? "seed"]: options.seed }),
    ...(output && { response_format: output.format }),
    ...tools,
    ...(stream && tools.tools !== undefined && dialect.streamedToolFields),
    ...searchOf(context),
    ...cache.fields,
    ...(options.metadata && metadataOf(context)),
  };
  const requestOf = (bound: BoundMessages): ProtocolRequest => {
    const ordered = bound.messages;
    const messages = prefix ? ordered.with(-1, { ...ordered.at(-1), ...prefix.messageFields }) : ordered;
    const written = { model, messages, ...fields };
    const body = withProviderOptions(
      cache.isMarked ? markedForCache(written, context) : written,
      options.providerOptions,
    );
    return {
      url: baseUrl.endsWith("/chat/completions") ? baseUrl : `${baseUrl}/chat/completions`,
      body: withOneAnswer(body, "n", context),
      instead(refusal) {
        const rest = BOUND_ELSEWHERE.test(refusal.message) ? bound.unbound() : undefined;
        return rest && requestOf(rest);
      },
      ...(cache.headers && { headers: cache.headers }),
      ...(prefix && { continuesExactly: true }),
      ...(bound.place && { binding: bound.place }),
    };
  };
  return requestOf(boundMessages(wired, places, tools.tools, dialect.bindsThinking?.(model) ?? false));
}

/** Returns whether the conversation ends in the model's text: a cut reply, or a prefill of the caller. */
function endsInAnswer(messages: readonly Message[]): boolean {
  const last = messages.at(-1);
  return last?.role === "assistant" && last.content !== "" && !last.toolCalls?.length;
}

/** Returns whether the model is known to think in this request. */
function thinks({ options, endpoint, dialect }: ChatContext): boolean {
  const { reasoning } = options;
  const capabilities = dialect.capabilitiesOf?.(endpoint.model);
  return capabilities ? thinksWith(capabilities, reasoning) : reasoning !== undefined && reasoning !== "none";
}

/** Returns whether the model refuses the option, and reports it then. */
function refusesOption(name: "temperature" | "topP" | "stop", context: ChatContext): boolean {
  const { endpoint, dialect, unsupported } = context;
  const isThinking = thinks(context);
  if (!dialect.refuses?.(name, endpoint.model, isThinking)) return false;
  unsupported(`\`${name}\``, isThinking ? "It thinks." : "");
  return true;
}

function samplingOf(context: ChatContext): JsonObject {
  const { options, dialect, unsupported } = context;
  let { temperature, topP } = options;
  const { maxTemperature = 2 } = dialect;
  if (temperature !== undefined && temperature > maxTemperature) {
    unsupported("`temperature`", `Valid values: 0 to ${maxTemperature}.`);
    temperature = undefined;
  }
  if (temperature !== undefined && refusesOption("temperature", context)) temperature = undefined;
  if (topP !== undefined && refusesOption("topP", context)) topP = undefined;
  return { ...(temperature !== undefined && { temperature }), ...(topP !== undefined && { top_p: topP }) };
}

function stopOf(context: ChatContext): JsonObject {
  const { options, dialect, unsupported } = context;
  const { stop } = options;
  const { maxStops = Number.POSITIVE_INFINITY } = dialect;
  if (!stop?.length || refusesOption("stop", context)) return {};
  if (stop.length > maxStops) unsupported(`more than ${maxStops} strings in \`stop\``);
  return { stop: stop.slice(0, maxStops) };
}

/** Returns the schema of a tool. Mistral and llama.cpp require one for every tool. */
function wireParameters(tool: Tool, context: ChatContext): JsonObject {
  const { endpoint, dialect } = context;
  const { stripsAdditionalProperties, omitsNoParameters, rootRefusals } = dialect;
  const schema = parametersOf(tool, context, rootRefusals?.(endpoint.model));
  if (omitsNoParameters && (!schema || hasNoParameters(schema))) return {};
  return {
    parameters: stripsAdditionalProperties && schema ? withoutClosedObjects(schema) : (schema ?? NO_PARAMETERS),
  };
}

function toolFields(messages: readonly Message[], context: ChatContext): JsonObject {
  const { options, endpoint, dialect, unsupported } = context;
  const { tools } = options;
  const toolChoice = options.toolChoice === "required" && dialect.refusesRequiredTool ? undefined : options.toolChoice;
  if (!tools || tools.length === 0) {
    const hasCalls = messages.some((message) => message.role === "assistant" && message.toolCalls?.length);
    return hasCalls && dialect.requiresToolsAfterCalls?.test(endpoint.model) ? { tools: [] } : {};
  }
  if (!mayAsk("tools", context)) return {};
  if (toolChoice !== options.toolChoice) unsupported('`toolChoice: "required"`');
  const choice =
    typeof toolChoice === "object" ? { type: "function", function: { name: toolChoice.name } } : toolChoice;
  return {
    tools: tools.map((tool) => ({
      type: "function",
      function: {
        name: tool.name,
        ...(tool.description && { description: tool.description }),
        ...wireParameters(tool, context),
      },
    })),
    ...(choice && { tool_choice: choice === "required" ? (dialect.requiredToolChoice ?? "required") : choice }),
  };
}

function searchOf(context: ChatContext): JsonObject {
  const { options, dialect } = context;
  const { search } = options;
  if (search?.mode === "off") return dialect.noSearch ?? {};
  if (!search || !mayAsk("search", context)) return {};
  return dialect.search?.(search, context) ?? {};
}

function metadataOf({ options, dialect, unsupported }: ChatContext): JsonObject {
  if (dialect.takesMetadata) return { metadata: options.metadata };
  unsupported("`metadata`");
  return {};
}

interface Caching {
  readonly fields?: JsonObject;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether the messages must be marked. */
  readonly isMarked?: boolean;
}

/**
 * Returns the fields of prompt caching. Most servers cache by themselves. Some models need marks, and some servers take
 * a key for each conversation.
 */
function cacheOf({ options, endpoint, dialect, unsupported }: ChatContext): Caching {
  const { cacheKey, cacheMarks } = dialect;
  const { promptCache } = options;
  const isMarked = cacheMarks?.test(endpoint.model) ?? false;
  if (promptCache === undefined || (promptCache === false && isMarked)) return {};
  if (promptCache === false) {
    unsupported("`promptCache: false`", "It caches by itself.");
    return {};
  }
  const { key, ttl } = promptCache === true ? {} : promptCache;
  if (ttl !== undefined && !isMarked) unsupported("`promptCache.ttl`");
  if (key !== undefined && !cacheKey) unsupported("`promptCache.key`");
  if (key === undefined || !cacheKey) return { isMarked };
  return "field" in cacheKey
    ? { isMarked, fields: { [cacheKey.field]: key } }
    : { isMarked, headers: { [cacheKey.header]: key } };
}

/** Marks the system prompt and the latest two turns of the user, as Anthropic's models behind a router require. */
function markedForCache(
  body: JsonObject & { readonly messages: readonly JsonObject[] },
  { options }: ChatContext,
): JsonObject {
  const { promptCache } = options;
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

/** Returns whether the option may be sent. Reports it where the vendor ignores it. */
function mayAsk(name: "seed" | "reasoning" | "search" | "tools", { dialect, unsupported }: ChatContext): boolean {
  if (!dialect.unsupported?.includes(name) && (name !== "search" || dialect.search)) return true;
  unsupported(`\`${name}\``, dialect.advice);
  return false;
}
