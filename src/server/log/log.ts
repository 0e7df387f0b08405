/** The contract of a log: keeps the entries of runs, so that viewers can come back and other processes can continue. */

import type { MessageChunk } from "../../contract/chunk.ts";
import type { SendErrorData } from "../../contract/errors.ts";
import type { AssistantMessage, Message } from "../../contract/message.ts";
import type { CallApproval } from "../../dialects/native/wire.ts";
import type { ReplyOutline } from "../../dialects/outline.ts";
import type { EntryId } from "./entry-id.ts";
import type { TurnRequest } from "./turn-request.ts";

/** One run: a reply, or a session's turn, that a relay produces. Plain data. */
export interface RunHead {
  /** Random, chosen by the client that started the run: 22 to 128 characters of `A-Z a-z 0-9 _ -`. */
  readonly id: string;
  /** The conversation, with its owner's name before it, so that guessing the id of a chat reaches nothing. */
  readonly chat: string;
  /** The user that may watch and stop the run. */
  readonly owner: string;
  /** In milliseconds since 1970. */
  readonly startedAt: number;
  readonly provider: string;
  readonly model: string;
  /** The id under which front ends know the reply. Default: the id of the run. */
  readonly messageId?: string | undefined;
  /** The parts of that message before this run, which continues it. Absent for a message that begins with the run. */
  readonly before?: readonly MessageChunk[] | undefined;
  /** The request, for a process that takes the run over. Absent when no process may, and for a turn of a session. */
  readonly request?: RunRequest | undefined;
  /** The turn of a session, for a process that takes the run over. Absent when no process may. */
  readonly turn?: TurnToKeep | undefined;
  /** The conversation of a reply that a program may continue. Absent when none may. */
  readonly kept?: KeptRun | undefined;
}

/** The facts with which a gateway shows a reply later, and continues it. Plain data. */
export interface KeptRun {
  /** The model as programs call it. */
  readonly model: string;
  /** The conversation before the reply. */
  readonly messages: readonly Message[];
  /** The facts that the wire of the request repeats. */
  readonly memo: Readonly<Record<string, unknown>>;
  /** Whether the run continues without viewers. */
  readonly isBackground: boolean;
}

/** The call that a run makes, as far as JSON keeps it. */
export interface RunRequest {
  readonly messages: readonly Message[];
  readonly options: Readonly<Record<string, unknown>>;
  /** Decisions about the calls at the end of the messages, which the run carries out. */
  readonly approvals?: readonly CallApproval[] | undefined;
}

/** The turn that a run sends to the session named `RunHead.chat`, as far as JSON keeps it. */
export interface TurnToKeep {
  readonly request: TurnRequest;
  readonly options: Readonly<Record<string, unknown>>;
}

/** One entry of a log: the chunks of one or more reads, or a summary of every entry before it. Plain data. */
export type LogEntry =
  | {
      readonly id: EntryId;
      readonly type: "chunks";
      readonly chunks: readonly MessageChunk[];
      /** The ids of calls whose tools begin to run. The log has them before the tools do. */
      readonly begun?: readonly string[];
      /** Of the reply before it, which is complete and whose tools begin, in a run without a session. */
      readonly facts?: StepFacts;
    }
  /**
   * The message so far. It takes the place of every entry before it: a log deletes those. Its id need not follow the
   * last one in the log: entries that the log missed while it was away are in the message. `after` is the id of the
   * entry that it follows, absent for none. A viewer that has seen exactly that one skips the snapshot; every other
   * viewer discards its text and shows the snapshot's. `tools` are the calls so far and their results, as chunks, once
   * there are results: a message has only the calls without one. `outline` is the order in which the parts came, where
   * it is not the usual one. `begun` are the calls of the last reply whose tools have begun. `facts` are those of the
   * replies before the last results, by the number of the reply from 0.
   */
  | {
      readonly id: EntryId;
      readonly type: "snapshot";
      readonly message: AssistantMessage;
      readonly after?: EntryId;
      readonly tools?: readonly MessageChunk[];
      readonly outline?: ReplyOutline;
      readonly begun?: readonly string[];
      readonly facts?: Readonly<Record<number, StepFacts>>;
    };

/** A complete reply without the parts that its chunks make: usage, replay and so on. It never reaches a viewer. */
export type StepFacts = Pick<
  AssistantMessage,
  Exclude<
    keyof AssistantMessage,
    | ("role" | "content" | "reasoning" | "toolCalls" | "unfinishedToolCalls" | "citations" | "media")
    | ("providerToolCalls" | "steps" | "interrupted" | "output" | "raw")
  >
>;

/** The last entry of a run: written once, and nothing follows it. Plain data. */
export type RunEnd =
  | { readonly type: "complete"; readonly message: AssistantMessage }
  | { readonly type: "failed"; readonly error: SendErrorData };

