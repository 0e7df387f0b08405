/** The rules of every provider for a request. */

/** The names of tools that OpenAI and most compatible servers take. */
export const OPENAI_NAME: RegExp = /^[a-zA-Z0-9_-]{1,64}$/;

/** Returns OpenAI's message for a name that does not match. `where`: the path of the name in the request. */
export function openaiNameFault(where: string): string {
  return `Invalid '${where}': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.`;
}

/** Returns the fault of an unreadable body: a lone surrogate is not valid Unicode, even inside nested JSON. */
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

/** Arguments are a JSON string inside JSON, and are also parsed. */
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
