/** Messages and options → the body of a Gemini request. */

import { SendError } from "../../contract/errors.ts";
import type { Message } from "../../contract/message.ts";
import type { SendOptions, Tool } from "../../contract/options.ts";
import type { JsonObject } from "../../platform/json-object.ts";
import { schemaEngine } from "../../schema/load-engine.ts";
import { geminiCapabilitiesOf } from "../capabilities/gemini.ts";
import { withContinuationPrompt } from "../common/continuation.ts";
import { wellFormed } from "../common/message-text.ts";
import { withOneAnswer, withProviderOptions } from "../common/provider-options.ts";
import { nearestEffort } from "../common/reasoning-effort.ts";
import { GEMINI_NAMES } from "../common/tool-call-ids.ts";
import { hasNoParameters, mayCall, parametersOf } from "../common/tool-parameters.ts";
import { unsupportedSearch } from "../common/unsupported-search.ts";
import { type Endpoint, type ProtocolRequest, requestContext } from "../protocol.ts";
import type { GeminiContext } from "./context.ts";
import { contentsOf, withFirst } from "./messages.ts";

/** Tokens of thinking for models that want a budget. */
const BUDGETS = { low: 2_048, medium: 8_192, high: 24_576, xhigh: 24_576, max: 24_576 } as const;

/**
 * Returns the request of a call to Gemini.
 * @see https://ai.google.dev/api/generate-content
 */
export function buildGeminiRequest(
  messages: readonly Message[],
  options: SendOptions,
  endpoint: Endpoint,
  stream: boolean,
): ProtocolRequest {
  const capabilities = geminiCapabilitiesOf(endpoint.model);
  const context = requestContext(options, endpoint, { capabilities });
  const system = messages.filter(({ role, content }) => role === "system" && content !== "");
  const generationConfig = generationConfigOf(context);
  const contents = contentsOf(withContinuationPrompt(messages), context);
  const systemParts = system.map(({ content }) => ({ text: wellFormed(String(content)) }));
  const tools = toolsOf(context);
  reportOthers(context);
  const body = withProviderOptions(
    {
      ...(system.length === 0
        ? { contents }
        : capabilities.takesSystem
          ? { contents, systemInstruction: { parts: systemParts } }
          : { contents: withFirst(contents, systemParts) }),
      ...(Object.keys(generationConfig).length > 0 && { generationConfig }),
      ...(tools.length > 0 && { tools }),
      ...toolConfigOf(options, tools),
    },
    options.providerOptions,
  );
  return {
    url: `${endpoint.baseUrl}/v1beta/${modelPath(endpoint.model)}:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`,
    body: withOneCandidate(body, context),
  };
}

/** The API takes each name in two spellings. */
function withOneCandidate(body: JsonObject, context: GeminiContext): JsonObject {
  const name = body.generation_config === undefined ? "generationConfig" : "generation_config";
  if (body[name] === undefined) return body;
  const config = withOneAnswer(objectOr(body[name]), "candidateCount", context);
  return { ...body, [name]: withOneAnswer(config, "candidate_count", context) };
}

function objectOr(value: unknown): JsonObject {
  return typeof value === "object" && value !== null ? (value as JsonObject) : {};
}

/** Returns the model's path. A name with a folder of its own (`tunedModels/…`) stays as it is. */
function modelPath(model: string): string {
  const path = model.includes("/") ? model : `models/${model}`;
  const steps = path.split("/");
  if (steps.some((step) => step === "" || step === "." || step === ".." || !step.isWellFormed()))
    throw new SendError("invalidRequest", `${JSON.stringify(model)} is not the name of a model.`);
  return steps.map(encodeURIComponent).join("/");
}

function generationConfigOf(context: GeminiContext): JsonObject {
  const { maxOutputTokens, seed } = context.options;
  const sampling = samplingOf(context);
  const thinkingConfig = thinkingOf(context);
  return {
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    ...sampling,
    ...stopOf(context),
    ...(seed !== undefined && { seed }),
    ...outputOf(context),
    ...(thinkingConfig && { thinkingConfig }),
  };
}

/** Maximum number of stop strings. */
const MAX_STOPS = 5;

/** @see https://ai.google.dev/api/generate-content#generationconfig */
function stopOf({ options: { stop }, unsupported }: GeminiContext): JsonObject {
  if (!stop?.length) return {};
  if (stop.length > MAX_STOPS) unsupported(`more than ${MAX_STOPS} strings in \`stop\``);
  return { stopSequences: stop.slice(0, MAX_STOPS) };
}

/** @see https://ai.google.dev/gemini-api/docs/structured-output */
function outputOf({ options, capabilities, unsupported }: GeminiContext): JsonObject {
  if (options.output === undefined) return {};
  if (!capabilities.combinesTools && options.tools?.length) {
    unsupported("`output` together with `tools`");
    return {};
  }
  const { geminiSchema, jsonSchemaOf } = schemaEngine.loaded;
  return {
    responseMimeType: "application/json",
    responseJsonSchema: geminiSchema(jsonSchemaOf(options.output, "`output`")),
  };
}

function samplingOf({ options: { temperature, topP }, capabilities, unsupported }: GeminiContext): JsonObject {
  if (!capabilities.takesSampling) {
    if (temperature !== undefined) unsupported("`temperature`");
    if (topP !== undefined) unsupported("`topP`");
    return {};
  }
  return { ...(temperature !== undefined && { temperature }), ...(topP !== undefined && { topP }) };
}

