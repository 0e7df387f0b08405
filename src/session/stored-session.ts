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

/**
 * Claims a session, and resumes it in `conversation`.
 * @param left by default, the turn ends
 * @throws {SendError} kind `busy` when it is open elsewhere, `storage` when it cannot be read
 */
export async function openStored(
  conversation: Conversation,
  { store, id, flushIntervalMs = DEFAULT_FLUSH_INTERVAL_MS }: OpenOptions,
  left: Left = () => endLeft(conversation),
): Promise<void> {
  await claim(store, id);
  try {
    const records = await recordsIn(store, id);
    conversation.resume(replay(records), new SessionLog(store, id, flushIntervalMs, records.length > 0));
    left(records);
  } catch (error) {
    await release(store, id);
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
