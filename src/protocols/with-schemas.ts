/** A protocol that brings the engine of schemas along: its requests need no client that has loaded the engine. */

import {
  claudeSchema,
  geminiSchema,
  hasRecords,
  isObjectSchema,
  jsonSchemaOf,
  objectRootOf,
  strictSchema,
  validateJson,
} from "../schema/engine.ts";
import { schemaEngine } from "../schema/load-engine.ts";
import type { Protocol } from "./protocol.ts";

/** By name: for a namespace, the file of the engine would also have an object of all that it exports. */
const ENGINE = {
  claudeSchema,
  geminiSchema,
  hasRecords,
  isObjectSchema,
  jsonSchemaOf,
  objectRootOf,
  strictSchema,
  validateJson,
};

/** Returns the same protocol, whose requests may have schemas at once. */
export function withSchemas(protocol: Protocol): Protocol {
  return {
    ...protocol,
    buildRequest(...request) {
      schemaEngine.provide(ENGINE);
      return protocol.buildRequest(...request);
    },
  };
}
