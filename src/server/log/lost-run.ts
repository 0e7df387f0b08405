/** The end of a run whose writer is dead. */

import { SendError } from "../../contract/errors.ts";
import type { AssistantMessage } from "../../contract/message.ts";
import { type EntryId, entryId } from "./entry-id.ts";
import type { LogEntry, ReplyLog, RunEnd, RunHead } from "./log.ts";
import { messageSoFar } from "./message-so-far.ts";

/** A place behind every entry: a page from there has the end alone. */
export const BEHIND_ALL: EntryId = entryId({ attempt: 999_999_999, number: 0 });

/** The code of the error in the place of a reply that the log has forgotten. */
const FORGOTTEN = "runExpired";

/** Returns the end of a run whose process has died, with what its log has of the reply. */
export function lostEnd(head: RunHead, entries: readonly LogEntry[]): RunEnd {
  return truncatedEnd("The process that wrote the reply has ended.", "producerLost", head, entries);
}

/** Returns the end of a run that its log has forgotten, for viewers that have seen a part of it. */
export function expiredEnd(head: RunHead, entries: readonly LogEntry[]): RunEnd {
  return truncatedEnd("The log no longer has this run.", FORGOTTEN, head, entries);
}

/** Returns what stays of the end of a run when its reply is forgotten: how it ended, without any text. */
export function forgottenEnd(end: RunEnd): RunEnd {
  if (end.type === "failed") {
    const { partial: _partial, ...error } = end.error;
    return { type: "failed", error };
  }
  const { provider, model, interrupted } = end.message;
  const facts = { provider, model, code: FORGOTTEN };
  const kind = interrupted ? "aborted" : "truncated";
  return { type: "failed", error: new SendError(kind, "The log no longer has this reply.", facts).toJSON() };
}

/** Returns the end of a run that only the conversation has. @param message the kept part of its reply */
export function keptEnd(message: AssistantMessage): RunEnd {
  if (!message.interrupted) return { type: "complete", message };
  const { provider, model } = message;
  const facts = { provider, model, code: FORGOTTEN, partial: message };
  const error = new SendError("truncated", "The reply ended before it was complete.", facts);
  return { type: "failed", error: error.toJSON() };
}

/** Returns whether a run has ended with a complete reply, also with one that is forgotten. */
export function isAnswered(end: RunEnd): boolean {
  if (end.type === "complete") return !end.message.interrupted;
  return end.error.kind === "truncated" && end.error.code === FORGOTTEN;
}

/** Returns an end with the text that its viewers have seen, where it has none. */
export function endWithText(end: RunEnd, head: RunHead, entries: readonly LogEntry[]): RunEnd {
  if (end.type === "complete" || end.error.partial || entries.length === 0) return end;
  return { type: "failed", error: { ...end.error, partial: messageSoFar(head, entries) } };
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
