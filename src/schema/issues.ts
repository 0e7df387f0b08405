/** The issues of a value, and their paths from the root. */

import type { SchemaIssue } from "../contract/schema.ts";

/** The path from a validated value to the part that an issue is about. */
export interface Path {
  readonly key: PropertyKey;
  readonly inner: Path | undefined;
}

export interface Issue {
  readonly message: string;
  readonly path: Path | undefined;
}

export type Issues = readonly Issue[];

/** More issues do not help a reader. */
const MAX_ISSUES = 50;

/** Returns an issue at a path; without one, at the value itself. */
export function issue(message: string, path?: Path): Issue {
  return { message, path };
}

/** Appends issues, up to the maximum. `key` leads to the part that they are about. */
export function add(found: Issue[], more: Issues, key?: PropertyKey): void {
  for (const { message, path } of more) {
    if (found.length >= MAX_ISSUES) return;
    found.push({ message, path: key === undefined ? path : { key, inner: path } });
  }
}

/** Returns the issues with their paths as arrays of keys. */
export function located(issues: Issues): readonly SchemaIssue[] {
  return issues.map(({ message, path }) => ({ message, path: keysOf(path) }));
}

function keysOf(path: Path | undefined): readonly PropertyKey[] {
  const keys: PropertyKey[] = [];
  for (let step = path; step; step = step.inner) keys.push(step.key);
  return keys;
}
