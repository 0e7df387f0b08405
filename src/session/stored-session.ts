/** A session in its store: opened, and looked at without opening. */

import type { Conversation } from "./conversation.ts";
import { endLeft } from "./end-left.ts";
import type { OpenOptions } from "./options.ts";
import type { SessionRecord } from "./record.ts";
import { replay } from "./replay.ts";
import { recordsIn, SessionLog, storageError } from "./session-log.ts";
import { answerOf } from "./store-deadline.ts";

export { snapshotOf } from "./snapshot.ts";

const DEFAULT_FLUSH_INTERVAL_MS = 100;

/** Decides the fate of a turn that its process has left. */
export type Left = (records: readonly SessionRecord[]) => void;

/** A session that is claimed and read, and not resumed yet. */
export interface ReservedSession {
  readonly records: readonly SessionRecord[];
  /** Gives the reservation back. */
  release(): Promise<void>;
}

/**
 * Claims a session, and reads it.
 * @throws {SendError} kind `busy` when it is open elsewhere, `storage` when it cannot be read
 */
export async function reserveStored({ store, id }: Pick<OpenOptions, "store" | "id">): Promise<ReservedSession> {
  await claim(store, id);
  try {
    return { records: await recordsIn(store, id), release: () => release(store, id) };
  } catch (error) {
    await release(store, id);
    throw storageError(error);
  }
}

/**
 * Resumes a session in `conversation`.
 * @param left by default, the turn ends
 * @param reserved by default, it is claimed and read now
 * @throws {SendError} as `reserveStored`, and kind `storage` when its records make no conversation
 */
export async function openStored(
  conversation: Conversation,
  options: OpenOptions,
  left: Left = () => endLeft(conversation),
  reserved?: ReservedSession,
): Promise<void> {
  const { store, id, flushIntervalMs = DEFAULT_FLUSH_INTERVAL_MS } = options;
  const { records, release } = reserved ?? (await reserveStored(options));
  try {
    conversation.resume(replay(records), new SessionLog(store, id, flushIntervalMs, records.length > 0));
    left(records);
  } catch (error) {
    await release();
    throw storageError(error);
  }
}

/** @throws {SendError} kind `busy` or `storage`. A reservation that comes too late is given back. */
async function claim(store: OpenOptions["store"], id: string): Promise<void> {
  let isLate = false;
  const claimed = (async () => {
    await store.claim?.(id);
    if (isLate) await release(store, id);
  })();
  try {
    await answerOf(claimed);
  } catch (error) {
    isLate = true;
    throw storageError(error);
  }
}

/** Releases a session that did not open. A failure of this is not reported: the reason why it did not open is. */
async function release(store: OpenOptions["store"], id: string): Promise<void> {
  try {
    const released = store.release?.(id);
    if (released) await answerOf(released);
  } catch {
    // see above
  }
}
