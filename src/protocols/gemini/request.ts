/** Messages and options → the body of a Gemini request. */

import type { SendOptions, Tool } from "../../contract/client.ts";
import { SendError } from "../../contract/errors.ts";
import type { Message } from "../../contract/message.ts";
import type { JsonObject } from "../../platform/json-object.ts";
import { geminiSchema } from "../../schema/provider-schemas.ts";
import { jsonSchemaOf } from "../../schema/schema.ts";
import { type GeminiCapabilities, geminiCapabilitiesOf } from "../capabilities/gemini.ts";
import { withContinuationPrompt } from "../common/continuation.ts";
import { wellFormed } from "../common/message-text.ts";
import { withOneAnswer, withProviderOptions } from "../common/provider-options.ts";
import { nearestEffort } from "../common/reasoning-effort.ts";
import { GEMINI_NAMES } from "../common/tool-call-ids.ts";
import { hasNoParameters, parametersOf } from "../common/tool-parameters.ts";
import { refuseSearch } from "../common/unsupported-search.ts";
import { type Endpoint, type ProtocolRequest, refuse } from "../protocol.ts";
import { contentsOf, withFirst } from "./messages.ts";

/** Tokens of thinking for models that want a budget. */
const BUDGETS = { low: 2_048, medium: 8_192, high: 24_576, xhigh: 24_576, max: 24_576 } as const;

/** @see https://ai.google.dev/api/generate-content */
export function buildGeminiRequest(
  messages: readonly Message[],
  options: SendOptions,
  endpoint: Endpoint,
  stream: boolean,
): ProtocolRequest {
  const capabilities = geminiCapabilitiesOf(endpoint.model);
  const system = messages.filter(({ role, content }) => role === "system" && content !== "");
  const generationConfig = generationConfigOf(options, capabilities, endpoint);
  const contents = contentsOf(withContinuationPrompt(messages), options.tools, capabilities, endpoint);
  const saidBySystem = system.map(({ content }) => ({ text: wellFormed(String(content)) }));
  const tools = toolsOf(options, capabilities, endpoint);
  refuseOthers(options, endpoint);
  const body = withProviderOptions(
    {
      ...(system.length === 0
        ? { contents }
        : capabilities.takesSystem
          ? { contents, systemInstruction: { parts: saidBySystem } }
          : { contents: withFirst(contents, saidBySystem) }),
      ...(Object.keys(generationConfig).length > 0 && { generationConfig }),
      ...(tools.length > 0 && { tools }),
      ...toolConfigOf(options, tools),
    },
    options.providerOptions,
  );
  const config = withOneAnswer(objectOr(body.generationConfig), "candidateCount", endpoint, options);
  return {
    url: `${endpoint.baseUrl}/v1beta/${modelPath(endpoint.model)}:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`,
    body: body.generationConfig === undefined ? body : { ...body, generationConfig: config },
  };
}

function objectOr(value: unknown): JsonObject {
  return typeof value === "object" && value !== null ? (value as JsonObject) : {};
}

/** A name with a folder of its own (`tunedModels/…`) is left as it is. */
function modelPath(model: string): string {
  const path = model.includes("/") ? model : `models/${model}`;
  const steps = path.split("/");
  if (steps.some((step) => step === "" || step === "." || step === ".." || !step.isWellFormed()))
    throw new SendError("invalidRequest", `${JSON.stringify(model)} is not the name of a model.`);
  return steps.map(encodeURIComponent).join("/");
}

function generationConfigOf(options: SendOptions, capabilities: GeminiCapabilities, endpoint: Endpoint): JsonObject {
  const { maxOutputTokens, stop, seed } = options;
  const sampling = samplingOf(options, capabilities, endpoint);
  const thinkingConfig = thinkingOf(options, capabilities, endpoint);
  return {
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    ...sampling,
    ...(stop !== undefined && { stopSequences: stop }),
    ...(seed !== undefined && { seed }),
    ...outputOf(options, capabilities, endpoint),
    ...(thinkingConfig && { thinkingConfig }),
  };
}

/** @see https://ai.google.dev/gemini-api/docs/structured-output */
function outputOf(options: SendOptions, capabilities: GeminiCapabilities, endpoint: Endpoint): JsonObject {
  if (options.output === undefined) return {};
  if (!capabilities.combinesTools && options.tools?.length) {
    refuse("`output` beside `tools`", endpoint, options);
    return {};
  }
  return {
    responseMimeType: "application/json",
    responseJsonSchema: geminiSchema(jsonSchemaOf(options.output, "`output`")),
  };
}

function samplingOf(
  { temperature, topP, ...options }: SendOptions,
  capabilities: GeminiCapabilities,
  endpoint: Endpoint,
): JsonObject {
  if (!capabilities.takesSampling) {
    if (temperature !== undefined) refuse("`temperature`", endpoint, options);
    if (topP !== undefined) refuse("`topP`", endpoint, options);
    return {};
  }
  return { ...(temperature !== undefined && { temperature }), ...(topP !== undefined && { topP }) };
}

