/** The validator agrees with another one, for any schema and value. */

import { Validator } from "@cfworker/json-schema";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { JsonSchema } from "../../src/contract/schema.ts";
import { jsonSchemaIssues } from "../../src/schema/validator.ts";

test("holds what another validator holds, for any schema and value", () => {
  fc.assert(
    fc.property(schemas(), values(), (schema, value) => {
      const valid = new Validator(schema as ConstructorParameters<typeof Validator>[0], "2020-12").validate(
        value,
      ).valid;
      expect(jsonSchemaIssues(schema, value).length === 0, JSON.stringify({ schema, value })).toBe(valid);
    }),
    { numRuns: 3_000 },
  );
});

const NAMES = ["a", "b", "__proto__", "constructor"];

function values(): fc.Arbitrary<unknown> {
  const leaf = fc.constantFrom(null, true, false, 0, 1, 2, -1, 0.5, 3, "", "a", "ab", "abc", "😀", "b1");
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3, depthSize: "small", withCrossShrink: true },
      leaf,
      fc.array(tie("value"), { maxLength: 4 }),
      fc
        .uniqueArray(fc.tuple(fc.constantFrom(...NAMES), tie("value")), { selector: ([name]) => name, maxLength: 4 })
        .map(objectOf),
    ),
  }));
  return value;
}

/** Schemas of a few keywords each, with references to one definition that may refer to itself a step further down. */
function schemas(): fc.Arbitrary<JsonSchema> {
  const count = fc.integer({ min: 0, max: 3 });
  const type = fc.constantFrom("string", "number", "integer", "boolean", "null", "array", "object");
  const name = fc.constantFrom(...NAMES);
  const { schema } = fc.letrec<{ schema: unknown; named: Record<string, unknown> }>((tie) => ({
    named: fc.uniqueArray(fc.tuple(name, tie("schema")), { selector: ([key]) => key, maxLength: 3 }).map(objectOf),
    schema: fc.oneof(
      { maxDepth: 3, depthSize: "small", withCrossShrink: true },
      fc.constantFrom<unknown>(true, false, {}),
      type.map((one) => ({ type: one })),
      fc.array(type, { minLength: 1, maxLength: 3 }).map((types) => ({ type: types })),
      fc.constant({ $ref: "#/$defs/d" }),
      fc.array(values(), { minLength: 1, maxLength: 3 }).map((list) => ({ enum: list })),
      values().map((value) => ({ const: value })),
      fc.record(
        { minimum: count, exclusiveMaximum: count, multipleOf: fc.constantFrom(0.5, 1, 2) },
        { requiredKeys: [] },
      ),
      fc.record({ exclusiveMinimum: count, maximum: count }, { requiredKeys: [] }),
      fc.record(
        { minLength: count, maxLength: count, pattern: fc.constantFrom("^a", "b", "\\d", "^.$") },
        { requiredKeys: [] },
      ),
      fc.record({ minItems: count, maxItems: count, uniqueItems: fc.boolean() }, { requiredKeys: [] }),
      fc.record(
        { prefixItems: fc.array(tie("schema"), { minLength: 1, maxLength: 2 }), items: tie("schema") },
        { requiredKeys: [] },
      ),
      fc.record({ contains: tie("schema"), minContains: count, maxContains: count }, { requiredKeys: ["contains"] }),
      fc.record(
        { minProperties: count, maxProperties: count, required: fc.uniqueArray(name, { maxLength: 2 }) },
        { requiredKeys: [] },
      ),
      fc.record(
        {
          properties: tie("named"),
          additionalProperties: tie("schema"),
          patternProperties: tie("schema").map((part) => ({ "^[ab]": part })),
          propertyNames: tie("schema"),
        },
        { requiredKeys: [] },
      ),
      fc.record({ anyOf: fc.array(tie("schema"), { minLength: 1, maxLength: 3 }) }),
      fc.record({ oneOf: fc.array(tie("schema"), { minLength: 1, maxLength: 3 }) }),
      fc.record({ allOf: fc.array(tie("schema"), { minLength: 1, maxLength: 3 }) }),
      fc.record({ not: tie("schema") }),
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      fc.record({ if: tie("schema"), then: tie("schema"), else: tie("schema") }, { requiredKeys: ["if"] }),
      fc.tuple(name, name).map(([one, other]) => ({ dependentRequired: objectOf([[one, [other]]]) })),
      fc.tuple(name, tie("schema")).map(([one, part]) => ({ dependentSchemas: objectOf([[one, part]]) })),
    ),
  }));
  const definitions = fc.oneof(
    fc.constant({ type: "string" }),
    fc.constant({
      type: ["array", "object", "number"],
      items: { $ref: "#/$defs/d" },
      properties: { a: { $ref: "#/$defs/d" } },
    }),
  );
  return fc.tuple(schema, schema, definitions).map(([one, other, d]) => ({ allOf: [one, other], $defs: { d } }));
}

/** As `JSON.parse` makes it, `__proto__` included. */
function objectOf(entries: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  return Object.fromEntries(entries);
}
