/**
 * Words with which providers end a reply, where they are no protocol's own: look-alikes and gateways pass on each
 * other's.
 */

import type { SendErrorKind } from "../../contract/error-kind.ts";
import { SendError } from "../../contract/errors.ts";
import type { FinishReason } from "../../contract/finish-reason.ts";

/** In lower case. What a protocol itself says stands in its decoder. */
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
  max_length: "length",
  model_length: "length",
  model_context_window_exceeded: "length",
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
  error_toxic: "contentFilter",
};

/**
 * What a word looks like that ends a reply though it is not complete: vLLM's and SGLang's `abort`, z.ai's
 * `network_error`, DeepSeek's `insufficient_system_resource`, Mistral's and OpenRouter's `error`, Gemini's
 * `MALFORMED_RESPONSE`, Cohere's `USER_CANCEL`.
 */
const BROKEN: readonly (readonly [RegExp, SendErrorKind])[] = [
  [/missing_thought_signature/i, "invalidRequest"],
  [/overload|insufficient|unavailable|capacity/i, "overloaded"],
  [
    /error|fail|abort|cancel|time_?d?_?out|time_limit|interrupt|disconnect|crash|malformed|unexpected_tool|too_many_tool/i,
    "server",
  ],
];

/** The model wrote what cannot be read; asked again, it may not. */
const MODELS_FAULT = /malformed|_tool_call|language/i;

/** Returns what a word means wherever it comes from; `undefined` where nobody knows it. */
export function finishReasonOf(word = ""): FinishReason | undefined {
  if (Object.hasOwn(MEANINGS, word)) return MEANINGS[word]; // most words are
  // Google's compatible endpoint adds its own word: `content_filter: SAFETY`.
  const name = word
    .toLowerCase()
    .replaceAll("-", "_")
    .replace(/^content_filter:.*/, "content_filter");
  return Object.hasOwn(MEANINGS, name) ? MEANINGS[name] : undefined;
}

/**
 * Returns the error of a reply that its provider ended without completing it; `undefined` for any other word.
 * @param why what the provider says about it
 */
export function brokenOffError(word: string | undefined, why = ""): SendError | undefined {
  const kind = word === undefined ? undefined : BROKEN.find(([pattern]) => pattern.test(word))?.[1];
  return kind && brokenOff(kind, word ?? "", why);
}

/** Returns the same of a word that says it in one protocol only. */
export function brokenOff(kind: SendErrorKind, word: string, why = ""): SendError {
  const who = MODELS_FAULT.test(word) ? "model" : "provider";
  const reason = why === "" ? "" : ` ${why}`;
  return new SendError(kind, `The ${who} broke the reply off (finish reason "${word}").${reason}`, { code: word });
}
