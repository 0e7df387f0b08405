/** The schema of a tool's arguments as providers accept it: its root has `type: "object"`. */

import { SendError } from "../../contract/errors.ts";
import type { SendOptions, Tool } from "../../contract/options.ts";
import type { JsonSchema } from "../../contract/schema.ts";
import { isJsonObject } from "../../platform/json-object.ts";
import { schemaEngine } from "../../schema/load-engine.ts";
import type { RequestContext } from "../protocol.ts";

/**
 * Keywords that OpenAI refuses at the root, by the words of its error: "schema must have type 'object' and not have …".
 */
export const OPENAI_ROOT_REFUSALS: readonly string[] = ["oneOf", "anyOf", "allOf", "enum", "not"];

/** Keywords that Anthropic refuses at the root, by the words of its error: "input_schema does not support …". */
export const ANTHROPIC_ROOT_REFUSALS: readonly string[] = ["oneOf", "allOf", "anyOf"];

/** A schema for servers that require one for every tool. */
export const NO_PARAMETERS: JsonSchema = { type: "object", properties: {} };

/**
 * Returns the schema of a tool's arguments, which are always an object. An equivalent root is rewritten: a reference,
 * no `type`, one alternative, or an `allOf` of plain objects.
 *
 * @param refused keywords that the provider does not take at the root
 * @throws {SendError} kind `invalidRequest` when no object fits, `unsupported` when the provider does not take such a
 * root
 */
export function parametersOf(
  { name, parameters }: Tool,
  { unsupported }: RequestContext,
  refused: readonly string[] = [],
): JsonSchema | undefined {
  if (parameters === undefined) return undefined;
  const { jsonSchemaOf, objectRootOf } = schemaEngine.loaded;
  const root = objectRootOf(jsonSchemaOf(parameters, `the tool ${name}`));
  if (!root) {
    throw new SendError(
      "invalidRequest",
      `The tool ${name} cannot be called: arguments are an object, and the root of its \`parameters\` lets none through. Put it under a property of an object.`,
    );
  }
  const stray = refused.filter((keyword) => root[keyword] !== undefined);
  for (const keyword of stray) {
    const what = `\`${keyword}\` at the root of the \`parameters\` of the tool ${name}`;
    unsupported(what, "It is allowed under a property of an object.");
  }
  if (root.type === "object") return withoutKeywords(root, stray);
  return { type: "object", ...withoutKeywords(root, ["type", ...stray]) };
}

/** Returns whether a request has tools: servers refuse a choice of tools without any. */
export function mayCall(tools: readonly unknown[], { providerOptions }: SendOptions): boolean {
  return tools.length > 0 || providerOptions?.tools !== undefined;
}

/** Keywords that say nothing about the arguments of an object without properties. */
const ABOUT_NOTHING = ["type", "required", "title", "description", "$comment"];

/** Returns whether a schema allows no argument. Some servers require that such a tool has no schema. */
export function hasNoParameters({ properties, additionalProperties = false, ...rest }: JsonSchema): boolean {
  const isClosed = isJsonObject(properties) && Object.keys(properties).length === 0 && additionalProperties === false;
  const { required } = rest;
  const isOptional = required === undefined || (Array.isArray(required) && required.length === 0);
  const others = Object.keys(rest);
  return isClosed && isOptional && others.every((keyword) => ABOUT_NOTHING.includes(keyword));
}

function withoutKeywords(schema: JsonSchema, keywords: readonly string[]): JsonSchema {
  return Object.fromEntries(Object.entries(schema).filter(([keyword]) => !keywords.includes(keyword)));
}

/** Keywords whose value is not a schema. */
const VALUES = ["const", "enum", "default", "examples"];

/** Returns the schema without `additionalProperties: false`, at any depth, for servers that refuse it. */
export function withoutClosedObjects(schema: JsonSchema): JsonSchema {
  const kept = Object.entries(schema).filter(([name, value]) => name !== "additionalProperties" || value !== false);
  return Object.fromEntries(kept.map(([name, value]) => [name, VALUES.includes(name) ? value : opened(value)]));
}

function opened(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(opened);
  return typeof value === "object" && value !== null ? withoutClosedObjects(value as JsonSchema) : value;
}
