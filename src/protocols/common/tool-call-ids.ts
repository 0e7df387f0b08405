/**
 * Ids and names of tool calls in the form that a provider takes. Those of other providers may be too long, or hold
 * other characters.
 */

/** Returns the id itself where it is short enough, else a short one that depends on the id alone. */
export function shortCallId(id: string, longest: number): string {
  return id.length <= longest ? id : `call_${hashOf(id)}`;
}

/**
 * Returns whether an id holds more than a name: LiteLLM puts Gemini's signature into it, and reads it from there.
 * @see https://github.com/BerriAI/litellm/pull/16895
 */
export function holdsSignature(id: string): boolean {
  return id.includes("__thought__");
}

/** Returns an id of a fixed number of letters and digits that depends on the given id. */
export function callIdOf(id: string, length: number): string {
  return hashOf(id).padEnd(length, "0").slice(0, length);
}

/**
 * Returns the id of a call whose provider gives none: unique within a conversation if the ids of replies are. It
 * reveals nothing of the reply's id, which may be derived from a secret.
 */
export function madeUpCallId(replyId: string | undefined, index: number): string {
  return `call_${hashOf(replyId ?? "")}_${index}`;
}

/**
 * Returns the provider's id and adds it to `taken`. The id is made up where the provider gives none or repeats one,
 * since a result names its call.
 */
export function uniqueCallId(own: string, replyId: string | undefined, index: number, taken: Set<string>): string {
  let id = own === "" || taken.has(own) ? madeUpCallId(replyId, index) : own;
  while (taken.has(id)) id += "_";
  taken.add(id);
  return id;
}

/** The names of tools that a provider accepts. */
export interface NameRule {
  readonly pattern: RegExp;
  /** The characters that it refuses in every position. */
  readonly foreign: RegExp;
  readonly longest: number;
}

/** @see https://platform.openai.com/docs/api-reference/chat/create#chat_create-tools */
export const OPENAI_NAMES: NameRule = { pattern: /^[\w-]{1,64}$/, foreign: /[^\w-]/g, longest: 64 };

/** @see https://docs.anthropic.com/en/api/messages#body-tools-name */
export const ANTHROPIC_NAMES: NameRule = { pattern: /^[\w-]{1,128}$/, foreign: /[^\w-]/g, longest: 128 };

/** @see https://ai.google.dev/api/caching#FunctionDeclaration */
export const GEMINI_NAMES: NameRule = { pattern: /^[A-Za-z_][\w.:-]{0,63}$/, foreign: /[^\w.:-]/g, longest: 64 };

/**
 * Returns the name itself where the provider takes it, else a similar one that depends only on the name. A name that
 * changed between requests would invalidate the provider's cache and signatures.
 */
export function legalName(name: string, { pattern, foreign, longest }: NameRule): string {
  if (pattern.test(name)) return name;
  const mark = `_${hashOf(name)}`;
  const readable = name.replace(foreign, "_").replace(/^(?![A-Za-z_])/, "_");
  return readable.slice(0, longest - mark.length) + mark;
}

/** Two independent sums of 32 bits: enough to distinguish the calls of one conversation. */
function hashOf(id: string): string {
  let high = 7;
  let low = 11;
  for (let at = 0; at < id.length; at++) {
    high = (Math.imul(high, 31) + id.charCodeAt(at)) >>> 0;
    low = (Math.imul(low, 37) ^ id.charCodeAt(at)) >>> 0;
  }
  return high.toString(36) + low.toString(36);
}
