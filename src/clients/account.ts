/** Whose account a request is billed to, as far as can be told without telling the key. */

/** Headers that name the account itself: who rotates keys gives one, and loses nothing. */
const ACCOUNT_HEADERS = ["openai-organization", "x-goog-user-project"];

/** Those, and headers in which keys go out: the first that is there tells. */
const TELLING_HEADERS = [
  "openai-organization",
  "x-goog-user-project",
  "authorization",
  "x-api-key",
  "api-key",
  "x-goog-api-key",
];

/** Tokens of an identity service, which change every hour and tell nothing of the account. */
const TOKEN = /^(Bearer )?(ey[\w-]+\.[\w-]+\.|ya29\.)/;

/** The marks of a client's calls: most are of one account, whose mark is made once. */
export class AccountMarks {
  #last: { readonly header: string; readonly value: string; readonly mark: string | undefined } | undefined;

  /**
   * Returns a short mark that is the same for the same account; `undefined` where nothing tells. It has 32 bits, of which no key can
   * be found again: many keys have the same mark.
   * @param headers as they are sent, names in lower case
   */
  of(headers: Readonly<Record<string, string>>): string | undefined {
    const header = TELLING_HEADERS.find((name) => Object.hasOwn(headers, name) && headers[name] !== "");
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
  // The same key is the same account, in whichever header it goes.
  return markOf(ACCOUNT_HEADERS.includes(header) ? `${header}: ${value}` : value.replace(/^Bearer /, ""));
}

/** FNV-1a, stirred once more so that similar texts have nothing in common. */
function markOf(text: string): string {
  let sum = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193);
  sum = Math.imul(sum ^ (sum >>> 16), 0x85ebca6b);
  sum = Math.imul(sum ^ (sum >>> 13), 0xc2b2ae35);
  return ((sum ^ (sum >>> 16)) >>> 0).toString(36);
}
