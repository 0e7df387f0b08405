/** What every provider demands of a request, whatever its format. */

/** What OpenAI and most who speak its protocols take as the name of a tool. */
export const OPENAI_NAME: RegExp = /^[a-zA-Z0-9_-]{1,64}$/;

/** Why the body is not read at all: half a surrogate pair in it is no Unicode, also where it is text within JSON within text. */
export function unreadableFault(body: unknown): string | undefined {
  return holdsHalfPair(body)
    ? "We could not parse the JSON body of your request: it holds a lone surrogate, which is not valid Unicode."
    : undefined;
}

function holdsHalfPair(value: unknown): boolean {
  if (typeof value === "string") return !value.isWellFormed() || holdsHalfPair(parsedObject(value));
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).some(([name, inner]) => !name.isWellFormed() || holdsHalfPair(inner));
}

/** Arguments are JSON in a text, which is read once more. */
function parsedObject(text: string): unknown {
  if (!text.startsWith("{") || !text.includes("\\u")) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The first name of an object that is not among those a request may have. */
export function strayField(object: object, known: readonly string[]): string | undefined {
  return Object.keys(object).find((name) => !known.includes(name));
}
