/** Finish reasons that are not a protocol's own: compatible servers and gateways pass on each other's words. */

import type { SendErrorKind } from "../../contract/error-kind.ts";
import { SendError } from "../../contract/errors.ts";
import type { FinishReason } from "../../contract/finish-reason.ts";
import { textIn } from "./wire-values.ts";

/** Words in lower case. The words of a protocol itself are in its decoder. */
const MEANINGS: Readonly<Record<string, FinishReason>> = {
  stop: "stop",
  end: "stop",
  end_turn: "stop",
  eos: "stop",
  eos_token: "stop",
  stop_sequence: "stop",
  complete: "stop",
  length: "length",
  max_tokens: "length",
  max_output_tokens: "length",
  max_new_tokens: "length",
  max_completion_tokens: "length",
  max_length: "length",
  model_length: "length",
  model_context_window_exceeded: "length",
  context_length_exceeded: "length",
  // Cohere's word for a context that is full.
  error_limit: "length",
  tool_calls: "toolCalls",
  tool_call: "toolCalls",
  tool_use: "toolCalls",
  function_call: "toolCalls",
  refusal: "refusal",
  content_filter: "contentFilter",
  content_filtered: "contentFilter",
  guardrail_intervened: "contentFilter",
  sensitive: "contentFilter",
  safety: "contentFilter",
  recitation: "contentFilter",
  blocklist: "contentFilter",
  prohibited_content: "contentFilter",
  spii: "contentFilter",
  image_safety: "contentFilter",
  image_prohibited_content: "contentFilter",
  image_recitation: "contentFilter",
  model_armor: "contentFilter",
  error_toxic: "contentFilter",
  moderation: "contentFilter",
  content_policy_violation: "contentFilter",
};

/**
 * Patterns of words that end an incomplete reply: vLLM's and SGLang's `abort`, z.ai's `network_error`, DeepSeek's
 * `insufficient_system_resource`, Mistral's and OpenRouter's `error`, Gemini's `MALFORMED_RESPONSE`, Cohere's
 * `USER_CANCEL`.
 */
const broken = (): readonly (readonly [RegExp, SendErrorKind])[] => [
  [/missing_thought_signature/i, "invalidRequest"],
  [/overload|insufficient|unavailable|capacity|busy/i, "overloaded"],
  [/rate_?limit|quota|throttl/i, "rateLimit"],
  [
    /error|fail|abort|cancel|time_?d?_?out|time_limit|deadline|interrupt|terminat|preempt|evict|kill|shut_?down|exception|resource_exhausted|connection|disconnect|crash|expired|out_of_memory|oom\b|dead\b|malformed|unexpected_tool|too_many_tool|^language$/i,
    "server",
  ],
];

/** Words that blame the model's output. A retry may succeed. */
const MODELS_FAULT = /malformed|_tool_call|language/i;

/** Words for no reason: some servers send `""` or the word `null` of their language with every event. */
const NO_REASON = /^(null|none|undefined)?$/i;

/** Returns the reason in an event; `undefined` where there is none yet. */
export function reasonIn(value: unknown): string | undefined {
  const word = value ? textIn(value) : "";
  return NO_REASON.test(word) ? undefined : word;
}

/** Returns the meaning of a word from any provider; `undefined` for an unknown word. */
export function finishReasonOf(word = ""): FinishReason | undefined {
  if (Object.hasOwn(MEANINGS, word)) return MEANINGS[word]; // most words are
  // Google's compatible endpoint adds its own word: `content_filter: SAFETY`.
  const name = word
    .toLowerCase()
    .replaceAll("-", "_")
    .replace(/^finish_?reason[._]/, "") // a name of an enumeration, as Python and protobuf write it
    .replace(/^content_filter:.*/, "content_filter");
  return Object.hasOwn(MEANINGS, name) ? MEANINGS[name] : undefined;
}

/**
 * Returns the word that counts when a reply has two. Some gateways add a `stop` of their own to every reply: it does
 * not make a reply complete that was cut, filtered or broken off.
 */
export function laterReason(earlier: string | undefined, later: string): string {
  if (earlier === undefined || earlier === later) return later;
  const [known, then] = [finishReasonOf(earlier), finishReasonOf(later)];
  if (then !== "stop" && then !== "toolCalls") return later;
  const isCut = known === undefined ? brokenOffError(earlier) !== undefined : known !== "stop" && known !== "toolCalls";
  return isCut ? earlier : later;
}

/**
 * Returns the word that counts of a router and of the provider behind it. OpenRouter says `stop` for a reply that
 * Gemini broke off (`MALFORMED_FUNCTION_CALL`): its text is the rest of a call.
 */
export function routedReason(word: string, native: unknown): string {
  const known = finishReasonOf(word);
  if (typeof native !== "string" || (known !== undefined && known !== "stop" && known !== "toolCalls")) return word;
  return finishReasonOf(native) === undefined && brokenOffError(native) ? native : word;
}

/**
 * Returns the error of a reply that its provider ended without completing it; `undefined` for any other word.
 * @param why the provider's explanation
 */
export function brokenOffError(word: string | undefined, why = ""): SendError | undefined {
  const kind = word === undefined ? undefined : broken().find(([pattern]) => pattern.test(word))?.[1];
  return kind && brokenOff(kind, word ?? "", why);
}

/** Returns the same error for a word of one protocol. */
function brokenOff(kind: SendErrorKind, word: string, why = ""): SendError {
  const who = MODELS_FAULT.test(word) ? "model" : "provider";
  const reason = why === "" ? "" : ` ${why}`;
  return new SendError(kind, `The ${who} ended the reply early (finish reason "${word}").${reason}`, { code: word });
}
