/** The caller's own fields, merged into a request's body last. */

import type { JsonObject } from "../../platform/json-object.ts";
import type { RequestContext } from "../protocol.ts";

/**
 * Returns the body with `providerOptions` merged into it. Plain objects are merged field by field, at every depth: `{
 * generationConfig: { topK: 40 } }` keeps the other fields of `generationConfig`. Any other value, arrays included,
 * replaces the old one. A field that is `undefined` is removed from the body.
 */
export function withProviderOptions(body: JsonObject, providerOptions: JsonObject | undefined): JsonObject {
  return providerOptions === undefined ? body : merged(body, providerOptions);
}

function merged(fields: JsonObject, more: JsonObject): JsonObject {
  const all = new Map(Object.entries(fields));
  for (const [name, value] of Object.entries(more)) {
    const known = all.get(name);
    all.set(name, isPlain(known) && isPlain(value) ? merged(known, value) : value);
  }
  // `fromEntries` makes own properties, even of `__proto__`. JSON leaves `undefined` out.
  return Object.fromEntries(all);
}

function isPlain(value: unknown): value is JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/**
 * Returns the body with at most one answer requested: several would be billed, and one message cannot hold more than
 * one.
 * @param name the field with which `providerOptions` may ask for several
 * @throws {SendError} kind `unsupported`, unless the caller wants such options left out
 */
export function withOneAnswer(body: JsonObject, name: string, { unsupported }: RequestContext): JsonObject {
  const count = Number(body[name]);
  if (!(count > 1)) return body;
  const advice = "A reply is one answer: send the request several times instead.";
  unsupported(`several answers (\`${name}: ${count}\`)`, advice);
  const { [name]: _count, ...rest } = body;
  return rest;
}
