/** Log probabilities, which are asked for with `providerOptions`, in the forms of their providers. */

import type { TokenLogprob } from "../../contract/message.ts";
import type { JsonObject } from "../../platform/json-object.ts";
import type { ReplyFacts } from "../../stream/reply-facts.ts";

/** Returns the objects of an array. Log probabilities are not part of the reply, so invalid ones are skipped. */
function listOf(value: unknown): readonly JsonObject[] {
  if (!Array.isArray(value)) return [];
  return (value as readonly unknown[]).filter((each): each is JsonObject => typeof each === "object" && each !== null);
}

function tokenOf(wire: JsonObject): Omit<TokenLogprob, "alternatives"> | undefined {
  const { token, bytes } = wire;
  const logprob = wire.logprob ?? wire.logProbability;
  if (typeof token !== "string" || typeof logprob !== "number") return undefined;
  // Without the sign of zero, which JSON loses.
  return { token, logprob: logprob + 0, ...(isBytes(bytes) && { bytes }) };
}

function isBytes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((byte) => typeof byte === "number");
}

function add(facts: ReplyFacts, wire: JsonObject, others: unknown): void {
  const token = tokenOf(wire);
  if (!token) return;
  const alternatives = listOf(others).flatMap((other) => tokenOf(other) ?? []);
  facts.logprobs ??= [];
  facts.logprobs.push({ ...token, ...(alternatives.length > 0 && { alternatives }) });
}

/**
 * Adds the log probabilities of a piece of text. Responses sends an array, Chat Completions an array within an object,
 * and some compatible servers two parallel arrays.
 * @see https://platform.openai.com/docs/api-reference/chat/object#chat-object-choices-logprobs
 */
export function addLogprobs(facts: ReplyFacts, wire: unknown): void {
  if (typeof wire !== "object" || wire === null) return;
  const { content, refusal, tokens, token_logprobs } = wire as JsonObject;
  const reported = Array.isArray(wire) ? listOf(wire) : [...listOf(content), ...listOf(refusal)];
  for (const each of reported) add(facts, each, each.top_logprobs);
  if (!Array.isArray(tokens) || !Array.isArray(token_logprobs) || reported.length > 0) return;
  for (const [at, token] of (tokens as readonly unknown[]).entries())
    add(facts, { token, logprob: (token_logprobs as readonly unknown[])[at] }, []);
}

/**
 * Adds the log probabilities of Gemini's `logprobsResult`, where chosen and top candidates are parallel arrays.
 * @see https://ai.google.dev/api/generate-content#LogprobsResult
 */
export function addGeminiLogprobs(facts: ReplyFacts, wire: unknown): void {
  if (typeof wire !== "object" || wire === null) return;
  const { chosenCandidates, topCandidates } = wire as JsonObject;
  const weighed = listOf(topCandidates);
  for (const [at, chosen] of listOf(chosenCandidates).entries()) add(facts, chosen, weighed[at]?.candidates);
}
