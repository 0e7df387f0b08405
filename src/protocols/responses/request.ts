/** Messages and options → the body of a Responses request. The whole conversation goes out each time. */

import type { SendOptions, Tool } from "../../contract/client.ts";
import { SendError } from "../../contract/errors.ts";
import type { Message } from "../../contract/message.ts";
import type { JsonObject } from "../../platform/json-object.ts";
import { isObjectSchema, strictSchema } from "../../schema/provider-schemas.ts";
import { jsonSchemaOf } from "../../schema/schema.ts";
import { withContinuationPrompt } from "../common/continuation.ts";
import { wellFormed } from "../common/message-text.ts";
import { withProviderOptions } from "../common/provider-options.ts";
import { nearestEffort } from "../common/reasoning-effort.ts";
import { NO_PARAMETERS, parametersOf, withoutClosedObjects } from "../common/tool-parameters.ts";
import { type Endpoint, type ProtocolRequest, refuse } from "../protocol.ts";
import type { ResponsesDialect } from "./dialects.ts";
import { inputOf } from "./messages.ts";

/** @see https://platform.openai.com/docs/api-reference/responses/create */
export function buildResponsesRequest(
  messages: readonly Message[],
  options: SendOptions,
  endpoint: Endpoint,
  stream: boolean,
  dialect: ResponsesDialect,
): ProtocolRequest {
  const { model, baseUrl } = endpoint;
  const system = messages.filter(({ role, content }) => role === "system" && content !== "");
  const reasoning = reasoningOf(options, endpoint, dialect);
  const search = searchOf(options, endpoint, dialect);
  const include = [
    ...(mayReason(dialect, model) ? ["reasoning.encrypted_content"] : []),
    ...(search.length > 0 ? (dialect.searchInclude ?? []) : []),
  ];
  const tools = [...(options.tools ?? []).map((tool) => wireTool(tool, options, endpoint, dialect)), ...search];
  refuseOthers(options, endpoint, dialect);
  return {
    url: `${baseUrl}/responses`,
    body: withProviderOptions(
      {
        model,
        input: inputOf(withContinuationPrompt(messages), options.tools, endpoint, dialect),
        ...(system.length > 0 && { instructions: wellFormed(system.map(({ content }) => content).join("\n\n")) }),
        ...(stream && { stream: true, ...(dialect.streamOptions && { stream_options: dialect.streamOptions }) }),
        ...keepingOf(options, stream, dialect),
        ...(include.length > 0 && { include }),
        ...(options.maxOutputTokens !== undefined && { max_output_tokens: options.maxOutputTokens }),
        ...samplingOf(options, endpoint, dialect),
        ...(reasoning && { reasoning }),
        ...outputOf(options, endpoint),
        ...(tools.length > 0 && { tools }),
        ...toolChoiceOf(options, search.length > 0, endpoint, dialect),
        ...cacheOf(options, endpoint),
        ...(options.metadata !== undefined && dialect.takesMetadata && { metadata: options.metadata }),
      },
      options.providerOptions,
    ),
  };
}

/** Nothing is kept at the server, unless the reply is to be resumed there. */
function keepingOf({ recover }: SendOptions, stream: boolean, { keepsReplies }: ResponsesDialect): JsonObject {
  return recover === "resume" && stream && keepsReplies ? { background: true, store: true } : { store: false };
}

function mayReason(dialect: ResponsesDialect, model: string): boolean {
  const { reasons } = dialect.capabilitiesOf(model);
  return reasons === "asked" || reasons === "unasked";
}

function reasoningOf(options: SendOptions, endpoint: Endpoint, dialect: ResponsesDialect): JsonObject | undefined {
  const { reasoning } = options;
  const { reasons, efforts } = dialect.capabilitiesOf(endpoint.model);
  const summary = dialect.reasoningSummary ? { summary: dialect.reasoningSummary } : {};
  if (reasoning === undefined) return undefined;
  if (typeof reasoning === "object") {
    refuse("`reasoning.maxTokens`", endpoint, options, 'Give a level such as "low" or "high".');
    return undefined;
  }
  if (reasons === "never") {
    if (reasoning !== "none") refuse("`reasoning`", endpoint, options, "This model does not think.");
    return undefined;
  }
  const effort = nearestEffort(reasoning, efforts);
  if (efforts.includes(effort)) return { effort, ...(effort !== "none" && summary) };
  const advice =
    efforts.length === 0 ? "This model cannot be told how much to think." : `It takes ${efforts.join(", ")}.`;
  refuse(`\`reasoning: "${reasoning}"\``, endpoint, options, advice);
  return undefined;
}

