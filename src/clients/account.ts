/** Marks the account that a request is billed to, without revealing the key. */

/** Headers that name the account itself: a caller that rotates keys sets one, and loses nothing. */
const ACCOUNT_HEADERS = ["openai-organization", "x-goog-user-project"];

/** Those, and headers that carry keys: the first that is present counts. */
const IDENTIFYING_HEADERS = [
  "openai-organization",
  "x-goog-user-project",
  "authorization",
  "x-api-key",
  "api-key",
  "x-goog-api-key",
];

/**
 * Tokens of an identity service, short-term keys and signatures: they change within hours and do not identify the
 * account.
 */
const TOKEN = /^(Bearer )?(ey[\w-]+\.[\w-]+\.|ya29\.|bedrock-api-key-|AWS4-HMAC-)/;

/** The marks of a client's calls: most calls use one account, whose mark is computed once. */
export class AccountMarks {
  #last: { readonly header: string; readonly value: string; readonly mark: string | undefined } | undefined;

  /**
   * Returns a short mark that is the same for the same account; `undefined` where no header identifies it. It has 32
   * bits, so a key cannot be recovered from it: many keys have the same mark.
   * @param headers the headers of the request, names in lower case
   */
  of(headers: Readonly<Record<string, string>>): string | undefined {
    const header = IDENTIFYING_HEADERS.find((name) => Object.hasOwn(headers, name) && headers[name] !== "");
    const value = header === undefined ? undefined : headers[header];
    if (header === undefined || value === undefined) return undefined;
    if (this.#last?.header !== header || this.#last.value !== value) {
      this.#last = { header, value, mark: markIn(header, value) };
    }
    return this.#last.mark;
  }
}

function markIn(header: string, value: string): string | undefined {
  if (TOKEN.test(value)) return undefined;
  // The same key is the same account, in any header.
  return markOf(ACCOUNT_HEADERS.includes(header) ? `${header}: ${value}` : value.replace(/^Bearer /, ""));
}

/** Hashes by FNV-1a, mixed once more so that similar texts have nothing in common. */
function markOf(text: string): string {
  let sum = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193);
  sum = Math.imul(sum ^ (sum >>> 16), 0x85ebca6b);
  sum = Math.imul(sum ^ (sum >>> 13), 0xc2b2ae35);
  return ((sum ^ (sum >>> 16)) >>> 0).toString(36);
}