/** @see https://ai.google.dev/gemini-api/docs/thinking */
function thinkingOf({ options: { reasoning }, capabilities, unsupported }: GeminiContext): JsonObject | undefined {
  if (reasoning === undefined) return undefined;
  if (reasoning === "none") {
    if (capabilities.thinking === "none") return undefined;
    if (capabilities.canStopThinking)
      return capabilities.thinking === "budget" ? { thinkingBudget: 0 } : { thinkingLevel: "MINIMAL" };
    unsupported('`reasoning: "none"`', "This model always thinks.");
    return undefined;
  }
  if (capabilities.thinking === "none") {
    unsupported("`reasoning`", "This model does not think.");
    return undefined;
  }
  if (capabilities.thinking === "budget") {
    const thinkingBudget = typeof reasoning === "object" ? reasoning.maxTokens : BUDGETS[reasoning];
    return { includeThoughts: true, thinkingBudget };
  }
  if (typeof reasoning === "object") {
    unsupported("`reasoning.maxTokens`", 'Give a level such as "low" or "high".');
    return undefined;
  }
  const levels = ["low", "medium", "high", ...(capabilities.hasXhigh ? ["xhigh"] : [])];
  return { includeThoughts: true, thinkingLevel: nearestEffort(reasoning, levels).toUpperCase() };
}

function toolsOf(context: GeminiContext): readonly JsonObject[] {
  const { options, capabilities, unsupported } = context;
  const functions = (options.tools ?? []).map((tool) => declarationOf(tool, context));
  const declarations = functions.length > 0 ? [{ functionDeclarations: functions }] : [];
  const search = searchTool(context);
  if (!search) return declarations;
  if (capabilities.combinesTools || (functions.length === 0 && options.output === undefined))
    return [...declarations, search];
  unsupported("`search` together with `tools` or `output`");
  return declarations;
}

/**
 * Returns a function's declaration. Older models refuse an empty object as `parameters`, so a function without them has
 * none.
 */
function declarationOf(tool: Tool, context: GeminiContext): JsonObject {
  const { name, description } = tool;
  if (!GEMINI_NAMES.pattern.test(name)) {
    const message = `Gemini does not take a tool named ${name}. Begin the name with a letter or _.`;
    throw new SendError("invalidRequest", message);
  }
  const schema = parametersOf(tool, context);
  return {
    name,
    ...(description && { description }),
    ...(schema && !hasNoParameters(schema) && { parametersJsonSchema: schemaEngine.loaded.geminiSchema(schema) }),
  };
}

/** @see https://ai.google.dev/gemini-api/docs/google-search */
function searchTool(context: GeminiContext): JsonObject | undefined {
  const { search } = context.options;
  if (!search || search.mode === "off") return undefined;
  const { mode, fromDate, toDate } = search;
  if (mode === "on") context.unsupported('`search.mode: "on"`', "The model decides by itself.");
  const lacking = ["maxResults", "allowedDomains", "blockedDomains", "country", "sources", "citations"] as const;
  unsupportedSearch(search, lacking, context);
  if (fromDate === undefined && toDate === undefined) return { googleSearch: {} };
  // The server refuses one end without the other.
  const startTime = `${fromDate ?? FIRST_DAY}T00:00:00Z`;
  const endTime = `${toDate === undefined ? LAST_DAY : dayAfter(toDate)}T00:00:00Z`;
  return { googleSearch: { timeRangeFilter: { startTime, endTime } } };
}

/** Ends of an interval that is open on one side: before any web page, and after any. */
const FIRST_DAY = "1990-01-01";
const LAST_DAY = "2100-01-01";

/** Returns the next day: the end of an interval is exclusive. */
function dayAfter(day: string): string {
  return new Date(Date.parse(day) + 86_400_000).toISOString().slice(0, 10);
}

/** In addition to functions, the server shows the calls of Google's own tools only on request. */
function toolConfigOf(options: SendOptions, tools: readonly JsonObject[]): JsonObject {
  const { toolChoice } = options;
  const isMixed = tools.length > 1;
  const functions = tools.filter(({ functionDeclarations }) => functionDeclarations !== undefined);
  if (!mayCall(functions, options) || (toolChoice === undefined && !isMixed)) return {};
  const functionCallingConfig =
    typeof toolChoice === "object"
      ? { mode: "ANY", allowedFunctionNames: [toolChoice.name] }
      : { mode: { auto: isMixed ? "VALIDATED" : "AUTO", none: "NONE", required: "ANY" }[toolChoice ?? "auto"] };
  return { toolConfig: { functionCallingConfig, ...(isMixed && { includeServerSideToolInvocations: true }) } };
}

/** Reports the options that no model of Gemini's supports. */
function reportOthers({ options: { promptCache, metadata }, unsupported }: GeminiContext): void {
  if (typeof promptCache === "object") {
    if (promptCache.key !== undefined) unsupported("`promptCache.key`");
    if (promptCache.ttl !== undefined) unsupported("`promptCache.ttl`");
  }
  if (promptCache === false) unsupported("`promptCache: false`", "It caches by itself.");
  if (metadata !== undefined) unsupported("`metadata`");
}