/** A model that thinks chooses for itself; one that need not takes both when it does not. */
function samplingOf(options: SendOptions, endpoint: Endpoint, dialect: ResponsesDialect): JsonObject {
  const { temperature, topP, reasoning } = options;
  const { reasons } = dialect.capabilitiesOf(endpoint.model);
  const thinks = reasoning === undefined ? reasons === "unasked" : reasoning !== "none" && reasons !== "never";
  const refused = dialect.refusesSampling?.(endpoint.model, thinks) ?? false;
  const advice = thinks ? "It thinks." : "";
  if (refused && temperature !== undefined) refuse("`temperature`", endpoint, options, advice);
  if (refused && topP !== undefined) refuse("`topP`", endpoint, options, advice);
  if (refused) return {};
  return { ...(temperature !== undefined && { temperature }), ...(topP !== undefined && { top_p: topP }) };
}

function outputOf(options: SendOptions, endpoint: Endpoint): JsonObject {
  if (options.output === undefined) return {};
  const schema = jsonSchemaOf(options.output, "`output`");
  if (!isObjectSchema(schema)) {
    refuse("an `output` that is no object", endpoint, options, "Put the value into a property.");
    return {};
  }
  const strict = strictSchema(schema);
  const format = { type: "json_schema", name: "output", schema: strict ?? schema, strict: strict !== undefined };
  return { text: { format } };
}

/** Left to itself, the server tries to be strict, and makes what is optional required. */
function wireTool(tool: Tool, options: SendOptions, endpoint: Endpoint, dialect: ResponsesDialect): JsonObject {
  const { name, description, parameters } = tool;
  const { stripsAdditionalProperties, rootRefusals } = dialect;
  const schema = parametersOf(tool, endpoint, options, rootRefusals) ?? NO_PARAMETERS;
  const about = { type: "function", name, ...(description && { description }) };
  if (stripsAdditionalProperties) return { ...about, parameters: withoutClosedObjects(schema) };
  const strict = parameters === undefined ? undefined : strictSchema(schema);
  return { ...about, parameters: strict ?? schema, strict: strict !== undefined };
}

function searchOf(options: SendOptions, endpoint: Endpoint, dialect: ResponsesDialect): readonly JsonObject[] {
  const { search } = options;
  return search && search.mode !== "off" ? dialect.searchTools(search, endpoint, options) : [];
}

function toolChoiceOf(
  { toolChoice, search, ...options }: SendOptions,
  searches: boolean,
  endpoint: Endpoint,
  dialect: ResponsesDialect,
): JsonObject {
  if (searches && search?.mode === "on" && toolChoice !== undefined)
    refuse('`search.mode: "on"` beside a `toolChoice`', endpoint, options);
  if (typeof toolChoice === "object") return { tool_choice: { type: "function", name: toolChoice.name } };
  if (toolChoice !== undefined) return { tool_choice: toolChoice };
  if (!searches || search?.mode !== "on") return {};
  if (dialect.searchChoice) return { tool_choice: dialect.searchChoice };
  refuse('`search.mode: "on"`', endpoint, options, "The model decides by itself.");
  return {};
}

/** Caching is automatic; a key brings the requests of one conversation to the same cache. */
function cacheOf(options: SendOptions, endpoint: Endpoint): JsonObject {
  const { promptCache } = options;
  if (promptCache === false) refuse("`promptCache: false`", endpoint, options, "It caches by itself.");
  if (typeof promptCache !== "object") return {};
  if (promptCache.ttl !== undefined) refuse("`promptCache.ttl`", endpoint, options);
  return promptCache.key === undefined ? {} : { prompt_cache_key: promptCache.key };
}

function refuseOthers(options: SendOptions, endpoint: Endpoint, dialect: ResponsesDialect): void {
  if (options.stop !== undefined) refuse("`stop`", endpoint, options, 'Chat Completions has it: `api: "chat"`.');
  if (options.seed !== undefined) refuse("`seed`", endpoint, options, 'Chat Completions has it: `api: "chat"`.');
  if (options.metadata !== undefined && !dialect.takesMetadata) refuse("`metadata`", endpoint, options);
  const { maxOutputTokens } = options;
  const { leastOutputTokens = 1 } = dialect;
  if (maxOutputTokens !== undefined && maxOutputTokens < leastOutputTokens) {
    const message = `${endpoint.provider} takes a \`maxOutputTokens\` of ${leastOutputTokens} or more.`;
    throw new SendError("invalidRequest", message);
  }
}
