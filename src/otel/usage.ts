/** The usage of a call: as a span has it, and by modality as the counters have it. Never an estimate. */

import type { AssistantMessage, Message } from "../contract/message.ts";
import type { Attempt } from "../contract/metrics.ts";
import type { SendOptions } from "../contract/options.ts";
import type { TokenUsage } from "../contract/usage.ts";
import { isJsonObject } from "../platform/json-object.ts";
import type { Attributes } from "./api.ts";

/** The values of `gen_ai.token.modality`. */
type Modality = "text" | "image" | "audio" | "unknown";

/** Token counts by modality. */
export type ByModality = ReadonlyMap<Modality, number>;

/** The usage of a call. The last three are parts of the first two; absent where not reported. */
export interface CountedUsage {
  readonly input: ByModality;
  readonly output: ByModality;
  readonly cacheRead?: ByModality | undefined;
  readonly cacheWrite?: ByModality | undefined;
  readonly reasoning?: ByModality | undefined;
}

/** The sides of a usage that providers break down. */
type Side = "input" | "output" | "cache_read";

/**
 * The objects and arrays with the breakdown, in the provider's own usage.
 * @see https://platform.openai.com/docs/api-reference/chat/object#chat-object-usage
 * @see https://ai.google.dev/api/generate-content#UsageMetadata
 */
const DETAILS: Readonly<Record<Side, readonly string[]>> = {
  input: ["prompt_tokens_details", "input_tokens_details", "promptTokensDetails"],
  output: ["completion_tokens_details", "output_tokens_details", "candidatesTokensDetails"],
  cache_read: ["cacheTokensDetails"],
};

const MODALITIES = ["text", "image", "audio"] as const;

/** Fields of `providerOptions` that bring content which the messages do not show. */
const HIDDEN_INPUT = [
  "previous_response_id",
  "previous_interaction_id",
  "conversation",
  "input",
  "messages",
  "contents",
  "prompt",
];

/** Returns the provider's usage of a call: that of its reply, else the sum of those of its attempts. */
export function reportedUsage(
  message: AssistantMessage | undefined,
  attempts: readonly Attempt[],
): TokenUsage | undefined {
  if (message?.usage) return message.usage;
  const [first, ...others] = attempts.flatMap(({ usage }) => (usage ? [usage] : []));
  if (!first || others.length === 0) return first;
  const sum = (pick: (usage: TokenUsage) => number | undefined): number =>
    [first, ...others].reduce((total, usage) => total + (pick(usage) ?? 0), 0);
  return {
    inputTokens: sum(({ inputTokens }) => inputTokens),
    outputTokens: sum(({ outputTokens }) => outputTokens),
    totalTokens: sum(({ totalTokens }) => totalTokens),
  };
}

/** Returns the attributes of a usage. */
export function usageAttributes(usage: TokenUsage | undefined): Attributes {
  if (!usage) return {};
  const attributes: Attributes = {
    "gen_ai.usage.input_tokens": usage.inputTokens,
    "gen_ai.usage.output_tokens": usage.outputTokens,
    "gen_ai.usage.cache_read.input_tokens": usage.cachedInputTokens,
    "gen_ai.usage.cache_write.input_tokens": usage.cacheWriteTokens,
    "gen_ai.usage.reasoning.output_tokens": usage.reasoningTokens,
  };
  for (const side of ["input", "output", "cache_read"] as const) {
    const name = side === "cache_read" ? "cache_read.input_tokens" : `${side}_tokens`;
    for (const [modality, count] of detailsOf(usage.raw, side)) {
      if (modality !== "unknown") attributes[`gen_ai.usage.${modality}.${name}`] = count;
    }
  }
  return attributes;
}

/**
 * Returns the usage by modality: as the provider breaks it down, and the rest as text where only text came in or went
 * out. No usage counts as 0 of an unknown modality, so that failed calls are counted.
 */
export function countedUsage(
  usage: TokenUsage | undefined,
  messages: readonly Message[],
  options: SendOptions,
  reply: AssistantMessage | undefined,
): CountedUsage {
  const none: ByModality = new Map([["unknown", 0]]);
  if (!usage) return { input: none, output: none };
  const input: Modality = isTextOnly(messages, options) ? "text" : "unknown";
  const output: Modality = reply && (reply.media ?? []).length === 0 ? "text" : "unknown";
  const part = (total: number | undefined, rest: Modality, side?: Side): ByModality | undefined =>
    total === undefined ? undefined : split(total, side ? detailsOf(usage.raw, side) : new Map(), rest);
  return {
    input: split(usage.inputTokens, detailsOf(usage.raw, "input"), input),
    output: split(usage.outputTokens, detailsOf(usage.raw, "output"), output),
    cacheRead: part(usage.cachedInputTokens, input, "cache_read"),
    cacheWrite: part(usage.cacheWriteTokens, input),
    reasoning: part(usage.reasoningTokens, output),
  };
}

function split(total: number, details: ByModality, rest: Modality): ByModality {
  const counts = new Map([...details].filter(([, count]) => count > 0));
  const known = [...counts.values()].reduce((sum, count) => sum + count, 0);
  if (known > total) return new Map([[rest, total]]); // details of something else
  if (known < total || counts.size === 0) counts.set(rest, (counts.get(rest) ?? 0) + total - known);
  return counts;
}

/** Returns the counts of a side by modality, as far as the provider's own usage has them. */
function detailsOf(raw: unknown, side: Side): ByModality {
  const counts = new Map<Modality, number>();
  const add = (modality: Modality, count: unknown): void => {
    if (typeof count === "number") counts.set(modality, (counts.get(modality) ?? 0) + count);
  };
  for (const usage of Array.isArray(raw) ? raw : [raw]) {
    if (!isJsonObject(usage)) continue;
    for (const details of DETAILS[side].map((name) => usage[name])) {
      if (Array.isArray(details)) {
        for (const entry of details.filter(isJsonObject)) add(modalityOf(entry.modality), entry.tokenCount);
      } else if (isJsonObject(details)) {
        for (const modality of MODALITIES) add(modality, details[`${modality}_tokens`]);
      }
    }
  }
  return counts;
}

/** Returns the conventions' word for a modality of Gemini. They have none for videos and documents. */
function modalityOf(word: unknown): Modality {
  return MODALITIES.find((modality) => modality.toUpperCase() === word) ?? "unknown";
}

function isTextOnly(messages: readonly Message[], { providerOptions }: SendOptions): boolean {
  if (isJsonObject(providerOptions) && HIDDEN_INPUT.some((name) => providerOptions[name] !== undefined)) return false;
  return messages.every((message) => {
    if (message.role === "assistant") return (message.media ?? []).length === 0;
    return typeof message.content === "string" || message.content.every(({ type }) => type === "text");
  });
}
