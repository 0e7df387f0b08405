/** Reports that no consumer reads a stream. */

import type { MessageChunk } from "../contract/chunk.ts";
import { MAX_TIMER_MS } from "../platform/clock.ts";

/** A stream, as far as it shows whether it is read. */
export interface Watchable {
  readonly queue: { readonly chunks: readonly MessageChunk[]; readonly taken: number };
  readonly isRunning: boolean;
  readonly isRead: boolean;
  /** Calls `task` after the end. */
  afterEnd(task: () => void): void;
}

/** How often a stream is looked at until it counts as unread. */
const UNREAD_LOOKS = 4;

/** Calls `listener` once, when no consumer has taken a chunk or waited for one for about `afterMs` milliseconds. */
export function watchUnread(stream: Watchable, afterMs: number, listener: () => void): void {
  const { queue } = stream;
  if (!stream.isRunning) return;
  let [seen, taken, quiet] = [queue.chunks, queue.taken, 0];
  const look = (): void => {
    // No chunk costs anything for this: what was taken shows in the queue.
    const isRead = stream.isRead || queue.taken !== taken || queue.chunks !== seen;
    [seen, taken, quiet] = [queue.chunks, queue.taken, isRead ? 0 : quiet + 1];
    if (quiet === UNREAD_LOOKS) listener();
    else timer = later(look, afterMs / UNREAD_LOOKS);
  };
  let timer = later(look, afterMs / UNREAD_LOOKS);
  stream.afterEnd(() => clearTimeout(timer));
}

/** Returns a timer that does not keep the process alive. */
function later(task: () => void, afterMs: number): ReturnType<typeof setTimeout> {
  const timer = setTimeout(task, Math.min(afterMs, MAX_TIMER_MS));
  timer.unref?.();
  return timer;
}