/** The entries behind a cursor. */
export interface LogPage {
  /** In order, without a gap inside the page. */
  readonly entries: readonly LogEntry[];
  /** How the run ended. Present when `entries` reaches the end, or the run has ended behind a page that is empty. */
  readonly end?: RunEnd | undefined;
  /** Whether a process holds the lease of the run, or of its take-over. False after the end. */
  readonly isOwned: boolean;
}

/**
 * The answer to a writer.
 * - `running`: the entries are in the log, and the lease is renewed.
 * - `stopping`: the same, and a viewer has asked the run to stop.
 * - `lost`: the run was sealed, taken over or deleted. Nothing was written; the writer must stop.
 */
export type WriterState = "running" | "stopping" | "lost";

/** Writes one attempt of a run. Its calls are made one after the other. */
export interface LogWriter {
  /** 1 for the process that began the run. */
  readonly attempt: number;
  /**
   * Appends entries, renews the lease, and asks whether a viewer wants the run to stop, in one round trip. An empty
   * list only renews and asks. An entry that is there already, such as after a lost answer, counts as appended.
   * @throws when the log cannot be reached: it is unknown whether the entries are there
   */
  append(entries: readonly LogEntry[]): Promise<WriterState>;
  /**
   * Writes the end and gives the lease back. Resolves with the end that is in the log: another one, when another
   * process has sealed the run; `undefined` when the run was deleted or taken over.
   */
  end(end: RunEnd): Promise<RunEnd | undefined>;
  /** Gives the lease back without an end, so that another process takes the run over at once. The last call. */
  release(): Promise<void>;
}

/** The last run of a chat. */
export interface ChatRun {
  readonly run: string;
  /** Counts the runs of the chat, from 1: the value that `setLatestRun` compares. */
  readonly number: number;
}

/**
 * Keeps runs: `memoryLog`, `sqliteLog` (`cloudllm/store/sqlite`), `redisLog` (`cloudllm/store/redis`), or your own.
 * `logSuite` of `cloudllm/testing` checks one. Everything that it keeps of a run expires: a running one after a day at
 * most, an ended one after some minutes.
 */
export interface ReplyLog {
  /**
   * Time without a renewal after which the writer of a run counts as dead, in milliseconds. A relay renews each second:
   * with less than 3,000, a busy process counts as dead.
   */
  readonly leaseMs: number;
  /**
   * Begins a run. Resolves with its writer, and with `undefined` when the id is taken. Of several callers one wins.
   * @throws when the log cannot be reached, or has no room: the run continues without a log
   */
  begin(head: RunHead): Promise<LogWriter | undefined>;
  /**
   * Takes the lease of a run whose writer is dead, as its next attempt. Resolves with `undefined` when the run has a
   * writer, has ended, or is unknown, and when `attempt` is not the number behind its last one. Of several callers one
   * wins. The first entry it appends is a snapshot with number 0; from then on the log refuses earlier attempts.
   */
  takeOver(run: string, attempt: number): Promise<LogWriter | undefined>;
  /** Resolves with the head of a run; `undefined` when it is unknown or has expired. */
  head(run: string): Promise<RunHead | undefined>;
  /**
   * Resolves with the entries behind `after` (all of them without it), at most `limit` (default 500); `undefined` when
   * the run is unknown or has expired.
   */
  read(run: string, after?: EntryId, limit?: number): Promise<LogPage | undefined>;
  /**
   * Ends a run whose writer is dead. Resolves with the end that is in the log: `end`, or the one that was there first;
   * `undefined` when the run is unknown, or has a writer: the caller was late, and another process continues.
   */
  seal(run: string, end: RunEnd): Promise<RunEnd | undefined>;
  /** Asks the writer to stop, in whichever process it is. Has no effect on an ended or unknown run. */
  requestStop(run: string): Promise<void>;
  /** Notes that a viewer watches the run for the next `forMs` milliseconds. */
  markViewed(run: string, forMs: number): Promise<void>;
  /** Resolves with whether a viewer watches the run, in any process. */
  isViewed(run: string): Promise<boolean>;
  /** Resolves with the last run of a chat, running or ended. */
  latestRun(chat: string): Promise<ChatRun | undefined>;
  /**
   * Makes a run the last one of its chat. Resolves with false when `next.number` is taken: another process was faster.
   */
  setLatestRun(chat: string, next: ChatRun): Promise<boolean>;
  /**
   * Calls `notify` soon after the log of a run has grown or ended, until the returned function is called. It may be
   * called without a reason, and it may miss: a reader also reads from time to time.
   */
  watch(run: string, notify: () => void): () => void;
  /** Deletes everything that is kept of a run. Its writer is `lost`. */
  delete(run: string): Promise<void>;
  /** Closes what the log opened itself: connections of its own, timers. Never a client that it was given. */
  close(): Promise<void>;
}
