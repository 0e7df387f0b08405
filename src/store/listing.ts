/** A listing in pages: its order, its cursor, and its options. */

import { SendError } from "../contract/errors.ts";
import { receivedText } from "../platform/received.ts";
import type { ListOptions, SessionPage, StoredSession } from "../session/store.ts";

/** The options of `list`, with their defaults. */
export interface PageRequest {
  readonly prefix: string;
  readonly limit: number;
  /** The last session of the page before. */
  readonly after: StoredSession | undefined;
}

const DEFAULT_LIMIT = 100;
const CURSOR = /^(\d{1,16}(?:\.\d{1,12})?):([\s\S]*)$/;

/**
 * Returns the options of `list` with their defaults.
 * @throws {SendError} kind `invalidRequest` when one is invalid: they may come from a browser
 */
export function pageRequestOf(options: ListOptions = {}): PageRequest {
  const { prefix = "", limit = DEFAULT_LIMIT, cursor } = options;
  if (typeof prefix !== "string") throw invalid(`\`prefix\` must be a string. Received ${receivedText(prefix)}.`);
  if (!Number.isSafeInteger(limit) || limit < 1)
    throw invalid(`\`limit\` must be an integer above 0. Received ${receivedText(limit)}.`);
  if (cursor === undefined) return { prefix, limit, after: undefined };
  const [, updatedAt, id] = (typeof cursor === "string" && CURSOR.exec(cursor)) || [];
  if (updatedAt === undefined || id === undefined)
    throw invalid("`cursor` must be the `next` of the page before. It is not.");
  return { prefix, limit, after: { id, updatedAt: Number(updatedAt) } };
}

/** Returns the entry of a session, with its title where there is one. */
export function storedSession(id: string, updatedAt: number, title: unknown): StoredSession {
  return { id, updatedAt, ...(typeof title === "string" && { title }) };
}

/**
 * Returns a page.
 * @param found in order, without those of earlier pages; one more than `limit` shows that another page follows
 */
export function pageOf(found: readonly StoredSession[], limit: number): SessionPage {
  const sessions = found.slice(0, limit);
  const last = sessions.at(-1);
  if (!last || found.length === sessions.length) return { sessions };
  return { sessions, next: `${last.updatedAt}:${last.id}` };
}

/** Returns the page of a store that has all its sessions at hand. */
export function pageAmong(all: readonly StoredSession[], request: PageRequest): SessionPage {
  return pageOf(wantedAmong(all, request), request.limit);
}

/** Returns the sessions of this and of all later pages, in order. */
export function wantedAmong(all: readonly StoredSession[], { prefix, after }: PageRequest): StoredSession[] {
  return all.filter((each) => each.id.startsWith(prefix) && (!after || inOrder(after, each) < 0)).sort(inOrder);
}

/** The order of a listing: the session that was written last comes first. */
function inOrder(a: StoredSession, b: StoredSession): number {
  if (a.updatedAt !== b.updatedAt) return b.updatedAt - a.updatedAt;
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}

function invalid(message: string): SendError {
  return new SendError("invalidRequest", message);
}
