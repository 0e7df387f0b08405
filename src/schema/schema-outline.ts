/** The facts about a schema that its validation looks up once, not for each value. */

import type { JsonSchema } from "../contract/schema.ts";
import { isJsonObject } from "../platform/json-object.ts";
import type { SchemaDocument } from "./schema-document.ts";
import { namedSchemas } from "./subschemas.ts";

/** Keywords that apply other schemas to the same value. */
const IN_PLACE = ["$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "not", "if"];

/** Keywords that apply where the value has a certain property. */
export const DEPENDENT: readonly string[] = ["dependentRequired", "dependentSchemas", "dependencies"];

/** The facts that are looked up once for each schema, not for each value. */
export interface Outline {
  /** True when its `$ref` is its only keyword that counts. */
  readonly isReference: boolean;
  readonly isInPlace: boolean;
  readonly isDependent: boolean;
  readonly properties: Readonly<Record<string, unknown>>;
  /** Properties whose own schema says that they are required. */
  readonly ownRequired: readonly string[];
  readonly patterns: readonly (readonly [pattern: string, part: unknown])[];
}

/** Returns the outline of a schema. */
export function outlineOf(schema: JsonSchema, document: SchemaDocument): Outline {
  const properties = namedSchemas(schema.properties);
  return {
    isReference: document.isReferenceAlone(schema),
    isInPlace: IN_PLACE.some((keyword) => schema[keyword] !== undefined),
    isDependent: DEPENDENT.some((keyword) => schema[keyword] !== undefined),
    properties,
    ownRequired: Object.keys(properties).filter((name) => {
      const part = properties[name];
      return isJsonObject(part) && part.required === true;
    }),
    patterns: Object.entries(namedSchemas(schema.patternProperties)),
  };
}
