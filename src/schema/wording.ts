/** How a schema's demands, and values, are said in messages for people and models. */

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  integer: "a whole number",
  boolean: "true or false",
  null: "null",
  array: "a list",
  object: "an object",
};

/** JSON Schema's types as they are said: `a text or null`. */
export function typesText(types: readonly unknown[]): string {
  return types.map((one) => TYPE_NAMES[String(one)] ?? String(one)).join(" or ");
}

export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  if (typeof value === "boolean") return String(value);
  return TYPE_NAMES[typeof value] ?? `a ${typeof value}`;
}

export function counted(count: unknown, what: string): string {
  if (count === 1) return `1 ${what}`;
  return `${count} ${what === "property" ? "properties" : `${what}s`}`;
}

const SHOWN_VALUES = 12;

export function listed(values: readonly unknown[]): string {
  const texts = values.slice(0, SHOWN_VALUES).map(shown);
  return values.length > SHOWN_VALUES
    ? `${texts.join(", ")} and ${values.length - SHOWN_VALUES} more`
    : texts.join(", ");
}

export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "undefined";
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
