/** One case of the suite for logs, and the helpers for writing it. */

import assert from "node:assert/strict";
import { setTimeout as elapse } from "node:timers/promises";
import type { MessageChunk } from "../../contract/chunk.ts";
import type { AssistantMessage } from "../../contract/message.ts";
import type { EntryId } from "../../server/log/entry-id.ts";
import type { LogEntry, LogWriter, ReplyLog, RunEnd, RunHead } from "../../server/log/log.ts";

/** The times with which a case opens a log, in milliseconds. */
export interface LogTimes {
  readonly leaseMs: number;
  /** How long an ended run is kept. */
  readonly keepMs: number;
}

/** The abilities that a log may lack. */
export type LogAbility = "notify";

/** The log that the suite checks. */
export interface LogSubject {
  /**
   * Opens a log, as a process does when it starts. Logs that are opened in one case see the same runs. Cases choose
   * random ids, so that all of them may work on the same data.
   */
  open(times: LogTimes): Promise<ReplyLog> | ReplyLog;
  /** Reasons for what the log cannot do: `notify` for entries of another process. */
  readonly cannot?: { readonly [ability in LogAbility]?: string | undefined } | undefined;
  /**
   * Maximum duration of a case, in milliseconds.
   * @default 50_000
   */
  readonly timeoutMs?: number | undefined;
}

/** A law, as a sentence, and its check. */
export interface LogCaseDefinition {
  readonly name: string;
  readonly needs?: readonly LogAbility[];
  run(bench: LogBench): Promise<void>;
}

/** The functions that a case uses. */
interface LogBench {
  /** Opens a log; the suite closes it after the case. By default no lease and no run expires during the case. */
  open(times?: Partial<LogTimes>): Promise<ReplyLog>;
}

/** Returns a new random id. */
export function newId(): string {
  return crypto.randomUUID();
}

/** Returns a head with a random id. */
export function headOf(facts: Partial<RunHead> = {}): RunHead {
  const id = newId();
  return { id, chat: `ann/${id}`, owner: "ann", startedAt: Date.now(), provider: "claude", model: "opus", ...facts };
}

/** Resolves with the writer of a run that must not have been begun yet. */
export async function begun(log: ReplyLog, head: RunHead): Promise<LogWriter> {
  const writer = await log.begin(head);
  assert.ok(writer, "a new run must get a writer");
  return writer;
}

/** Returns an entry with a piece of text. */
export function entry(id: EntryId, text: string = `${id} `): LogEntry {
  const chunks: readonly MessageChunk[] = [{ type: "text", content: text, isFinal: false }];
  return { id, type: "chunks", chunks };
}

/** Returns the entries of the first attempt with the numbers from `from` to `to`. */
export function entriesOf(from: number, to: number): LogEntry[] {
  return Array.from({ length: to - from + 1 }, (_, index) => entry(`1-${from + index}`));
}

/** Returns an entry that stands for all before it. */
export function snapshot(id: EntryId, text: string, after?: EntryId): LogEntry {
  return { id, type: "snapshot", message: message(text), ...(after && { after }) };
}

/** Returns a complete message. */
function message(content: string): AssistantMessage {
  return {
    role: "assistant",
    content,
    reasoning: "",
    toolCalls: [],
    citations: [],
    finishReason: "stop",
    metrics: { durationMs: 1, firstTokenMs: 1, attempts: [] } as unknown as AssistantMessage["metrics"],
    provider: "claude",
    model: "opus",
  };
}

/** Returns the end of a run that is complete. */
export function complete(text: string): RunEnd {
  return { type: "complete", message: message(text) };
}

/** Returns the end of a run whose process has died. */
export function lost(partial: string): RunEnd {
  const text = "The process that wrote the reply has ended.";
  const facts = { code: "producerLost", retryable: true, partial: message(partial) };
  return { type: "failed", error: { kind: "truncated", message: text, ...facts } };
}

/** Resolves with the ids of all entries, and the end, read from the beginning in pages of `limit`. */
export async function readAll(log: ReplyLog, run: string, limit?: number): Promise<{ ids: EntryId[]; end?: RunEnd }> {
  const ids: EntryId[] = [];
  for (;;) {
    const page = await log.read(run, ids.at(-1), limit);
    assert.ok(page, "the run must be known");
    ids.push(...page.entries.map(({ id }) => id));
    if (page.end) return { ids, end: page.end };
    if (page.entries.length === 0) return { ids };
  }
}

/** A condition that takes longer is not met, in milliseconds. */
const MAX_WAIT_MS = 30_000;

/** Resolves as soon as `isTrue` resolves with true. */
export async function until(isTrue: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + MAX_WAIT_MS;
  while (!(await isTrue())) {
    assert.ok(performance.now() < end, `it is not so within ${MAX_WAIT_MS} ms: ${isTrue}`);
    await elapse(5);
  }
}

/** Returns how many values are not `undefined`. */
export function count(values: readonly unknown[]): number {
  return values.filter((value) => value !== undefined).length;
}
