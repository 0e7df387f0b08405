/** The words for types and values in validation messages, which people and models read. */

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: "a string",
  number: "a number",
  integer: "an integer",
  boolean: "true or false",
  null: "null",
  array: "an array",
  object: "an object",
};

/** Returns the types of JSON Schema as messages name them: `a string or null`. */
export function typesText(types: readonly unknown[]): string {
  return types.map((one) => TYPE_NAMES[String(one)] ?? String(one)).join(" or ");
}

/** Returns a received value as messages name it: a number or boolean itself, else its type. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  if (typeof value === "boolean") return String(value);
  return TYPE_NAMES[typeof value] ?? `a ${typeof value}`;
}

/** Returns a number with its noun: `2 properties`. */
export function counted(count: unknown, what: string): string {
  if (count === 1) return `1 ${what}`;
  return `${count} ${what === "property" ? "properties" : `${what}s`}`;
}

const SHOWN_VALUES = 12;

/** Returns the first values of a list as JSON. */
export function listed(values: readonly unknown[]): string {
  const texts = values.slice(0, SHOWN_VALUES).map(shown);
  return values.length > SHOWN_VALUES
    ? `${texts.join(", ")} and ${values.length - SHOWN_VALUES} more`
    : texts.join(", ");
}

/** Returns a value as JSON, cut behind 60 characters. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "undefined";
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
