/** The reply of a run so far, as the entries of a log. */

import type { MessageChunk } from "../../contract/chunk.ts";
import type { AssistantMessage } from "../../contract/message.ts";
import type { ReplyMetrics } from "../../contract/metrics.ts";
import { OutlineRecorder } from "../../dialects/outline.ts";
import { Fold } from "../../stream/fold.ts";
import { chunksSoFar } from "../../stream/rest-of-reply.ts";
import { type EntryId, entryId } from "../log/entry-id.ts";
import { sizeOfEntry } from "../log/entry-size.ts";
import type { LogEntry, RunHead, StepFacts } from "../log/log.ts";
import { foldedIn } from "../log/outline-so-far.ts";
import { MAX_RUN_BYTES } from "./run-end.ts";

/** The reply as an earlier attempt left it. */
export interface TakenOver {
  readonly attempt: number;
  readonly message: AssistantMessage;
  /** The order of its parts. */
  readonly outline: OutlineRecorder;
  readonly after: EntryId | undefined;
  /** The facts of its complete replies: see `LogEntry`. */
  readonly facts: Readonly<Record<number, StepFacts>>;
  /** Whether the source knows how far the reply has come once it is open: the store of a session may have more. */
  readonly isTurn: boolean;
}

/** A snapshot takes the place of so many entries, or bytes. */
const MAX_ENTRIES = 1_000;
const MAX_SNAPSHOT_DISTANCE = 262_144;

/** Numbers the entries of one attempt, and sums them up. */
export class RunTranscript {
  readonly #attempt: number;
  #number: number;
  /** The size of the chunks, in all and since the last snapshot. */
  #bytes = 0;
  #bytesSince = 0;
  #snapshotBytes = 0;
  /** The chunks so far: those of the stream may be ahead of what was read from it. */
  readonly #fold: Fold;
  /** The calls so far and their results. */
  readonly #tools: MessageChunk[] = [];
  #hasResults = false;
  #outline: OutlineRecorder;
  /** The calls of the last reply whose tools have begun. */
  #begun: string[] = [];
  /** Whether the last chunk was a result, so that the next one begins another reply. */
  #isAnswered = false;
  /** The number of the reply under way, and the facts of those that are complete. */
  #step = 0;
  readonly #facts: Record<number, StepFacts>;
  /** Those of the last reply, for the next entry. */
  #newFacts: StepFacts | undefined;

  constructor({ provider, model }: RunHead, takenOver: TakenOver | undefined) {
    this.#attempt = takenOver?.attempt ?? 1;
    this.#number = takenOver ? -1 : 0;
    this.#outline = takenOver && !takenOver.isTurn ? takenOver.outline : new OutlineRecorder();
    this.#fold = new Fold({ provider, model, attempts: [] });
    this.#facts = { ...takenOver?.facts };
  }

  get isTooLarge(): boolean {
    return this.#bytes > MAX_RUN_BYTES;
  }

  /** Returns the entry of the chunks of one read. @param size of the chunks, as `sizeOfChunks` says */
  add(chunks: readonly MessageChunk[], size: number): LogEntry {
    for (const chunk of chunks) this.#take(chunk);
    this.#bytes += size;
    this.#bytesSince += size;
    return { id: this.#nextId(), type: "chunks", chunks, ...this.#takeFacts() };
  }

  /** Notes that the reply so far is complete, and that its tools begin: the next entry says it. */
  replied(facts: StepFacts): void {
    this.#newFacts = facts;
    this.#facts[this.#step] = facts;
  }

  /** Returns the entry that says that the tool of a call begins to run. */
  begins(callId: string): LogEntry {
    this.#begun.push(callId);
    return { id: this.#nextId(), type: "chunks", chunks: [], begun: [callId], ...this.#takeFacts() };
  }

  /** Returns the first entry of a later attempt. */
  takeOver({ message, after }: TakenOver): LogEntry {
    for (const chunk of chunksSoFar(message)) this.#fold.add(chunk);
    this.#outline.continuedBy(this.#attempt);
    const order = { outline: this.#outline.parts.slice() };
    return { id: this.#nextId(), type: "snapshot", message, ...(after !== undefined && { after }), ...order };
  }

  /** Returns the first entry of an attempt that continues a turn. @param chunks how far the turn has come */
  continueTurn({ message, outline, after }: TakenOver, chunks: readonly MessageChunk[]): LogEntry {
    const before = outline.parts.filter(([type]) => type === "result").length;
    for (const chunk of chunks) this.#take(chunk);
    const now = this.#fold.message("interrupted", () => message.metrics);
    const isShown =
      now.content === message.content &&
      now.reasoning === message.reasoning &&
      message.unfinishedToolCalls === undefined &&
      String(now.toolCalls.map(({ id }) => id)) === String(message.toolCalls.map(({ id }) => id)) &&
      before === this.#tools.filter(({ type }) => type === "toolResult").length;
    this.#outline.continuedBy(this.#attempt);
    const tools = this.#hasResults ? { tools: [...this.#tools] } : {};
    const order = { outline: this.#outline.parts.slice() };
    const id = this.#nextId();
    const last = isShown ? after : id; // its own: no viewer has seen that
    const more = { ...(last !== undefined && { after: last }), ...tools, ...order, ...this.#allFacts() };
    return { id, type: "snapshot", message: now, ...more };
  }

  /** Returns whether a snapshot is to follow. `entries`: their number since the last one. */
  isSnapshotDue(entries: number): boolean {
    return entries >= MAX_ENTRIES || this.#bytesSince >= Math.max(MAX_SNAPSHOT_DISTANCE, this.#snapshotBytes);
  }

  /** Returns the message so far as an entry. `after`: the last entry. */
  snapshot(after: EntryId, metrics: ReplyMetrics): LogEntry {
    const message = this.#fold.message("running", () => metrics);
    const tools = this.#hasResults ? { tools: [...this.#tools] } : {};
    const { outline } = this.#outline;
    const order = outline ? { outline } : {};
    const begun = this.#begun.length > 0 ? { begun: [...this.#begun] } : {};
    const more = { ...tools, ...order, ...begun, ...this.#allFacts() };
    const entry: LogEntry = { id: this.#nextId(), type: "snapshot", message, after, ...more };
    this.#bytesSince = 0;
    this.#snapshotBytes = sizeOfEntry(entry);
    return entry;
  }

  #take(chunk: MessageChunk): void {
    this.#fold.add(chunk);
    if (chunk.type === "rewind") this.#outline.rewound(foldedIn(this.#fold));
    else this.#outline.add(chunk);
    if (this.#isAnswered && chunk.type !== "toolResult") this.#step++;
    this.#isAnswered = chunk.type === "toolResult";
    if (chunk.type === "toolResult") this.#hasResults = true;
    else this.#begun = [];
    if (chunk.type === "toolCall" || chunk.type === "toolResult") this.#tools.push(chunk);
  }

  #takeFacts(): { readonly facts?: StepFacts } {
    const facts = this.#newFacts;
    this.#newFacts = undefined;
    return facts ? { facts } : {};
  }

  #allFacts(): { readonly facts?: Readonly<Record<number, StepFacts>> } {
    return Object.keys(this.#facts).length > 0 ? { facts: { ...this.#facts } } : {};
  }

  #nextId(): EntryId {
    this.#number++;
    return entryId({ attempt: this.#attempt, number: this.#number });
  }
}
