/** Plain JSON Schema: what fits, what does not and how that is said, and which schemas cannot be used. */

import { Validator } from "@cfworker/json-schema";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JsonSchema } from "../../src/contract/schema.ts";
import { issuesText, jsonSchemaOf } from "../../src/schema/schema.ts";
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

describe("a schema that cannot be used is found before anything is sent", () => {
  test.each<[string, JsonSchema, string]>([
    [
      "a type that does not exist",
      { type: "text" },
      "`type` must be of string, number, integer, boolean, null, array, object",
    ],
    [
      "a bad pattern",
      { properties: { a: { pattern: "(" } } },
      '`properties.a.pattern` is "(", which is not a regular expression',
    ],
    [
      "a bad pattern for names",
      { patternProperties: { "[": {} } },
      '`patternProperties` is "[", which is not a regular expression',
    ],
    [
      "a reference to nothing",
      { properties: { a: { $ref: "#/$defs/b" } } },
      '`properties.a.$ref` is "#/$defs/b", which does not lead to a schema in this document',
    ],
    ["a reference to what is inherited", { $ref: "#/constructor" }, "does not lead to a schema"],
    [
      "a reference to another document",
      { $ref: "https://example.com/schema" },
      "does not lead to a schema in this document",
    ],
    ["a reference to no schema", { $ref: "#/required", required: ["a"] }, "does not lead to a schema"],
    ["a reference to itself", { $ref: "#" }, "`$ref` leads back to itself without a step into the value"],
    [
      "a loop of references",
      {
        $ref: "#/$defs/a",
        $defs: { a: { $ref: "#/$defs/b" }, b: { anyOf: [{ type: "null" }, { $ref: "#/$defs/a" }] } },
      },
      "leads back to itself",
    ],
    ["an object that holds itself", cyclic(), "it is not JSON: it may contain a cycle or a BigInt."],
    ["properties that are no object", { properties: [] }, "`properties` must be an object"],
    ["a property that is no schema", { properties: { a: "string" } }, "`properties.a` is not a schema"],
    ["alternatives that are none", { anyOf: [] }, "`anyOf` must be an array of schemas"],
    ["required names that are no list", { required: "a" }, "`required` must be an array of names"],
    ["a bound that is no number", { minimum: "3" }, "`minimum` must be a number"],
    ["a length below nothing", { items: { maxLength: -1 } }, "`items.maxLength` must be an integer, 0 or more"],
    [
      "a relative reference to another document",
      { $id: "https://example.com/a/b", properties: { a: { $ref: "c#/$defs/d" } } },
      '`properties.a.$ref` is "c#/$defs/d", which does not lead to a schema in this document',
    ],
    ["an unknown dialect", { $schema: "https://example.com/mine" }, "an unknown dialect"],
    ["names that go with a name and are none", { dependentRequired: { a: "b" } }, "must be an array of names"],
    ["a flag that is a text", { uniqueItems: "true" }, "`uniqueItems` must be true or false"],
    [
      "a keyword of one draft alone",
      { properties: { a: { $recursiveRef: "#" } } },
      "`properties.a.$recursiveRef` is not a supported keyword",
    ],
    ["a pattern that refers back", { pattern: "^(a|b)*\\1$" }, "cannot be matched in bounded time"],
    [
      "a pattern that counts too far",
      { pattern: "^((a{1,1000}){1,1000}){1,1000}$" },
      "has repetition counts that are too large for bounded time",
    ],
    ["a multiple of nothing", { multipleOf: 0 }, "`multipleOf` must be a number above 0"],
  ])("%s", (_name, schema, text) => {
    expect(() => jsonSchemaOf(schema, "it")).toThrow(
      expect.objectContaining({ kind: "invalidRequest", message: expect.stringContaining(text) }),
    );
  });

  test("a recursion that takes a step each time is no loop", () => {
    expect(() => jsonSchemaOf({ type: "object", properties: { next: { $ref: "#" } } }, "it")).not.toThrow();
  });
});

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

function cyclic(): JsonSchema {
  const schema: Record<string, unknown> = { type: "object" };
  schema.properties = { self: schema };
  return schema;
}

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
