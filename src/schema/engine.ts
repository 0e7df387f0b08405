/** All that a call with schemas needs, in one file: `load-engine.ts` loads it. */

export { jsonSchemaOf, validateJson } from "./json-schema.ts";
export { objectRootOf } from "./object-root.ts";
export { claudeSchema, geminiSchema, hasRecords, isObjectSchema, strictSchema } from "./provider-schemas.ts";
