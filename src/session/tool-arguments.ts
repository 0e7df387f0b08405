/** The arguments of a call as its tool gets them. */

import type { ToolCall } from "../contract/message.ts";
import type { Tool } from "../contract/options.ts";
import type { SchemaResult } from "../contract/schema.ts";
import { isJsonObject, isPlain } from "../platform/json-object.ts";
import { validate } from "../schema/schema.ts";

/**
 * Returns the validated arguments of a call. They are a copy: a tool or its `approve` may change them, and the call
 * still goes back to its provider as the model made it.
 */
export async function argumentsFor(call: ToolCall, { parameters }: Tool<unknown>): Promise<SchemaResult<unknown>> {
  const own = copyOf(call.arguments);
  return parameters ? await validate(parameters, own, call.rawArguments) : { value: own };
}

/** Any program may be a client, and its values may be more than JSON: an instance of a class stays what it is. */
function copyOf(value: unknown): unknown {
  try {
    return jsonCopy(value);
  } catch {
    return value; // it contains itself, or a getter throws
  }
}

/** Returns a copy of all arrays and plain objects in a value. `Object.fromEntries` also copies a field `__proto__`. */
function jsonCopy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(jsonCopy);
  if (!isJsonObject(value) || !isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, jsonCopy(field)]));
}