/** @see https://ai.google.dev/gemini-api/docs/thinking */
function thinkingOf(
  options: SendOptions,
  capabilities: GeminiCapabilities,
  endpoint: Endpoint,
): JsonObject | undefined {
  const { reasoning } = options;
  if (reasoning === undefined) return undefined;
  if (reasoning === "none") {
    if (capabilities.thinking === "none") return undefined;
    if (capabilities.canStopThinking)
      return capabilities.thinking === "budget" ? { thinkingBudget: 0 } : { thinkingLevel: "MINIMAL" };
    refuse('`reasoning: "none"`', endpoint, options, "This model always thinks.");
    return undefined;
  }
  if (capabilities.thinking === "none") {
    refuse("`reasoning`", endpoint, options, "This model does not think.");
    return undefined;
  }
  if (capabilities.thinking === "budget") {
    const thinkingBudget = typeof reasoning === "object" ? reasoning.maxTokens : BUDGETS[reasoning];
    return { includeThoughts: true, thinkingBudget };
  }
  if (typeof reasoning === "object") {
    refuse("`reasoning.maxTokens`", endpoint, options, 'Give a level such as "low" or "high".');
    return undefined;
  }
  const levels = ["low", "medium", "high", ...(capabilities.hasXhigh ? ["xhigh"] : [])];
  return { includeThoughts: true, thinkingLevel: nearestEffort(reasoning, levels).toUpperCase() };
}

function toolsOf(options: SendOptions, capabilities: GeminiCapabilities, endpoint: Endpoint): readonly JsonObject[] {
  const functions = (options.tools ?? []).map((tool) => declarationOf(tool, options, endpoint));
  const search = searchTool(options, endpoint);
  if (search && !capabilities.combinesTools && (functions.length > 0 || options.output !== undefined)) {
    refuse("`search` beside `tools` or `output`", endpoint, options);
    return functions.length > 0 ? [{ functionDeclarations: functions }] : [];
  }
  return [...(functions.length > 0 ? [{ functionDeclarations: functions }] : []), ...(search ? [search] : [])];
}

/** A function without parameters must not have any: an empty object is refused by older models. */
function declarationOf(tool: Tool, options: SendOptions, endpoint: Endpoint): JsonObject {
  const { name, description } = tool;
  if (!GEMINI_NAMES.pattern.test(name))
    throw new SendError("invalidRequest", `Gemini takes no tool ${name}: a name begins with a letter or _.`);
  const schema = parametersOf(tool, endpoint, options);
  return {
    name,
    ...(description && { description }),
    ...(schema && !hasNoParameters(schema) && { parametersJsonSchema: geminiSchema(schema) }),
  };
}

/** @see https://ai.google.dev/gemini-api/docs/google-search */
function searchTool(options: SendOptions, endpoint: Endpoint): JsonObject | undefined {
  const { search } = options;
  if (!search || search.mode === "off") return undefined;
  const { mode, fromDate, toDate } = search;
  if (mode === "on") refuse('`search.mode: "on"`', endpoint, options, "The model decides by itself.");
  const lacking = ["maxResults", "allowedDomains", "blockedDomains", "country", "sources", "citations"] as const;
  refuseSearch(search, lacking, endpoint, options);
  if (fromDate === undefined && toDate === undefined) return { googleSearch: {} };
  // Neither end goes without the other.
  const startTime = `${fromDate ?? FIRST_DAY}T00:00:00Z`;
  const endTime = `${toDate === undefined ? LAST_DAY : dayAfter(toDate)}T00:00:00Z`;
  return { googleSearch: { timeRangeFilter: { startTime, endTime } } };
}

/** Ends of an interval that is open on one side: before any web page, and after any. */
const FIRST_DAY = "1990-01-01";
const LAST_DAY = "2100-01-01";

/** The end of an interval is not part of it. */
function dayAfter(day: string): string {
  return new Date(Date.parse(day) + 86_400_000).toISOString().slice(0, 10);
}

/** Together with functions, tools of Google's must be asked to show what they did. */
function toolConfigOf({ toolChoice }: SendOptions, tools: readonly JsonObject[]): JsonObject {
  const isMixed = tools.length > 1;
  if (toolChoice === undefined && !isMixed) return {};
  const functionCallingConfig =
    typeof toolChoice === "object"
      ? { mode: "ANY", allowedFunctionNames: [toolChoice.name] }
      : { mode: { auto: isMixed ? "VALIDATED" : "AUTO", none: "NONE", required: "ANY" }[toolChoice ?? "auto"] };
  return { toolConfig: { functionCallingConfig, ...(isMixed && { includeServerSideToolInvocations: true }) } };
}

function refuseOthers(options: SendOptions, endpoint: Endpoint): void {
  const { promptCache, metadata } = options;
  if (typeof promptCache === "object") {
    if (promptCache.key !== undefined) refuse("`promptCache.key`", endpoint, options);
    if (promptCache.ttl !== undefined) refuse("`promptCache.ttl`", endpoint, options);
  }
  if (promptCache === false) refuse("`promptCache: false`", endpoint, options, "It caches by itself.");
  if (metadata !== undefined) refuse("`metadata`", endpoint, options);
}
