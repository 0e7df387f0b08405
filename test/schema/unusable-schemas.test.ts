/** A JSON Schema that cannot be used is found before anything is sent. */

import { describe, expect, test } from "vitest";
import type { JsonSchema } from "../../src/contract/schema.ts";
import { jsonSchemaOf } from "../../src/schema/json-schema.ts";

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

function cyclic(): JsonSchema {
  const schema: Record<string, unknown> = { type: "object" };
  schema.properties = { self: schema };
  return schema;
}
