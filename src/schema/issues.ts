/** What does not fit, and how it finds its way up to the root. */

import type { SchemaIssue } from "../contract/schema.ts";

/** The way from the value that was held against a schema to the part that does not fit. */
export interface Path {
  readonly key: PropertyKey;
  readonly inner: Path | undefined;
}

export interface Issue {
  readonly message: string;
  readonly path: Path | undefined;
}

export type Issues = readonly Issue[];

/** More are of no use to anybody. */
const MAX_ISSUES = 50;

export function issue(message: string, path?: Path): Issue {
  return { message, path };
}

/** `key` leads to the part that the issues are about. */
export function add(found: Issue[], more: Issues, key?: PropertyKey): void {
  for (const { message, path } of more) {
    if (found.length >= MAX_ISSUES) return;
    found.push({ message, path: key === undefined ? path : { key, inner: path } });
  }
}

/** The issues with their ways as lists of keys. */
export function located(issues: Issues): readonly SchemaIssue[] {
  return issues.map(({ message, path }) => ({ message, path: keysOf(path) }));
}

function keysOf(path: Path | undefined): readonly PropertyKey[] {
  const keys: PropertyKey[] = [];
  for (let step = path; step; step = step.inner) keys.push(step.key);
  return keys;
}
