/** Which of OpenAI's and xAI's models think, and how they are asked to; told by the model's name. */

/** One family's habits. */
export interface ReasoningFamily {
  /** Whether it thinks: never, only when asked to, unasked, or unknown because the name is. */
  readonly reasons: "never" | "asked" | "unasked" | "unknown";
  /** Words it takes for how much; empty where it cannot be told. */
  readonly efforts: readonly string[];
}

const LEVELS = ["low", "medium", "high"];
const WITH_NONE = ["none", ...LEVELS];
/** `xhigh` since 5.2, `max` since 5.6. */
const TO_XHIGH = [...LEVELS, "xhigh"];
const TO_MAX = [...TO_XHIGH, "max"];

/** The first that fits counts. Seen at OpenAI's servers in July 2026 by the authors of Pydantic AI (`profiles/openai.py`). */
const OPENAI: readonly (readonly [RegExp, ReasoningFamily])[] = [
  [/^gpt-5\.[1-3]-chat|^gpt-5\.1-codex|^gpt-5\.2-pro/, { reasons: "unasked", efforts: LEVELS }],
  [/^gpt-5\.\d+-pro/, { reasons: "unasked", efforts: TO_XHIGH }],
  [/^gpt-5\.1(?!\d)/, { reasons: "asked", efforts: WITH_NONE }],
  [/^gpt-5\.[2-4](?!\d)/, { reasons: "asked", efforts: ["none", ...TO_XHIGH] }],
  [/^gpt-5\.5(?!\d)/, { reasons: "unasked", efforts: ["none", ...TO_XHIGH] }],
  [/^gpt-5\.\d/, { reasons: "unasked", efforts: ["none", ...TO_MAX] }],
  [/^gpt-5-chat/, { reasons: "never", efforts: [] }],
  [/^(gpt-5|o\d|codex)/, { reasons: "unasked", efforts: LEVELS }],
  [/^(gpt-[34]|chatgpt)/, { reasons: "never", efforts: [] }],
  [/^gpt-6-(sol|luna)|^gpt-6\.1-terra/, { reasons: "unasked", efforts: ["none", ...TO_MAX] }],
  // The other models of the sixth generation refuse `none` as far as is known.
  [/^gpt-\d/, { reasons: "unasked", efforts: TO_MAX }],
];

/** @see https://docs.x.ai/docs/guides/reasoning */
const XAI: readonly (readonly [RegExp, ReasoningFamily])[] = [
  [/non-reasoning|^grok-2|^grok-3(?!-mini)/, { reasons: "never", efforts: [] }],
  [/^grok-3-mini/, { reasons: "unasked", efforts: ["low", "high"] }],
  [/^grok-4\.20-multi-agent/, { reasons: "unasked", efforts: LEVELS }],
  [/^grok-4\.3/, { reasons: "unasked", efforts: WITH_NONE }],
  [/^grok-4\.5/, { reasons: "unasked", efforts: LEVELS }],
  [/^grok-4\.[6-9]/, { reasons: "unasked", efforts: TO_XHIGH }],
  [/^grok-4(?!-latest)/, { reasons: "unasked", efforts: [] }],
  // Names that float lead to the newest model.
  [/^grok-/, { reasons: "unasked", efforts: LEVELS }],
];

const UNKNOWN: ReasoningFamily = { reasons: "unknown", efforts: WITH_NONE };

export function openaiFamily(model: string): ReasoningFamily {
  return OPENAI.find(([name]) => name.test(model))?.[1] ?? UNKNOWN;
}

export function xaiFamily(model: string): ReasoningFamily {
  return XAI.find(([name]) => name.test(model))?.[1] ?? UNKNOWN;
}

/**
 * Whether a model of OpenAI's refuses `temperature` and `top_p`. The sixth generation does, also when it does not think.
 * @param thinks whether it thinks in this call
 */
export function openaiRefusesSampling(model: string, thinks: boolean): boolean {
  return thinks || /^gpt-([6-9]|\d\d)/.test(model);
}

/** Models of OpenAI's that read text alone. */
const TEXT_ONLY = /^(gpt-3\.5|gpt-4(-\d{4}.*|-32k.*)?$|o1-mini|o1-preview|o3-mini)/;

/** What a model of OpenAI's takes beside text; names that are not known may take anything. */
export function openaiInputs(model: string): readonly ("image" | "file" | "audio")[] {
  if (TEXT_ONLY.test(model)) return [];
  const isKnown = /^(gpt-[45]|o\d|chatgpt)/.test(model);
  return isKnown && !/audio|realtime|omni/.test(model) ? ["image", "file"] : ["image", "file", "audio"];
}
