/**
 * The state of a conversation, and the only code that changes it: each record is reduced into the state and written to
 * the log.
 */

import type { MessageChunk } from "../contract/chunk.ts";
import type { AssistantMessage, Message, SystemMessage } from "../contract/message.ts";
import type { SendOptions } from "../contract/options.ts";
import { replyFault, withOrderedResults } from "./history.ts";
import type { SessionRecord, SessionState } from "./record.ts";
import { endRecordOf, reduce } from "./reducer.ts";
import type { SavedSession } from "./saved-session.ts";
import type { SessionLog } from "./session-log.ts";
import { titleOf } from "./title.ts";
import type { Fitted, TokenBudget } from "./trimming.ts";
import { isTurnUsage, type TurnUsage, turnUsageOf } from "./usage.ts";

/** A conversation under a token budget, with a log if a store keeps it. */
export class Conversation {
  readonly budget: TokenBudget | undefined;
  readonly onInterrupt: "keep" | "discard";
  /** Replaced, never changed: code that holds a history has the conversation as it was. */
  #state: SessionState;
  #log: SessionLog | undefined;

  constructor(state: SessionState, budget: TokenBudget | undefined, onInterrupt: "keep" | "discard") {
    this.#state = state;
    this.budget = budget;
    this.onInterrupt = onInterrupt;
  }

  /** The conversation at this moment. */
  get state(): SessionState {
    return this.#state;
  }

  /** Replaces the usage of earlier turns, and the answers to calls that wait. */
  restore({ turns, answers }: Pick<SessionState, "turns" | "answers">): void {
    this.#state = { ...this.#state, turns, answers };
  }

  record(record: SessionRecord): void {
    const recorded = this.#log ? titled(record, this.#state) : record;
    this.#state = reduce(this.#state, recorded);
    this.#log?.add(recorded);
  }

  /**
   * Returns the messages of a request: the system prompt and the latest exchanges that the budget allows.
   * @param added the messages of the turn, which are not in the history yet
   * @param correction see `TokenBudget.fit`
   * @throws {SendError} kind `contextLength` when the turn alone exceeds the budget
   */
  requestOf(
    systemPrompt: string | undefined,
    added: readonly Message[],
    options: SendOptions,
    correction?: number,
  ): Fitted {
    const conversation = withOrderedResults([...this.#state.history, ...added]);
    const system: readonly SystemMessage[] =
      systemPrompt === undefined ? [] : [{ role: "system", content: systemPrompt }];
    const all = { messages: [...system, ...conversation] };
    const fitted = this.budget?.fit(system, conversation, options, correction) ?? all;
    return { ...fitted, messages: fitted.messages.map(withoutId) };
  }

  /** A chunk of a reply has arrived. */
  arrived(chunk: MessageChunk): void {
    this.#log?.arrived(chunk);
  }

  /** Adds a complete reply to the turn under way, which continues. */
  addReply(message: AssistantMessage, request: Fitted): void {
    const usage = this.#usageOf(message, request);
    this.record({ type: "reply", message, ...(usage && { usage }) });
  }

  /** Ends the turn under way with its last reply. `failed`: that reply is partial, or the turn was left. */
  endTurn(reply: AssistantMessage | undefined, failed: boolean, request: Fitted): void {
    const { turn } = this.#state;
    if (!turn) return;
    const valid = replyFault(reply) ? undefined : reply;
    const interrupted = failed || valid?.interrupted === true || valid !== reply;
    const usage = valid && this.#usageOf(valid, request);
    this.record(endRecordOf(turn, valid, { interrupted, discards: this.onInterrupt === "discard", usage }));
  }

  /**
   * Resolves when the log has everything; `undefined` without a log. Rejects as the store does; the next call tries
   * again.
   */
  flush(): Promise<void> | undefined {
    return this.#log?.flush();
  }

  /** Removes all messages here at once. Resolves when the store has removed them. */
  async clear(save: () => SavedSession): Promise<void> {
    const record = { type: "cut", length: 0 } as const;
    this.#state = { ...reduce(this.#state, record), title: undefined };
    await this.#log?.replace({ type: "saved", session: save() }, record);
  }

  /** Continues a conversation that a store keeps, with the turn that is under way there. */
  resume(state: SessionState, log: SessionLog): void {
    this.#state = state;
    this.#log = log;
  }

  /** Ends the log, and lets other sessions open the conversation. */
  async close(): Promise<void> {
    const log = this.#log;
    this.#log = undefined;
    await log?.close();
  }

  /** Returns the tokens of a reply, and calibrates the token counter by them. */
  #usageOf(reply: AssistantMessage, { estimatedTokens }: Fitted): TurnUsage | undefined {
    const usage = turnUsageOf(reply);
    if (!isTurnUsage(usage)) return undefined;
    const inputTokens = usage.usage?.inputTokens;
    if (inputTokens && estimatedTokens) this.budget?.learn(estimatedTokens, inputTokens);
    return usage;
  }
}

/** Returns the message as clients get it. */
function withoutId(message: Message): Message {
  if (message.role !== "user" || message.id === undefined) return message;
  const { id: _id, ...sent } = message;
  return sent;
}

/** Returns the record with the title of the conversation, where the store does not have that title yet. */
function titled(record: SessionRecord, { history, title: known }: SessionState): SessionRecord {
  if (record.type !== "said" && record.type !== "saved") return record;
  const title = record.type === "said" ? titleOf(history) || titleOf(record.messages) : titleOf(record.session.history);
  return title === (known ?? "") ? record : { ...record, title };
}
