/** Plain JSON Schema: what fits, what does not, and how that is said. */

import { describe, expect, test } from "vitest";
import type { JsonSchema } from "../../src/contract/schema.ts";
import { jsonSchemaOf } from "../../src/schema/json-schema.ts";
import { issuesText } from "../../src/schema/schema.ts";
import { jsonSchemaIssues } from "../../src/schema/validator.ts";

describe("says what does not fit, and where", () => {
  const address = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
  test.each<[string, JsonSchema, unknown, string]>([
    ["a type", { type: "string" }, 5, "must be a string, not 5"],
    ["one of several types", { type: ["string", "null"] }, [], "must be a string or null, not an array"],
    ["a integer", { type: "integer" }, 1.5, "must be an integer, not 1.5"],
    ["null where an object is asked for", { type: "object" }, null, "must be an object, not null"],
    ["a value that is not listed", { enum: ["a", "b"] }, "c", 'must be one of "a", "b"'],
    [
      "a long list is cut",
      { enum: Array.from({ length: 20 }, (_, index) => index) },
      "x",
      "must be one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 8 more",
    ],
    ["a constant", { const: { a: 1 } }, { a: 2 }, 'must be {"a":1}'],
    ["a missing property", address, {}, "city: is missing"],
    [
      "a property of a property",
      { properties: { address } },
      { address: { city: 1 } },
      "address.city: must be a string, not 1",
    ],
    ["an element", { items: address }, [{ city: "x" }, {}], "[1].city: is missing"],
    [
      "a property that is not known",
      { ...address, additionalProperties: false },
      { city: "x", zip: 1 },
      "zip: is not a known property",
    ],
    [
      "a property of the wrong kind next to the known",
      { additionalProperties: { type: "number" } },
      { a: "x" },
      "a: must be a number, not a string",
    ],
    [
      "a property by its pattern",
      { patternProperties: { "^n": { type: "number" } } },
      { nn: "x" },
      "nn: must be a number, not a string",
    ],
    [
      "the name of a property",
      { propertyNames: { maxLength: 2 } },
      { abc: 1 },
      "abc: has a name that must have at most 2 characters",
    ],
    [
      "a tuple's place",
      { prefixItems: [{ type: "string" }, { type: "number" }] },
      ["a", "b"],
      "[1]: must be a number, not a string",
    ],
    ["an element too many", { prefixItems: [{}], items: false }, [1, 2], "[1]: must not be there: there are 1 at most"],
    ["too few elements", { minItems: 2 }, [1], "must have at least 2 elements"],
    ["too many elements", { maxItems: 1 }, [1, 2], "must have at most 1 element"],
    [
      "equal elements",
      { uniqueItems: true },
      [{ a: 1, b: 2 }, 3, { b: 2, a: 1 }],
      "must not have two equal elements, as 0 and 2 are",
    ],
    [
      "nothing that is contained",
      { contains: { type: "string" } },
      [1],
      "must contain at least 1 that `contains` describes",
    ],
    ["a text too short, emoji counted once", { minLength: 2 }, "😀", "must have at least 2 characters"],
    ["a text too long", { maxLength: 1 }, "ab", "must have at most 1 character"],
    ["a pattern", { pattern: "^\\d+$" }, "x", "must match the pattern ^\\d+$"],
    ["a number too small", { minimum: 3 }, 2, "must be 3 or more"],
    ["a number too large", { maximum: 3 }, 4, "must be 3 or less"],
    ["a bound that is not included", { exclusiveMinimum: 3 }, 3, "must be more than 3"],
    ["the same in the words of OpenAPI 3.0", { minimum: 3, exclusiveMinimum: true }, 3, "must be more than 3"],
    ["a multiple", { multipleOf: 0.1 }, 0.25, "must be a multiple of 0.1"],
    ["too few properties", { minProperties: 2 }, { a: 1 }, "must have at least 2 properties"],
    [
      "what goes with a property",
      { dependentRequired: { card: ["address"] } },
      { card: 1 },
      "address: is missing, but required together with card",
    ],
    ["what is ruled out", { not: { type: "string" } }, "x", "matches the schema of `not`"],
    ["what is never allowed", { properties: { a: false } }, { a: 1 }, "a: must not be there"],
    [
      "two alternatives at once",
      { oneOf: [{ minimum: 1 }, { minimum: 2 }] },
      3,
      "must fit only one of the alternatives, not 2",
    ],
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    ["if and then", { if: { required: ["a"] }, then: { required: ["b"] } }, { a: 1 }, "b: is missing"],
    ["if and else", { if: { required: ["a"] }, else: { required: ["b"] } }, {}, "b: is missing"],
    [
      "several types as alternatives are said in one",
      { anyOf: [{ type: "string" }, { type: "null" }] },
      5,
      "must be a string or null, not 5",
    ],
    [
      "of alternatives the one that the value comes closest to",
      {
        anyOf: [
          { type: "string" },
          { properties: { kind: { const: "a" }, x: { type: "number" } } },
          { properties: { kind: { const: "b" } } },
        ],
      },
      { kind: "a", x: "1" },
      "x: must be a number, not a string",
    ],
    ["several faults at once", { ...address, minProperties: 1 }, {}, "city: is missing; must have at least 1 property"],
    [
      "what a reference leads to",
      { $ref: "#/$defs/a", $defs: { a: { type: "string" } } },
      1,
      "must be a string, not 1",
    ],
    [
      "a name with a slash and a tilde",
      { $ref: "#/$defs/a~1b~0c%25", $defs: { "a/b~c%": { type: "string" } } },
      1,
      "must be a string, not 1",
    ],
    ["an anchor", { $ref: "#here", $defs: { a: { $anchor: "here", type: "string" } } }, 1, "must be a string, not 1"],
    [
      "the document by its own id",
      {
        $id: "https://example.com/a",
        properties: { a: { $ref: "https://example.com/a#/$defs/a" } },
        $defs: { a: { type: "string" } },
      },
      { a: 1 },
      "a: must be a string, not 1",
    ],
    [
      "keywords next to a reference",
      { $ref: "#/$defs/a", maxLength: 1, $defs: { a: { type: "string" } } },
      "xx",
      "must have at most 1 character",
    ],
    [
      "a tree",
      {
        $ref: "#/$defs/node",
        $defs: {
          node: {
            type: "object",
            properties: { children: { type: "array", items: { $ref: "#/$defs/node" } } },
            required: ["children"],
          },
        },
      },
      { children: [{ children: [{}] }] },
      "children[0].children[0].children: is missing",
    ],
    [
      "a property that no adjacent schema has looked at",
      { allOf: [address], properties: { a: {} }, unevaluatedProperties: false },
      { city: "x", a: 1, zip: 1 },
      "zip: is not a known property",
    ],
    [
      "a property that no adjacent schema has looked at, of the wrong kind",
      { $ref: "#/$defs/a", $defs: { a: address }, unevaluatedProperties: { type: "number" } },
      { city: "x", zip: "1" },
      "zip: must be a number, not a string",
    ],
    [
      "only what is wrong, where what is known depends on it",
      { anyOf: [address], unevaluatedProperties: false },
      { city: 1 },
      "city: must be a string, not 1",
    ],
    [
      "an element that no adjacent schema has looked at",
      { allOf: [{ prefixItems: [{ type: "string" }] }], contains: { const: 7 }, unevaluatedItems: false },
      ["a", 7, 8],
      "[2]: is not a known element",
    ],
    [
      "what an inner document's relative reference leads to",
      {
        $id: "https://example.com/a/",
        properties: { x: { $ref: "b/c" } },
        $defs: { b: { $id: "b/c", $ref: "d" }, d: { $id: "b/d", type: "string" } },
      },
      { x: 1 },
      "x: must be a string, not 1",
    ],
    [
      "what the outermost document makes of a dynamic reference",
      {
        $id: "https://example.com/texts",
        $ref: "list",
        $defs: {
          text: { $dynamicAnchor: "part", type: "string" },
          list: { $id: "list", items: { $dynamicRef: "#part" }, $defs: { any: { $dynamicAnchor: "part" } } },
        },
      },
      ["a", 1],
      "[1]: must be a string, not 1",
    ],
    [
      "nothing next to a reference in draft 7",
      {
        $schema: "http://json-schema.org/draft-07/schema#",
        properties: { a: { $ref: "#/definitions/a", maxLength: 1 } },
        definitions: { a: { type: "string", minLength: 3 } },
      },
      { a: "xx" },
      "a: must have at least 3 characters",
    ],
    [
      "a property that requires itself, as in draft 3",
      { type: "object", properties: { a: { type: "string", required: true } } },
      {},
      "a: is missing",
    ],
    [
      "tuples of older drafts",
      { items: [{ type: "string" }], additionalItems: false },
      [1, 2],
      "[0]: must be a string, not 1; [1]: must not be there: there are 1 at most",
    ],
  ])("%s", (_name, schema, value, text) => {
    expect(() => jsonSchemaOf(schema, "it")).not.toThrow();
    expect(issuesText(jsonSchemaIssues(schema, value))).toBe(text);
  });
});

