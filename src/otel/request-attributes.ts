/** The attributes of a request: what is known of a call before it is sent. */

import type { SendOptions } from "../contract/options.ts";
import { isJsonObject, type JsonObject } from "../platform/json-object.ts";
import type { Attributes } from "./api.ts";
import { ATTRIBUTE, providerNameOf } from "./conventions.ts";

/** A client, as far as its telemetry names it. `baseUrl` is that of a provider client. */
export interface Target {
  readonly provider: string;
  readonly model: string;
  readonly baseUrl?: unknown;
}

/** Providers that get a level of reasoning as the word of the option. The others get a budget or another word. */
const TAKES_LEVELS: readonly string[] = ["openai", "azure", "xai"];

/** Levels that each of their models takes as they are. A higher one may be sent as the next lower one. */
const EXACT_LEVELS: readonly unknown[] = ["none", "low", "medium", "high"];

/** Returns the attributes that spans and metrics share: a closed set of few values each. */
export function targetAttributes(target: Target, providerName: string | undefined): Attributes {
  return {
    [ATTRIBUTE.operation]: isGeminiNative(target) ? "generate_content" : "chat",
    [ATTRIBUTE.provider]: providerName ?? providerNameOf(target.provider),
    [ATTRIBUTE.requestModel]: target.model,
    ...serverAttributes(target.baseUrl),
  };
}

/** Returns whether a client speaks Gemini's own protocol; its address for OpenAI's ends with `/openai`. */
export function isGeminiNative({ provider, model, baseUrl }: Target): boolean {
  if (provider === "vertex") return !model.startsWith("claude");
  return provider === "gemini" && !(typeof baseUrl === "string" && baseUrl.endsWith("/openai"));
}

function serverAttributes(baseUrl: unknown): Attributes {
  if (typeof baseUrl !== "string" || !URL.canParse(baseUrl)) return {};
  const { protocol, hostname, port } = new URL(baseUrl);
  if (hostname === "") return {}; // a Unix socket
  return {
    [ATTRIBUTE.serverAddress]: hostname.replace(/^\[|\]$/g, ""),
    [ATTRIBUTE.serverPort]: port === "" ? (protocol === "http:" ? 80 : 443) : Number(port),
  };
}

/** Returns the attributes of the request's options: those that are sent, by the options and the client's defaults. */
export function requestAttributes({ provider }: Target, options: SendOptions, isStreamed: boolean): Attributes {
  const own = isJsonObject(options.providerOptions) ? options.providerOptions : {};
  const sampling = isJsonObject(own.generationConfig) ? { ...own, ...own.generationConfig } : own;
  const { temperature, topP, seed, maxOutputTokens, stop, output } = options;
  return {
    [ATTRIBUTE.stream]: isStreamed || undefined,
    [ATTRIBUTE.temperature]: numberIn(sampling, "temperature") ?? temperature,
    [ATTRIBUTE.topP]: numberIn(sampling, "top_p", "topP") ?? topP,
    [ATTRIBUTE.topK]: numberIn(sampling, "top_k", "topK"),
    [ATTRIBUTE.frequencyPenalty]: numberIn(sampling, "frequency_penalty", "frequencyPenalty"),
    [ATTRIBUTE.presencePenalty]: numberIn(sampling, "presence_penalty", "presencePenalty"),
    [ATTRIBUTE.seed]: numberIn(sampling, "seed") ?? seed,
    [ATTRIBUTE.maxTokens]: maxOutputTokens,
    [ATTRIBUTE.stopSequences]: stop && [...stop],
    [ATTRIBUTE.outputType]: output ? "json" : undefined,
    [ATTRIBUTE.reasoningLevel]: reasoningLevel(provider, options.reasoning, own),
    [ATTRIBUTE.previousResponse]: previousResponse(own),
  };
}

/** Returns the id of the stored reply that the request continues from. */
function previousResponse(own: JsonObject): string | undefined {
  const id = own.previous_response_id ?? own.previous_interaction_id;
  return typeof id === "string" ? id : undefined;
}

function reasoningLevel(provider: string, level: SendOptions["reasoning"], own: JsonObject): string | undefined {
  const effort = isJsonObject(own.reasoning) ? own.reasoning.effort : own.reasoning_effort;
  if (typeof effort === "string") return effort;
  return typeof level === "string" && TAKES_LEVELS.includes(provider) && EXACT_LEVELS.includes(level)
    ? level
    : undefined;
}

function numberIn(fields: JsonObject, ...names: readonly string[]): number | undefined {
  for (const name of names) if (typeof fields[name] === "number") return fields[name];
  return undefined;
}
