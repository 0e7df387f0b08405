/**
 * Which thinking goes back with earlier replies over Chat Completions: some servers demand it, others refuse the field.
 */

/** The thinking that one model at one address accepts in later requests. */
export interface ReasoningReplay {
  /** The place of the thinking: a field of this name, the field that it came in, or parts of the content. */
  readonly place: "reasoning_content" | "as it came" | "parts";
  /** Which replies have it: those of the current loop of calls, or all. */
  readonly turns: "loop" | "all";
  /** Whether the server refuses it in a turn that has text and calls. */
  readonly notWithTextAndCalls?: true;
  /** The `reasoning_content` of turns without thinking, and the turns that require it. */
  readonly missing?: { readonly text: string; readonly turns: "calls" | "all" };
}

/** @param address the requested origin */
export type ReasoningRule = (model: string, address: string) => ReasoningReplay | undefined;

/** V4 requires it for every turn, V3.2 in the loop of calls. The first R1 refused it for earlier turns. */
export const deepseekReplay = (model: string): ReasoningReplay =>
  /chat|reasoner|r1|v3/i.test(model)
    ? { place: "reasoning_content", turns: "loop" }
    : { place: "reasoning_content", turns: "all", missing: { text: "", turns: "all" } };

/** Every turn with calls needs it, also those of another model. The server treats an empty string as a missing one. */
const KIMI: ReasoningReplay = { place: "as it came", turns: "all", missing: { text: " ", turns: "calls" } };

/** All thinking is sent back. */
const KEPT: ReasoningReplay = { place: "as it came", turns: "all" };

/** Addresses that refuse the field for every model. */
const REFUSING = /\.(groq\.com|cerebras\.ai|mistral\.ai|perplexity\.ai)\b/;

/** Models of these vendors that do not think, in lower case. */
const PLAIN = /moonshot-v1|kimi-k2-(0\d{3}|instruct)/;

/**
 * Rules by the vendor's address, or else by the model's name in lower case, since many vendors serve the same models.
 * @see https://platform.moonshot.ai/docs/guide/use-kimi-k2-thinking-model
 * @see https://docs.z.ai/guides/capabilities/thinking-mode
 * @see https://platform.minimax.io/docs/guides/text-m2-function-call
 */
const RULES: readonly { readonly address: RegExp; readonly model: RegExp; readonly rule: ReasoningRule }[] = [
  { address: /\.deepseek\.com\b/, model: /deepseek-(v\d|reasoner)/, rule: deepseekReplay },
  { address: /\.(moonshot\.(ai|cn)|kimi\.com)\b/, model: /kimi/, rule: () => KIMI },
  { address: /\.(minimaxi?\.(io|com|chat))\b/, model: /minimax/, rule: () => KEPT },
  { address: /\b(z\.ai|bigmodel\.cn)\b/, model: /\bglm-?[4-9]/, rule: () => KEPT },
  {
    address: /\.xiaomimimo\.com\b/,
    model: /\bmimo-/,
    rule: () => ({ ...KEPT, missing: { text: "", turns: "calls" } }),
  },
];

/** The last model and address, and their replay: a client's calls all have the same, and it takes a dozen patterns. */
let last:
  | { readonly model: string; readonly address: string; readonly replay: ReasoningReplay | undefined }
  | undefined;

/** The rule for servers of which only the address and the model's name are known. */
export const commonReplay: ReasoningRule = (model, address) => {
  if (last?.model !== model || last.address !== address) last = { model, address, replay: replayBy(model, address) };
  return last.replay;
};

function replayBy(model: string, address: string): ReasoningReplay | undefined {
  const name = model.toLowerCase();
  if (REFUSING.test(address) || PLAIN.test(name)) return undefined;
  return RULES.find((row) => row.address.test(address) || row.model.test(name))?.rule(model, address);
}

/** llama.cpp's thinking models require it in the field that it came in. */
export const llamacppReplay: ReasoningRule = (model, address) =>
  commonReplay(model, address) ?? (/gpt-oss/i.test(model) ? GPT_OSS : { place: "as it came", turns: "loop" });

/** The template of gpt-oss has one place before a call: for text, or for thinking. */
const GPT_OSS: ReasoningReplay = { place: "as it came", turns: "loop", notWithTextAndCalls: true };