describe("lets pass", () => {
  test.each<[string, JsonSchema, unknown]>([
    ["everything, when it says nothing", {}, { a: [null] }],
    ["a integer with a fraction of nothing", { type: "integer" }, 1.0],
    ["a listed object in any order of its keys", { enum: [{ a: 1, b: 2 }] }, { b: 2, a: 1 }],
    ["zero, which has no sign", { const: 0 }, -0],
    ["0.3 as a multiple of 0.1", { multipleOf: 0.1 }, 0.3],
    ["a huge multiple", { multipleOf: 0.5 }, 1e308],
    ["a format, which is an annotation", { format: "date-time" }, "tomorrow"],
    ["keywords that is unknown", { type: "string", "x-shown-as": "textarea", deprecated: "yes" }, "x"],
    ["null, where OpenAPI says so", { type: "string", nullable: true, enum: ["a"] }, null],
    ["an empty list without what it must contain, if none is enough", { contains: false, minContains: 0 }, []],
    ["true and 1, which differ", { uniqueItems: true }, [true, 1, "1", null, [1], [true]]],
    [
      "properties named like an object's own",
      { properties: { constructor: { type: "string" } }, additionalProperties: false },
      {},
    ],
    [
      "a property named __proto__",
      JSON.parse(
        '{"properties":{"__proto__":{"type":"number"}},"required":["__proto__"],"additionalProperties":false}',
      ),
      JSON.parse('{"__proto__":1}'),
    ],
  ])("%s", (_name, schema, value) => {
    expect(() => jsonSchemaOf(schema, "it")).not.toThrow();
    expect(jsonSchemaIssues(schema, value)).toEqual([]);
  });

  test.each(["constructor", "toString", "__proto__", "hasOwnProperty"])(
    "no required %s that is merely inherited",
    (name) => {
      expect(issuesText(jsonSchemaIssues({ required: [name] }, {}))).toBe(`${name}: is missing`);
      expect(
        issuesText(jsonSchemaIssues({ properties: {}, additionalProperties: false }, JSON.parse(`{"${name}":1}`))),
      ).toBe(`${name}: is not a known property`);
    },
  );
});
