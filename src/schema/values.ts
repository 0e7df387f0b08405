/** Comparison, length and division of JSON values by the rules of JSON Schema. */

import { isJsonObject } from "../platform/json-object.ts";

/** Returns whether a value is a multiple. 0.3 is a multiple of 0.1, in spite of binary fractions. */
export function isMultiple(value: number | bigint, divisor: number): boolean {
  if (typeof value === "bigint") {
    const [, integer = "", fraction = ""] = /^(\d+)(?:\.(\d+))?$/.exec(String(divisor)) ?? [];
    if (integer === "") return isMultiple(Number(value), divisor);
    return (value * 10n ** BigInt(fraction.length)) % BigInt(integer + fraction) === 0n;
  }
  const quotient = value / divisor;
  if (!Number.isFinite(quotient)) return value % divisor === 0;
  return Math.abs(quotient - Math.round(quotient)) <= Math.abs(quotient) * 2 * Number.EPSILON;
}

/** Returns the length in code points, roughly the characters that people count. */
export function lengthOf(text: string): number {
  let length = text.length;
  for (let at = 1; at < text.length; at++) {
    const isPair = (text.charCodeAt(at) & 0xfc00) === 0xdc00 && (text.charCodeAt(at - 1) & 0xfc00) === 0xd800;
    if (isPair) length--;
  }
  return length;
}

/** Returns the indices of the first two equal elements. */
export function equalPair(elements: readonly unknown[]): readonly [number, number] | undefined {
  const seen = new Map<string, number>();
  for (const [index, element] of elements.entries()) {
    const text = canonical(element);
    const before = seen.get(text);
    if (before !== undefined) return [before, index];
    seen.set(text, index);
  }
  return undefined;
}

/** Returns whether two values are equal in JSON Schema. */
export function isEqual(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  return canonical(one) === canonical(other);
}

/** Returns one text for all values that are equal in JSON Schema, where the order of keys does not matter. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value === "bigint") return String(value);
  if (!isJsonObject(value)) return JSON.stringify(value) ?? "undefined";
  const members = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`);
  return `{${members.join(",")}}`;
}
