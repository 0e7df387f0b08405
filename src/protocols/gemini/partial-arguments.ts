/**
 * Arguments of a call that come value by value, each with its path: `{jsonPath: "$.a.b[0]", stringValue: "…"}`.
 * @see https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling
 */

import { moveExact } from "../../platform/exact-json.ts";
import { MAX_DEPTH } from "../../platform/json-depth.ts";
import { textIn } from "../common/wire-values.ts";
import type { PartialArgument } from "./wire.ts";

type Container = Record<string, unknown> | unknown[];

/** Puts a value at its path; pieces of one string are joined. Returns false where the path is invalid. */
export function addArgument(root: Record<string, unknown>, piece: PartialArgument): boolean {
  const path = stepsOf(textIn(piece.jsonPath));
  const last = path.at(-1);
  if (last === undefined || path.length > MAX_DEPTH) return false;
  let container: Container = root;
  for (const [index, step] of path.slice(0, -1).entries()) {
    if (!hasRoom(container, step)) return false;
    const known = read(container, step);
    const next: Container = isContainer(known) ? known : typeof path[index + 1] === "number" ? [] : {};
    if (next !== known) write(container, step, next);
    container = next;
  }
  if (!hasRoom(container, last)) return false;
  const before = read(container, last);
  const value = pieceValue(piece);
  const isMore = typeof before === "string" && typeof value === "string" && piece.stringValue !== undefined;
  write(container, last, isMore ? before + value : value);
  moveExact(piece, "numberValue", container, String(last));
  return true;
}

function pieceValue({ stringValue, numberValue, boolValue }: PartialArgument): unknown {
  return stringValue === undefined || stringValue === null ? (numberValue ?? boolValue ?? null) : textIn(stringValue);
}

/** `$.a['b c'][0]` → `["a", "b c", 0]`; empty for an invalid path. */
function stepsOf(path: string): readonly (string | number)[] {
  if (!path.startsWith("$")) return [];
  const steps: (string | number)[] = [];
  const step = /\.([^.[\]]+)|\[(\d+)\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]/y;
  step.lastIndex = 1;
  for (let match = step.exec(path); match; match = step.exec(path)) {
    const [, name, index, single, double] = match;
    steps.push(index === undefined ? (name ?? (single ?? double ?? "").replace(/\\(.)/g, "$1")) : Number(index));
    if (step.lastIndex === path.length) return steps;
  }
  return [];
}

/**
 * Returns whether an item may be added. Items come in order: one far behind the end of the array would fill the memory.
 */
function hasRoom(container: Container, step: string | number): boolean {
  return !Array.isArray(container) || (typeof step === "number" && step <= container.length);
}

function read(container: Container, step: string | number): unknown {
  return Object.getOwnPropertyDescriptor(container, step)?.value;
}

/** Writes an own property, even one named `__proto__`. */
function write(container: Container, step: string | number, value: unknown): void {
  Object.defineProperty(container, step, { value, enumerable: true, writable: true, configurable: true });
}

function isContainer(value: unknown): value is Container {
  return typeof value === "object" && value !== null;
}
