/** The features that OpenAI's models accept, read from the model's name. */

import { LEVELS, LEVELS_AND_NONE, type ReasoningCapabilities, type ReasoningTable, reasoningIn } from "./reasoning.ts";

/** `xhigh` exists since 5.2, `max` since 5.6. */
const TO_XHIGH = ["low", "medium", "high", "xhigh"];
const NONE_TO_XHIGH = ["none", "low", "medium", "high", "xhigh"];
const TO_MAX = ["low", "medium", "high", "xhigh", "max"];
const NONE_TO_MAX = ["none", "low", "medium", "high", "xhigh", "max"];

/** Observed at OpenAI's servers in July 2026 by the authors of Pydantic AI (`profiles/openai.py`). */
const OPENAI: ReasoningTable = [
  [/^gpt-5\.[1-3]-chat|^gpt-5\.1-codex|^gpt-5\.2-pro/, { reasons: "unasked", efforts: LEVELS }],
  [/^gpt-5\.\d+-pro/, { reasons: "unasked", efforts: TO_XHIGH }],
  [/^gpt-5\.1(?!\d)/, { reasons: "asked", efforts: LEVELS_AND_NONE }],
  [/^gpt-5\.[2-4](?!\d)/, { reasons: "asked", efforts: NONE_TO_XHIGH }],
  [/^gpt-5\.5(?!\d)/, { reasons: "unasked", efforts: NONE_TO_XHIGH }],
  [/^gpt-5\.\d/, { reasons: "unasked", efforts: NONE_TO_MAX }],
  [/^gpt-5-chat/, { reasons: "never", efforts: [] }],
  [/^(gpt-5|o\d|codex)/, { reasons: "unasked", efforts: LEVELS }],
  [/^(gpt-[34]|chatgpt)/, { reasons: "never", efforts: [] }],
  [/^gpt-6-(sol|luna)|^gpt-6\.1-terra/, { reasons: "unasked", efforts: NONE_TO_MAX }],
  // The other models of the sixth generation refuse `none` as far as is known.
  [/^gpt-\d/, { reasons: "unasked", efforts: TO_MAX }],
];

/** Returns how an OpenAI model thinks. */
export function openaiCapabilitiesOf(model: string): ReasoningCapabilities {
  return reasoningIn(OPENAI, model);
}

/**
 * Returns whether an OpenAI model refuses `temperature` and `top_p`. The sixth generation does, even when it does not
 * think.
 * @param thinks whether the model thinks in this call
 */
export function openaiRefusesSampling(model: string, thinks: boolean): boolean {
  return thinks || /^gpt-([6-9]|\d\d)/.test(model);
}

/** OpenAI's models that take only text. */
const TEXT_ONLY = /^(gpt-3\.5|gpt-4(-\d{4}.*|-32k.*)?$|o1-mini|o1-preview|o3-mini)/;

/** Returns what an OpenAI model takes in addition to text. A model of an unknown name is assumed to take everything. */
export function openaiInputs(model: string): readonly ("image" | "file" | "audio")[] {
  if (TEXT_ONLY.test(model)) return [];
  const isKnown = /^(gpt-[45]|o\d|chatgpt)/.test(model);
  return isKnown && !/audio|realtime|omni/.test(model) ? ["image", "file"] : ["image", "file", "audio"];
}
