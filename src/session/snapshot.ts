/** Reads a stored conversation without opening it, also while a turn runs elsewhere. */

import type { Media, Message, ToolCall, UserMessage } from "../contract/message.ts";
import { waitingCalls } from "./history.ts";
import type { OpenTurn } from "./record.ts";
import { inCallOrder } from "./reducer.ts";
import { replay } from "./replay.ts";
import { recordsIn, storageError } from "./session-log.ts";
import type { SessionStore } from "./store.ts";
import { type SessionUsage, sessionUsageOf } from "./usage.ts";

/**
 * The result of `LLMSession.peek`: a stored conversation at one moment. Plain data, which later turns do not change.
 */
export interface SessionSnapshot {
  readonly systemPrompt?: string;
  /** The turns that have ended, as `LLMSession.history` has them. */
  readonly history: readonly Message[];
  /**
   * A turn that has begun and not ended, as far as the store has it. It has the user message, the replies and tool
   * results since, and the text and media so far of the reply being written. Also present after the process of the turn
   * was killed, until `LLMSession.open` ends the turn.
   */
  readonly turn?: { readonly messages: readonly Message[]; readonly text: string; readonly media?: readonly Media[] };
  /** The calls at the end of the history that wait for an answer, as `LLMSession.waiting` has them. */
  readonly waiting?: readonly ToolCall[];
  /** The last user message, if it got no reply and was removed from the history. */
  readonly unanswered?: UserMessage["content"];
  readonly tokenUsage: SessionUsage;
}

/**
 * Resolves with the conversation that a store keeps under an id.
 * @throws {SendError} kind `storage` when the store fails or its records are damaged
 */
export async function snapshotOf(store: SessionStore, id: string): Promise<SessionSnapshot> {
  try {
    const { systemPrompt, history, turns, turn, unanswered, answers } = replay(await recordsIn(store, id));
    const waiting = turn ? [] : waitingCalls(history, answers);
    return {
      ...(systemPrompt !== undefined && { systemPrompt }),
      history,
      ...(turn && { turn: { messages: inCallOrder(turn), text: "", ...shownOf(turn.reply) } }),
      ...(waiting.length > 0 && { waiting }),
      ...(unanswered && { unanswered: unanswered.content }),
      tokenUsage: sessionUsageOf(turns),
    };
  } catch (error) {
    throw storageError(error);
  }
}

function shownOf(reply: OpenTurn["reply"]): { readonly text?: string; readonly media?: readonly Media[] } {
  if (!reply) return {};
  const { text, media } = reply;
  return { text, ...(media && { media }) };
}
