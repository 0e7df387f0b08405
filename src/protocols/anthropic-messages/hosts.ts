/**
 * Hosts that speak Anthropic Messages. Anthropic's clouds verify each other's signatures; other vendors sign nothing,
 * or in their own way.
 */

/**
 * Anthropic's own address and the clouds that serve its models: signatures are valid across them.
 * @see https://platform.claude.com/docs/en/build-with-claude/preserved-thinking
 */
const CLOUDS = /^https:\/\/([\w.-]+\.)?(anthropic\.com|amazonaws\.com|googleapis\.com|azure\.com)(:\d+)?$/;

/** Returns whether thinking that was signed at one address is valid at the other. */
export function shareSignatures(one: string | undefined, two: string): boolean {
  return one !== undefined && CLOUDS.test(one) && CLOUDS.test(two);
}

/** Returns whether Claude itself answers at the address. */
export function isClaudes(address: string): boolean {
  return CLOUDS.test(address);
}

/** Vendors whose thinking is unsigned and must still go back, by address or by the names of their models. */
const UNSIGNED_ADDRESS =
  /\.(moonshot\.(ai|cn)|kimi\.com|deepseek\.com|minimaxi?\.(io|com|chat)|bigmodel\.cn|xiaomimimo\.com)$|\bz\.ai$/;
const UNSIGNED_MODEL = /kimi|deepseek|minimax|\bglm-?\d|\bmimo-/i;

/**
 * Returns whether thinking without a signature goes back to the model at this address.
 * @see https://api-docs.deepseek.com/guides/anthropic_api
 */
export function thinksUnsigned(model: string, address: string): boolean {
  return UNSIGNED_ADDRESS.test(address) || UNSIGNED_MODEL.test(model);
}

const DEMANDING_ADDRESS = /\.(deepseek\.com|xiaomimimo\.com)$/;
const DEMANDING_MODEL = /deepseek-v\d|\bmimo-/i;
/** Older models of theirs, which do not demand it. */
const UNDEMANDING = /chat|reasoner|r1|v3/i;

/**
 * Returns whether the server refuses calls without thinking before them, even where there was none. It takes empty
 * thinking.
 * @see https://api-docs.deepseek.com/guides/thinking_mode
 */
export function demandsThinking(model: string, address: string): boolean {
  return (DEMANDING_ADDRESS.test(address) || DEMANDING_MODEL.test(model)) && !UNDEMANDING.test(model);
}
