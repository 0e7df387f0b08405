/** Messages and options → the body of a request to Ollama's `/api/chat`. */

import type { Message } from "../../contract/message.ts";
import type { SendOptions, Tool } from "../../contract/options.ts";
import type { JsonSchema } from "../../contract/schema.ts";
import { isJsonObject, type JsonObject } from "../../platform/json-object.ts";
import { schemaEngine } from "../../schema/load-engine.ts";
import { withContinuationPrompt } from "../common/continuation.ts";
import { withProviderOptions } from "../common/provider-options.ts";
import { nearestEffort } from "../common/reasoning-effort.ts";
import { NO_PARAMETERS, parametersOf } from "../common/tool-parameters.ts";
import { type Endpoint, type ProtocolRequest, type RequestContext, requestContext } from "../protocol.ts";
import { ollamaMessagesOf } from "./messages.ts";

/** The facts of a request that the decoder needs. */
export interface OllamaBinding {
  /** The `num_ctx` of a request whose prompt must not be cut; absent where it is not known. */
  readonly contextTokens?: number;
}

/**
 * A prompt longer than the context is an error. By default the server drops the beginning of the conversation without a
 * word (`truncate`), and forgets the beginning while it writes (`shift`). Both fields are in the server's
 * `api/types.go` only; servers before 0.12 ignore them.
 * @see https://github.com/ollama/ollama/blob/main/api/types.go
 */
const NO_CUTS = { truncate: false, shift: false } as const;

/** The words for the amount of thinking. `max` came in 2026. */
const LEVELS = ["low", "medium", "high", "max"];

/** The refusal of a level by a server, or a model, that can only turn thinking on and off. */
const NO_LEVELS = /think value .* is not supported|invalid think value/i;

/**
 * Returns the request of a call to Ollama.
 * @see https://docs.ollama.com/api/chat
 */
export function buildOllamaRequest(
  messages: readonly Message[],
  options: SendOptions,
  endpoint: Endpoint,
  stream: boolean,
): ProtocolRequest {
  const { baseUrl, model } = endpoint;
  const context = requestContext(options, endpoint, {});
  const think = thinkOf(context);
  const runtime = runtimeOptionsOf(options);
  const tools = toolsOf(context);
  const format = formatOf(context);
  reportOthers(context);
  const fields = {
    model,
    messages: ollamaMessagesOf(withContinuationPrompt(messages), context),
    stream, // the server's default is a stream
    ...NO_CUTS,
    ...(tools.length > 0 && { tools }),
    ...(format && { format }),
    ...(Object.keys(runtime).length > 0 && { options: runtime }),
  };
  const requestOf = (thinkField: typeof think): ProtocolRequest => {
    const body = withProviderOptions(
      { ...fields, ...(thinkField !== undefined && { think: thinkField }) },
      options.providerOptions,
    );
    const binding = bindingOf(body);
    return {
      url: `${baseUrl}${baseUrl.endsWith("/api") ? "/chat" : "/api/chat"}`,
      body,
      binding: () => binding,
      ...(typeof thinkField === "string" && {
        // Most models only think or do not. A level means that they do.
        instead: (refusal) => (NO_LEVELS.test(refusal.message) ? requestOf(true) : undefined),
      }),
    };
  };
  return requestOf(think);
}

function bindingOf({ options, truncate, shift }: JsonObject): OllamaBinding {
  const tokens = isJsonObject(options) ? options.num_ctx : undefined;
  const mayCut = truncate !== false || shift !== false;
  return typeof tokens === "number" && tokens > 0 && !mayCut ? { contextTokens: tokens } : {};
}

/** @see https://docs.ollama.com/capabilities/thinking */
function thinkOf({ options: { reasoning }, endpoint, unsupported }: RequestContext): boolean | string | undefined {
  if (reasoning === undefined) return undefined;
  if (reasoning === "none") {
    // These models ignore `false`.
    if (!/gpt-?oss/i.test(endpoint.model)) return false;
    unsupported('`reasoning: "none"`', "This model always thinks.");
    return undefined;
  }
  if (typeof reasoning === "object") {
    unsupported("`reasoning.maxTokens`", 'Give a level such as "low" or "high".');
    return undefined;
  }
  return nearestEffort(reasoning, LEVELS);
}

/** @see https://docs.ollama.com/modelfile#valid-parameters-and-values */
function runtimeOptionsOf({ maxOutputTokens, temperature, topP, stop, seed }: SendOptions): JsonObject {
  return {
    ...(maxOutputTokens !== undefined && { num_predict: maxOutputTokens }),
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { top_p: topP }),
    ...(stop?.length && { stop }),
    ...(seed !== undefined && { seed }),
  };
}

/** @see https://docs.ollama.com/capabilities/structured-outputs */
function formatOf({ options: { output, tools, toolChoice }, unsupported }: RequestContext): JsonSchema | undefined {
  if (output === undefined) return undefined;
  if (tools?.length && toolChoice !== "none") {
    // The grammar of the format leaves no way to write a call.
    unsupported("`output` together with `tools`");
    return undefined;
  }
  return schemaEngine.loaded.jsonSchemaOf(output, "`output`");
}

/** @see https://docs.ollama.com/capabilities/tool-calling */
function toolsOf(context: RequestContext): readonly JsonObject[] {
  const { tools = [], toolChoice } = context.options;
  // The protocol has no choice of tools: without tools, there are no calls.
  if (toolChoice === "none") return [];
  if (toolChoice === "required" || typeof toolChoice === "object")
    context.unsupported("`toolChoice` other than auto and none", "The model decides by itself.");
  return tools.map((tool) => wireTool(tool, context));
}

function wireTool(tool: Tool, context: RequestContext): JsonObject {
  const { name, description } = tool;
  const parameters = parametersOf(tool, context) ?? NO_PARAMETERS;
  return { type: "function", function: { name, ...(description && { description }), parameters } };
}

/** Reports the options that the protocol does not have. */
function reportOthers({ options: { search, promptCache, metadata }, unsupported }: RequestContext): void {
  if (search && search.mode !== "off") unsupported("`search`");
  if (typeof promptCache === "object") {
    if (promptCache.key !== undefined) unsupported("`promptCache.key`");
    if (promptCache.ttl !== undefined) unsupported("`promptCache.ttl`");
  }
  if (promptCache === false) unsupported("`promptCache: false`", "It caches by itself.");
  if (metadata !== undefined) unsupported("`metadata`");
}
