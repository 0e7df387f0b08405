/**
 * Which thinking goes back with earlier replies over Chat Completions: some servers demand it, others refuse the field.
 */

/** What one model at one address wants back. */
export interface ReasoningReplay {
  /** Where it goes: a field of this name, the one it came in, or parts of the content. */
  readonly place: "reasoning_content" | "as it came" | "parts";
  /** Of which replies: those of the loop of calls under way, or all. */
  readonly turns: "loop" | "all";
  /** What stands in `reasoning_content` where there was no thinking, and of which turns it is demanded. */
  readonly missing?: { readonly text: string; readonly turns: "calls" | "all" };
}

/** @param address the origin that is asked */
export type ReasoningRule = (model: string, address: string) => ReasoningReplay | undefined;

/** V4 demands it of every turn, V3.2 in the loop of calls; the first R1 refused that of earlier turns. */
export const deepseekReplay = (model: string): ReasoningReplay =>
  /chat|reasoner|r1|v3/i.test(model)
    ? { place: "reasoning_content", turns: "loop" }
    : { place: "reasoning_content", turns: "all", missing: { text: "", turns: "all" } };

/** Every turn with calls, also those of another model. An empty text is taken for a missing one. */
const KIMI: ReasoningReplay = { place: "as it came", turns: "all", missing: { text: " ", turns: "calls" } };

/** Whatever the model has thought, kept over turns. */
const KEPT: ReasoningReplay = { place: "as it came", turns: "all" };

/** Addresses that refuse the field, whatever the model is called. */
const REFUSING = /\.(groq\.com|cerebras\.ai|mistral\.ai|perplexity\.ai)\b/;

/** Models of these vendors that do not think. */
const PLAIN = /moonshot-v1|kimi-k2-(0\d{3}|instruct)/i;

/**
 * By the vendor's address, else by the model's name: the same models are served by many.
 * @see https://platform.moonshot.ai/docs/guide/use-kimi-k2-thinking-model
 * @see https://docs.z.ai/guides/capabilities/thinking-mode
 * @see https://platform.minimax.io/docs/guides/text-m2-function-call
 */
const RULES: readonly { readonly address: RegExp; readonly model: RegExp; readonly rule: ReasoningRule }[] = [
  { address: /\.deepseek\.com\b/, model: /deepseek-(v\d|reasoner)/i, rule: deepseekReplay },
  { address: /\.(moonshot\.(ai|cn)|kimi\.com)\b/, model: /kimi/i, rule: () => KIMI },
  { address: /\.(minimaxi?\.(io|com|chat))\b/, model: /minimax/i, rule: () => KEPT },
  { address: /\b(z\.ai|bigmodel\.cn)\b/, model: /\bglm-?[4-9]/i, rule: () => KEPT },
  {
    address: /\.xiaomimimo\.com\b/,
    model: /\bmimo-/i,
    rule: () => ({ ...KEPT, missing: { text: "", turns: "calls" } }),
  },
];

/** For servers that are known by nothing else. */
export const commonReplay: ReasoningRule = (model, address) => {
  if (REFUSING.test(address) || PLAIN.test(model)) return undefined;
  return RULES.find((row) => row.address.test(address) || row.model.test(model))?.rule(model, address);
};

/** llama.cpp's models that think want it back in the field it came in. */
export const llamacppReplay: ReasoningRule = (model, address) =>
  commonReplay(model, address) ?? { place: "as it came", turns: "loop" };
