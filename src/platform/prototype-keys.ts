/** Plain data without the keys that reach the prototype of an object, for programs that merge what they receive. */

const KEYS: readonly string[] = ["__proto__", "constructor", "prototype"];

/** Returns the value without those keys, at any depth; the same value when it has none. */
export function withoutPrototypeKeys<Value>(value: Value): Value {
  return cleaned(value) as Value;
}

function cleaned(value: unknown): unknown {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) {
    const items = value.map(cleaned);
    return items.some((item, index) => item !== value[index]) ? items : value;
  }
  const entries = Object.entries(value);
  const kept = entries.filter(([name]) => !KEYS.includes(name)).map(([name, inner]) => [name, cleaned(inner)] as const);
  const isSame = kept.length === entries.length && kept.every(([, inner], index) => inner === entries[index]?.[1]);
  return isSame ? value : Object.fromEntries(kept);
}
