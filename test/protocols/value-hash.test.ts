/** Hashes of JSON values: equal where the values are, whatever the order of their keys. */

import { describe, expect, test } from "vitest";
import { ValueHash } from "../../src/protocols/common/value-hash.ts";

const hashOf = (...values: readonly unknown[]) => {
  const hash = ValueHash.empty();
  for (const value of values) hash.add(value);
  return hash.digest();
};

describe("values that are the same have one hash", () => {
  test.each<[string, unknown, unknown]>([
    ["keys in another order", { a: 1, b: [{ c: 2, d: 3 }] }, { b: [{ d: 3, c: 2 }], a: 1 }],
    ["what JSON leaves out", { a: 1, b: undefined }, { a: 1 }],
    ["after JSON", { a: ["ü", null, 1.5, true] }, JSON.parse('{"a":["ü",null,1.5,true]}')],
  ])("%s", (_name, one, other) => expect(hashOf(one)).toBe(hashOf(other)));

  test("tools in any order, a beginning by itself, and without what does not count", () => {
    const set = (...items: string[]) => ValueHash.empty().addSet(items).digest();
    expect(set("a", "b")).toBe(set("b", "a"));
    expect(ValueHash.empty().add("a").copy().add("b").digest()).toBe(hashOf("a", "b"));
    expect(ValueHash.empty().add({ a: 1, cache_control: {} }, ["cache_control"]).digest()).toBe(hashOf({ a: 1 }));
  });
});

describe("values that differ have two", () => {
  test.each<[string, unknown, unknown]>([
    ["a letter", "abc", "abd"],
    ["a text and a number", "1", 1],
    ["a text and nothing", "null", null],
    ["texts cut elsewhere", ["ab", "c"], ["a", "bc"]],
    ["an array and its item", ["a"], "a"],
    ["nesting", [["a"], "b"], [["a", "b"]]],
    ["an object and its entries", { a: "b" }, ["a", "b"]],
    ["an empty object and an empty array", {}, []],
    ["order in an array", ["a", "b"], ["b", "a"]],
  ])("%s", (_name, one, other) => expect(hashOf(one)).not.toBe(hashOf(other)));

  test("a hundred thousand texts", () => {
    expect(new Set(Array.from({ length: 100_000 }, (_, index) => hashOf(`text ${index}`))).size).toBe(100_000);
  });
});

test("a cycle ends", () => {
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  expect(hashOf(cycle)).toMatch(/^[\da-f]{16}$/);
});
