/** The caller's own fields, merged into a request's body last. */

import type { JsonObject } from "../../platform/json-object.ts";
import type { RequestContext } from "../protocol.ts";

/**
 * The body with `providerOptions` merged into it: plain objects field by field, at every depth, so that
 * `{ generationConfig: { topK: 40 } }` keeps what else is in `generationConfig`; everything else, lists among it, takes the
 * place of what was there. A field that is `undefined` is taken out of the body.
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
  // Own properties, also where a name is `__proto__`; what is `undefined` does not get into JSON.
  return Object.fromEntries(all);
}

function isPlain(value: unknown): value is JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/**
 * Returns the body with at most one answer requested: several would be billed, and one message cannot tell them apart.
 * @param name the field with which `providerOptions` may ask for several
 * @throws {SendError} kind `unsupported`, unless the caller wants such options left out
 */
export function withOneAnswer(body: JsonObject, name: string, { unsupported }: RequestContext): JsonObject {
  const { [name]: count, ...rest } = body;
  if (!(Number(count) > 1)) return body;
  const advice = "A reply is one answer: send the request several times instead.";
  unsupported(`several answers (\`${name}: ${Number(count)}\`)`, advice);
  return rest;
}
