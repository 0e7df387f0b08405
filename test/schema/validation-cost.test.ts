/** Validation takes time in proportion to the value. */

import { describe, expect, test } from "vitest";
import type { JsonSchema } from "../../src/contract/schema.ts";
import { issuesText } from "../../src/schema/schema.ts";
import { jsonSchemaIssues } from "../../src/schema/validator.ts";

describe("takes time in proportion to the value", () => {
  test("alternatives within alternatives", () => {
    const schema: JsonSchema = {
      anyOf: [
        { type: "null" },
        ...["a", "b", "c"].map((kind) => ({ properties: { next: { $ref: "#" } }, required: [kind] })),
      ],
    };
    let value: unknown = {};
    for (let level = 0; level < 60; level++) value = { next: value }; // 3^60 ways to go wrong
    expect(jsonSchemaIssues(schema, value).length).toBeGreaterThan(0);
  });

  test("alternatives within alternatives over a value without parts", () => {
    let looks = 0;
    let schema: JsonSchema = {
      get minimum() {
        looks++;
        return 1;
      },
    };
    const $defs: Record<string, JsonSchema> = {};
    for (let level = 0; level < 40; level++) {
      $defs[level] = schema;
      schema = {
        anyOf: [{ $ref: `#/$defs/${level}` }, { not: { $ref: `#/$defs/${level}` } }],
        oneOf: [{ $ref: `#/$defs/${level}` }],
      };
    }
    looks = 0;
    jsonSchemaIssues({ properties: { a: { ...schema } }, $defs }, { a: 0 }); // 3^40 ways
    expect(looks).toBeLessThan(20);
  });

  test("what schemas next to have looked at", () => {
    const wide = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`p${index}`, index]));
    let looks = 0;
    let schema: JsonSchema = {
      get additionalProperties() {
        looks++;
        return { type: "number" };
      },
    };
    for (let level = 0; level < 16; level++) schema = { allOf: [schema, schema], unevaluatedProperties: false };
    looks = 0;
    expect(jsonSchemaIssues(schema, wide)).toEqual([]);
    expect(looks).toBeLessThan(20);
  });

  test("many elements that must differ", () => {
    const elements = Array.from({ length: 50_000 }, (_, index) => ({ index }));
    expect(jsonSchemaIssues({ uniqueItems: true, items: { type: "object" } }, elements)).toEqual([]);
  });

  test("many faults", () => {
    const issues = jsonSchemaIssues({ items: { items: { type: "string" } } }, [
      Array.from({ length: 300_000 }, () => 1),
    ]);
    expect(issues.length).toBeLessThan(100);
    expect(issues[0]).toEqual({ message: "must be a string, not 1", path: [0, 0] });
  });

  test("a value that is nested without end is a fault, not a crash", () => {
    const value: unknown = JSON.parse(`${"[".repeat(50_000)}${"]".repeat(50_000)}`);
    expect(issuesText(jsonSchemaIssues({ items: { $ref: "#" } }, value))).toBe("is nested too deeply to be checked");
  });
});
