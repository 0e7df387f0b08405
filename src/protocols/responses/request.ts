/** Messages and options → the body of a Responses request. Every request holds the complete conversation. */

import { SendError } from "../../contract/errors.ts";
import type { Message } from "../../contract/message.ts";
import type { SendOptions, Tool } from "../../contract/options.ts";
import type { JsonObject } from "../../platform/json-object.ts";
import { schemaEngine } from "../../schema/load-engine.ts";
import { thinksWith } from "../capabilities/reasoning.ts";
import { withContinuationPrompt } from "../common/continuation.ts";
import { wellFormed } from "../common/message-text.ts";
import { withProviderOptions } from "../common/provider-options.ts";
import { nearestEffort } from "../common/reasoning-effort.ts";
import { mayCall, NO_PARAMETERS, parametersOf, withoutClosedObjects } from "../common/tool-parameters.ts";
import { type Endpoint, type ProtocolRequest, requestContext } from "../protocol.ts";
import type { ResponsesContext } from "./context.ts";
import type { ResponsesDialect } from "./dialects.ts";
import { inputOf } from "./messages.ts";

/**
 * Returns the request of a call over Responses.
 * @see https://platform.openai.com/docs/api-reference/responses/create
 */
export function buildResponsesRequest(
  messages: readonly Message[],
  options: SendOptions,
  endpoint: Endpoint,
  stream: boolean,
  dialect: ResponsesDialect,
): ProtocolRequest {
  const { model, baseUrl } = endpoint;
  const context = requestContext(options, endpoint, { dialect });
  const system = messages.filter(({ role, content }) => role === "system" && content !== "");
  const reasoning = reasoningOf(context);
  const search = searchOf(context);
  const include = [
    ...(mayReason(context) ? ["reasoning.encrypted_content"] : []),
    ...(search.length > 0 ? (dialect.searchInclude ?? []) : []),
  ];
  const tools = [...(options.tools ?? []).map((tool) => wireTool(tool, context)), ...search];
  reportOthers(context);
  return {
    url: `${baseUrl}/responses`,
    body: withProviderOptions(
      {
        model,
        input: inputOf(withContinuationPrompt(messages), context),
        ...(system.length > 0 && { instructions: wellFormed(system.map(({ content }) => content).join("\n\n")) }),
        ...(stream && { stream: true, ...(dialect.streamOptions && { stream_options: dialect.streamOptions }) }),
        ...keepingOf(context, stream),
        ...(include.length > 0 && { include }),
        ...(options.maxOutputTokens !== undefined && { max_output_tokens: options.maxOutputTokens }),
        ...samplingOf(context),
        ...(reasoning && { reasoning }),
        ...outputOf(context),
        ...(tools.length > 0 && { tools }),
        ...(mayCall(tools, options) && toolChoiceOf(context, search.length > 0)),
        ...cacheOf(context),
        ...(options.metadata !== undefined && dialect.takesMetadata && { metadata: options.metadata }),
      },
      options.providerOptions,
    ),
  };
}

/** Returns the fields that keep the server from storing the reply, unless it is to be resumed. */
function keepingOf({ options, dialect }: ResponsesContext, stream: boolean): JsonObject {
  const { recover } = options;
  const { keepsReplies } = dialect;
  return recover === "resume" && stream && keepsReplies ? { background: true, store: true } : { store: false };
}

function mayReason({ dialect, endpoint: { model } }: ResponsesContext): boolean {
  const { reasons } = dialect.capabilitiesOf(model);
  return reasons === "asked" || reasons === "unasked";
}

function reasoningOf({ options, endpoint, dialect, unsupported }: ResponsesContext): JsonObject | undefined {
  const { reasoning } = options;
  const { reasons, efforts } = dialect.capabilitiesOf(endpoint.model);
  const summary = dialect.reasoningSummary ? { summary: dialect.reasoningSummary } : {};
  if (reasoning === undefined) return undefined;
  if (typeof reasoning === "object") {
    unsupported("`reasoning.maxTokens`", 'Give a level such as "low" or "high".');
    return undefined;
  }
  if (reasons === "never") {
    if (reasoning !== "none") unsupported("`reasoning`", "This model does not think.");
    return undefined;
  }
  const effort = nearestEffort(reasoning, efforts);
  if (efforts.includes(effort)) return { effort, ...(effort !== "none" && summary) };
  const advice =
    efforts.length === 0 ? "This model has no setting for the amount of thinking." : `It takes ${efforts.join(", ")}.`;
  unsupported(`\`reasoning: "${reasoning}"\``, advice);
  return undefined;
}

