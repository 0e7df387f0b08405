/**
 * Values of any kind as text, without failing: a thrown value, or a value in a provider's response, may be anything.
 */

/**
 * Returns the value as text; `"an object"` for a value without a text form, such as an object whose `toString` is a
 * number.
 */
export function wordsOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return "an object";
  }
}

/** Returns the message of an error, or any other thrown value as text. */
export function messageOf(error: unknown): string {
  try {
    return wordsOf(error instanceof Error ? error.message : error);
  } catch {
    return "an object"; // a proxy or an accessor that throws
  }
}

/** Returns whether a text in plain data, or the name of a field, passes the test. */
export function someText(value: unknown, test: (text: string) => boolean): boolean {
  if (typeof value === "string") return test(value);
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return false;
  const fields = value as Readonly<Record<string, unknown>>;
  for (const name in fields) if (test(name) || someText(fields[name], test)) return true;
  return false;
}

/** Returns plain data with every text in it replaced, names of fields included. */
export function mapTexts<Value>(value: Value, replace: (text: string) => string): Value {
  const walk = (inner: unknown): unknown => {
    if (typeof inner === "string") return replace(inner);
    if (Array.isArray(inner)) return inner.map(walk);
    if (typeof inner !== "object" || inner === null || ArrayBuffer.isView(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).map(([name, field]) => [replace(name), walk(field)]));
  };
  return walk(value) as Value;
}
