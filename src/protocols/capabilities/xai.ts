/** The features that xAI's models accept, read from the model's name. */

import { LEVELS, LEVELS_AND_NONE, type ReasoningCapabilities, type ReasoningTable, reasoningIn } from "./reasoning.ts";

const TO_XHIGH = ["low", "medium", "high", "xhigh"];

/** @see https://docs.x.ai/docs/guides/reasoning */
const XAI: ReasoningTable = [
  [/non-reasoning|^grok-2|^grok-3(?!-mini)/, { reasons: "never", efforts: [] }],
  [/^grok-3-mini/, { reasons: "unasked", efforts: ["low", "high"] }],
  [/^grok-4\.20-multi-agent/, { reasons: "unasked", efforts: LEVELS }],
  [/^grok-4\.3/, { reasons: "unasked", efforts: LEVELS_AND_NONE }],
  [/^grok-4\.5/, { reasons: "unasked", efforts: LEVELS }],
  [/^grok-4\.[6-9]/, { reasons: "unasked", efforts: TO_XHIGH }],
  [/^grok-4(?!-latest)/, { reasons: "unasked", efforts: [] }],
  // Names without a version mean the newest model.
  [/^grok-/, { reasons: "unasked", efforts: LEVELS }],
];

/** Returns how an xAI model thinks. */
export function xaiCapabilitiesOf(model: string): ReasoningCapabilities {
  return reasoningIn(XAI, model);
}
