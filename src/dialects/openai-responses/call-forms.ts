/** How the calls of a request's tools are written, and the one name by which the model knows each tool. */

import { isJsonObject, type JsonObject } from "../../platform/json-object.ts";

/** The forms of calls that are not calls of a function of the model's own name. Plain data, kept with the response. */
export interface CallForms {
  /** The names of tools whose input is plain text. The model gets them as functions with the one argument `input`. */
  readonly textTools: readonly string[];
  /** The names of the tools of namespaces: `namespace` and `name` on the wire, by the name that the model knows. */
  readonly spaces?: Readonly<Record<string, SpacedName>> | undefined;
  /** The name of the search for tools that the program runs. */
  readonly toolSearch?: string | undefined;
}

/** A tool's name within its namespace. */
export interface SpacedName {
  readonly namespace: string;
  readonly name: string;
}

/** The name of the search for tools, which has none on the wire. */
export const TOOL_SEARCH = "tool_search";

/** The namespace of functions that belong to none, in the words of OpenAI's models. */
const NO_SPACE = "functions";

/** Names that every provider takes. */
const MAX_NAME_LENGTH = 64;

/**
 * Returns the name by which the model knows a tool: providers have no namespaces. The same tool has the same name in
 * each request, so that earlier calls are its calls.
 */
export function flatName(namespace: unknown, name: string): string {
  if (typeof namespace !== "string" || namespace === "" || namespace === NO_SPACE) return name;
  const full = `${namespace}__${name}`.replace(/[^\w-]/g, "_");
  if (full.length <= MAX_NAME_LENGTH) return full;
  const hash = hashOf(full);
  return `${full.slice(0, MAX_NAME_LENGTH - hash.length - 1)}_${hash}`;
}

/** Returns the fields that name a tool in an item. */
export function namesOnWire(name: string, { spaces }: CallForms): JsonObject {
  const spaced = spaces && Object.hasOwn(spaces, name) ? spaces[name] : undefined;
  return spaced ? { namespace: spaced.namespace, name: spaced.name } : { name };
}

/** Returns the arguments of a search for tools; the model may have written something else than an object. */
export function searchArguments(json: string): JsonObject {
  try {
    const value: unknown = JSON.parse(json);
    return isJsonObject(value) ? value : {};
  } catch {
    return {}; // the model did not close it
  }
}

/** FNV-1a: short, and the same in every process. */
function hashOf(text: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 0).toString(36);
}
