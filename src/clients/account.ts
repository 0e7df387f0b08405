/** Whose account a request is billed to, as far as can be told without telling the key. */

/** Headers that name the account itself: who rotates keys gives one, and loses nothing. */
const ACCOUNT_HEADERS = ["openai-organization", "x-goog-user-project"];

/** Headers in which keys go out. */
const KEY_HEADERS = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];

/** Tokens of an identity service, which change every hour and tell nothing of the account. */
const TOKEN = /^(Bearer )?(ey[\w-]+\.[\w-]+\.|ya29\.)/;

/**
 * Returns a short mark that is the same for the same account; `undefined` where nothing tells. It has 32 bits, of which no key can be
 * found again: many keys have the same mark.
 * @param headers as they are sent, names in lower case
 */
export function accountMark(headers: Readonly<Record<string, string>>): string | undefined {
  const names = [...ACCOUNT_HEADERS, ...KEY_HEADERS];
  const told = names.find((name) => Object.hasOwn(headers, name) && headers[name] !== "");
  const value = told === undefined ? undefined : headers[told];
  if (told === undefined || value === undefined || TOKEN.test(value)) return undefined;
  // The same key is the same account, in whichever header it goes.
  return markOf(ACCOUNT_HEADERS.includes(told) ? `${told}: ${value}` : value.replace(/^Bearer /, ""));
}

/** FNV-1a, stirred once more so that similar texts have nothing in common. */
function markOf(text: string): string {
  let sum = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193);
  sum = Math.imul(sum ^ (sum >>> 16), 0x85ebca6b);
  sum = Math.imul(sum ^ (sum >>> 13), 0xc2b2ae35);
  return ((sum ^ (sum >>> 16)) >>> 0).toString(36);
}
