/** The entries of a log → the replies and results that the viewers of a turn have seen. */

import type { MessageChunk } from "../../contract/chunk.ts";
import type { ToolMessage } from "../../contract/message.ts";
import { inOrder } from "../../dialects/ordered-chunks.ts";
import type { SeenStep, SeenTurn } from "../../session/left-turn.ts";
import { Fold } from "../../stream/fold.ts";
import type { ReplyFacts } from "../../stream/reply-facts.ts";
import type { LogEntry, RunHead, StepFacts } from "./log.ts";
import { withFacts } from "./step-facts.ts";

/** A turn as its log has it. */
export interface LoggedTurn extends SeenTurn {
  /** Of the replies that are known to be complete, by their numbers. */
  readonly facts: Readonly<Record<number, StepFacts>>;
}

/** Returns what the entries of a run show of its turn. */
export function seenSoFar({ provider, model }: RunHead, entries: readonly LogEntry[]): LoggedTurn {
  let collector = new StepCollector({ provider, model, attempts: [] });
  let begun = new Set<string>();
  for (const entry of entries) {
    if (entry.type === "snapshot") collector = new StepCollector({ provider, model, attempts: [] }, entry.facts);
    else if (entry.facts) collector.complete(entry.facts);
    const chunks = entry.type === "snapshot" ? inOrder(entry).flatMap((part) => part.chunks) : entry.chunks;
    for (const chunk of chunks) collector.add(chunk);
    // The tools of a reply begin behind its last chunk.
    if (entry.type === "snapshot" || chunks.some(({ type }) => type !== "toolResult")) begun = new Set();
    for (const id of entry.begun ?? []) begun.add(id);
  }
  return { steps: collector.steps(), begun, facts: collector.known };
}

/** Splits the chunks of a turn into its replies. */
class StepCollector {
  readonly #facts: ReplyFacts;
  readonly #steps: SeenStep[] = [];
  /** Of the steps that are known to be complete, by their numbers. */
  readonly #known: Map<number, StepFacts>;
  #fold: Fold | undefined;
  #results: ToolMessage[] = [];

  constructor(facts: ReplyFacts, known: Readonly<Record<number, StepFacts>> = {}) {
    this.#facts = facts;
    this.#known = new Map(Object.entries(known).map(([number, facts]) => [Number(number), facts]));
  }

  /** The last reply is complete. */
  complete(facts: StepFacts): void {
    this.#known.set(this.#steps.length, facts);
  }

  get known(): Readonly<Record<number, StepFacts>> {
    return Object.fromEntries(this.#known);
  }

  add(chunk: MessageChunk): void {
    if (chunk.type === "toolResult") {
      const { toolCallId, result, isError, denied } = chunk;
      const flags = { ...(isError && { isError }), ...(denied && { denied }) };
      this.#results.push({ role: "tool", toolCallId, content: result, ...flags });
      return;
    }
    if (this.#results.length > 0) this.#close();
    this.#fold ??= new Fold(this.#facts);
    this.#fold.add(chunk);
  }

  steps(): readonly SeenStep[] {
    this.#close();
    return this.#steps;
  }

  #close(): void {
    if (!this.#fold && this.#results.length === 0) return;
    const fold = this.#fold ?? new Fold(this.#facts);
    const metrics = { durationMs: 0, chunks: 0, longestGapMs: 0, attempts: [] };
    const folded = fold.message("interrupted", () => metrics);
    const facts = this.#known.get(this.#steps.length);
    this.#steps.push({ reply: facts ? withFacts(folded, facts) : folded, results: this.#results });
    this.#fold = undefined;
    this.#results = [];
  }
}
