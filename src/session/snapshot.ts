/** A conversation that a store keeps, as it is at this moment: to be read, by whoever likes, also while a turn runs elsewhere. */

import type { Media, Message, UserMessage } from "../contract/message.ts";
import { inCallOrder, type OpenTurn, restored } from "./record.ts";
import { storageError } from "./session-log.ts";
import type { SessionStore } from "./store.ts";
import { type SessionUsage, sessionUsageOf } from "./usage.ts";

/** What `LLMSession.peek` found. Plain data, which no later turn changes. */
export interface SessionSnapshot {
  readonly systemPrompt?: string;
  /** The turns that have ended, as `LLMSession.history` has them. */
  readonly history: readonly Message[];
  /**
   * A turn that has begun and not ended: what was said, with the replies and tool results since, and text and media of the reply that is being
   * written, as far as the store has it. Also present when the process of that turn was killed; `LLMSession.open` ends it then.
   */
  readonly turn?: { readonly messages: readonly Message[]; readonly text: string; readonly media?: readonly Media[] };
  /** What the user said last, when nothing came back and it was taken out of the history. */
  readonly unanswered?: UserMessage["content"];
  readonly tokenUsage: SessionUsage;
}

/** @throws {SendError} kind `storage` when the store fails, or what it keeps is damaged */
export async function snapshotOf(store: SessionStore, id: string): Promise<SessionSnapshot> {
  try {
    const { systemPrompt, history, turns, turn, unanswered } = restored(await store.load(id));
    return {
      ...(systemPrompt !== undefined && { systemPrompt }),
      history,
      ...(turn && { turn: { messages: inCallOrder(turn.messages), text: "", ...shownOf(turn.reply) } }),
      ...(unanswered !== undefined && { unanswered }),
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
