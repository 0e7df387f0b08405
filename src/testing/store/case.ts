/** The subject of the store suite, one case of it, and the helpers for writing it. */

import assert from "node:assert/strict";
import { SendError } from "../../contract/errors.ts";
import type { SessionRecord } from "../../session/record.ts";
import type { SessionStore } from "../../session/store.ts";

/**
 * The abilities that some cases need and some stores lack.
 * - Methods of the store: `replace`, `delete`, and `claim` together with `release`.
 * - Members of `OpenedStore`: `other`, `cut`, and `lostAnswers` for `loseAnswers`, which a store lacks that leaves
 *   repetitions to the keys of records.
 * - `expiry`: a lease that is not renewed ends.
 * - `titles`: a listing has titles.
 */
export type StoreAbility = "claim" | "other" | "cut" | "lostAnswers" | "expiry" | "replace" | "delete" | "titles";

/** A new, empty place for sessions, and stores on it. */
export interface OpenedStore {
  readonly store: SessionStore;
  /** A second store on the same place, as another process would make it. */
  readonly other?: SessionStore;
  /**
   * Cuts `store` off from its place: until `reconnect`, calls reject and leases are not renewed. An error of the
   * connection may contain `secrets`.
   */
  cut?(): void;
  /** Takes the answers away: until `reconnect`, the calls of `store` are carried out at its place, and then reject. */
  loseAnswers?(): void;
  /** Ends the disturbance. */
  reconnect?(): void;
  /** Texts that no message of an error may contain: hosts, paths, passwords. */
  readonly secrets?: readonly string[];
  /** Deletes the place. Called after each case. */
  dispose?(): void | Promise<void>;
}

/** A store to check. */
export interface StoreSubject {
  /** Opens a new, empty place. */
  open(): OpenedStore | Promise<OpenedStore>;
  /**
   * The time after which a lease that is not renewed ends, in milliseconds. Short, so that the suite is.
   * @default 15_000
   */
  readonly leaseMs?: number;
  /** The abilities that the store lacks, each with the reason. Cases that need one are skipped. */
  readonly cannot?: Readonly<Partial<Record<StoreAbility, string>>>;
  /**
   * Maximum time for each case, in milliseconds.
   * @default 50_000
   */
  readonly timeoutMs?: number;
}

/** A store with every method, for cases that need them all. */
type FullStore = Required<SessionStore>;

/** The stores of a case, and the ways to disturb them. */
export interface StoreBench {
  readonly store: FullStore;
  readonly other: FullStore;
  readonly secrets: readonly string[];
  readonly leaseMs: number;
  cut(): void;
  loseAnswers(): void;
  reconnect(): void;
}

/** A law, as a sentence, and its check. */
export interface StoreCaseDefinition {
  readonly name: string;
  readonly needs?: readonly StoreAbility[];
  run(bench: StoreBench): Promise<void>;
}

/** Returns a record that shows its number. */
export function numbered(number: number): SessionRecord {
  return { type: "text", text: `record ${number}` };
}

/** Returns records with the numbers from `first` to `last`. */
export function numberedTo(last: number, first = 1): SessionRecord[] {
  return Array.from({ length: last - first + 1 }, (_, index) => numbered(first + index));
}

/** Returns a record that sets a title. */
export function entitled(title: string): SessionRecord {
  return { type: "said", messages: [{ role: "user", content: title }], title };
}

/** Fails unless the store keeps exactly these records under the id. */
export async function mustKeep(store: SessionStore, id: string, records: readonly SessionRecord[]): Promise<void> {
  assert.deepEqual(await store.load(id), records);
}

/** Resolves with the `SendError` that a call must reject with, which must be of this kind. */
export async function mustFail(call: Promise<unknown>, kind: SendError["kind"], what: string): Promise<SendError> {
  const error: unknown = await call.then(
    () => assert.fail(`${what} must fail with kind "${kind}", but it resolved`),
    (thrown: unknown) => thrown,
  );
  if (error instanceof assert.AssertionError) throw error;
  assert.ok(error instanceof SendError, `${what} must fail with a SendError, not with ${error}`);
  assert.equal(error.kind, kind, `${what} must fail with kind "${kind}": ${error.message}`);
  return error;
}

/** Resolves with the ids of all pages. */
export async function idsOf(store: SessionStore, options: { prefix?: string; limit?: number } = {}): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.list({ ...options, cursor });
    ids.push(...page.sessions.map(({ id }) => id));
    cursor = page.next;
  } while (cursor !== undefined);
  return ids;
}