/** Most models that think refuse sampling parameters. A model that can stop thinking takes them without thinking. */
function samplingOf({ options, endpoint, dialect, unsupported }: ResponsesContext): JsonObject {
  const { temperature, topP, reasoning } = options;
  const thinks = thinksWith(dialect.capabilitiesOf(endpoint.model), reasoning);
  const refused = dialect.refusesSampling?.(endpoint.model, thinks) ?? false;
  const advice = thinks ? "It thinks." : "";
  if (refused && temperature !== undefined) unsupported("`temperature`", advice);
  if (refused && topP !== undefined) unsupported("`topP`", advice);
  if (refused) return {};
  return { ...(temperature !== undefined && { temperature }), ...(topP !== undefined && { top_p: topP }) };
}

function outputOf({ options, unsupported }: ResponsesContext): JsonObject {
  if (options.output === undefined) return {};
  const { isObjectSchema, jsonSchemaOf, strictSchema } = schemaEngine.loaded;
  const schema = jsonSchemaOf(options.output, "`output`");
  if (!isObjectSchema(schema)) {
    unsupported("an `output` that is not an object", "Put the value into a property.");
    return {};
  }
  const strict = strictSchema(schema);
  const format = { type: "json_schema", name: "output", schema: strict ?? schema, strict: strict !== undefined };
  return { text: { format } };
}

/** Returns a tool. Without `strict`, the server tries to be strict and makes optional properties required. */
function wireTool(tool: Tool, context: ResponsesContext): JsonObject {
  const { dialect } = context;
  const { name, description, parameters } = tool;
  const { stripsAdditionalProperties, rootRefusals } = dialect;
  const schema = parametersOf(tool, context, rootRefusals) ?? NO_PARAMETERS;
  const about = { type: "function", name, ...(description && { description }) };
  if (stripsAdditionalProperties) return { ...about, parameters: withoutClosedObjects(schema) };
  const strict = parameters === undefined ? undefined : schemaEngine.loaded.strictSchema(schema);
  return { ...about, parameters: strict ?? schema, strict: strict !== undefined };
}

function searchOf(context: ResponsesContext): readonly JsonObject[] {
  const { dialect, options } = context;
  const { search } = options;
  return search && search.mode !== "off" ? dialect.searchTools(search, context) : [];
}

function toolChoiceOf({ options, dialect, unsupported }: ResponsesContext, searches: boolean): JsonObject {
  const { toolChoice, search } = options;
  if (searches && search?.mode === "on" && toolChoice !== undefined)
    unsupported('`search.mode: "on"` together with `toolChoice`');
  if (typeof toolChoice === "object") return { tool_choice: { type: "function", name: toolChoice.name } };
  if (toolChoice !== undefined) return { tool_choice: toolChoice };
  if (!searches || search?.mode !== "on") return {};
  if (dialect.searchChoice) return { tool_choice: dialect.searchChoice };
  unsupported('`search.mode: "on"`', "The model decides by itself.");
  return {};
}

/** Returns the cache key. Caching is automatic; a key routes the requests of one conversation to the same cache. */
function cacheOf({ options, unsupported }: ResponsesContext): JsonObject {
  const { promptCache } = options;
  if (promptCache === false) unsupported("`promptCache: false`", "It caches by itself.");
  if (typeof promptCache !== "object") return {};
  if (promptCache.ttl !== undefined) unsupported("`promptCache.ttl`");
  return promptCache.key === undefined ? {} : { prompt_cache_key: promptCache.key };
}

function reportOthers({ options, endpoint, dialect, unsupported }: ResponsesContext): void {
  if (options.stop !== undefined) unsupported("`stop`", 'Chat Completions has it: `api: "chat"`.');
  if (options.seed !== undefined) unsupported("`seed`", 'Chat Completions has it: `api: "chat"`.');
  if (options.metadata !== undefined && !dialect.takesMetadata) unsupported("`metadata`");
  const { maxOutputTokens } = options;
  const { minOutputTokens = 1 } = dialect;
  if (maxOutputTokens !== undefined && maxOutputTokens < minOutputTokens) {
    const message = `${endpoint.provider} takes a \`maxOutputTokens\` of ${minOutputTokens} or more.`;
    throw new SendError("invalidRequest", message);
  }
}
