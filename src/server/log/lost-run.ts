/** The end of a run whose writer is dead. */

import { SendError } from "../../contract/errors.ts";
import { type EntryId, entryId } from "./entry-id.ts";
import type { LogEntry, ReplyLog, RunEnd, RunHead } from "./log.ts";
import { messageSoFar } from "./message-so-far.ts";

/** A place behind every entry: a page from there has the end alone. */
export const BEHIND_ALL: EntryId = entryId({ attempt: 999_999_999, number: 0 });

/** Returns the end of a run whose process has died, with what its log has of the reply. */
export function lostEnd(head: RunHead, entries: readonly LogEntry[]): RunEnd {
  return truncatedEnd("The process that wrote the reply has ended.", "producerLost", head, entries);
}

/** Returns the end of a run that its log has forgotten, for viewers that have seen a part of it. */
export function expiredEnd(head: RunHead, entries: readonly LogEntry[]): RunEnd {
  return truncatedEnd("The log no longer has this run.", "runExpired", head, entries);
}

/** Ends a run whose writer is dead, from its log alone. */
export async function sealLost(log: ReplyLog, run: string): Promise<void> {
  const head = await log.head(run);
  if (!head) return;
  const entries: LogEntry[] = [];
  for (;;) {
    const page = await log.read(run, entries.at(-1)?.id);
    if (!page || page.end) return;
    entries.push(...page.entries);
    if (page.entries.length === 0) break;
  }
  await log.seal(run, lostEnd(head, entries));
}

function truncatedEnd(message: string, code: string, head: RunHead, entries: readonly LogEntry[]): RunEnd {
  const partial = messageSoFar(head, entries);
  const { provider, model } = partial;
  return { type: "failed", error: new SendError("truncated", message, { provider, model, code, partial }).toJSON() };
}
