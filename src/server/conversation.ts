/** The conversation of a chat, as its owner may see it. */

import type { ChatHistory } from "../dialects/native/wire.ts";
import { sleep } from "../platform/sleep.ts";
import { LLMSession } from "../session/session.ts";
import type { SessionSnapshot } from "../session/snapshot.ts";
import { exposedHistory } from "./policy/exposed-history.ts";
import type { RelaySettings } from "./relay-options.ts";

/** The store has the turn of a run that begins so long after it at most; it is read again so often, in milliseconds. */
const MAX_TURN_MS = 1_000;
const TURN_POLL_MS = 25;

/** Resolves with whether a run of this or another process is over. */
type IsOver = (run: string) => Promise<boolean>;

/**
 * Resolves with a conversation, the turn under way included; with `undefined` when the relay keeps none.
 * @param id as `scopedChat` returns it
 */
export async function conversationOf(
  id: string,
  { sessions, policy, log }: Pick<RelaySettings, "sessions" | "policy" | "log">,
  isOver: IsOver,
): Promise<ChatHistory | undefined> {
  if (!sessions) return undefined;
  const latestRun = () => log.latestRun(id).catch(() => undefined);
  const before = await latestRun();
  const { history, turn, unanswered, waiting } = await stored({ store: sessions.store, id }, before?.run, isOver);
  const latest = turn ? await latestRun() : before; // the turn may be that of a later run
  const head = latest && (await log.head(latest.run).catch(() => undefined));
  return {
    messages: exposedHistory(history, policy.expose),
    ...(head && { run: head.id, messageId: head.messageId ?? head.id }),
    ...(turn && { turn: exposedHistory(turn.messages, policy.expose) }),
    ...(unanswered !== undefined && { unanswered }),
    ...(waiting && { waiting: waiting.map((call) => call.id) }),
  };
}

/** Resolves with the session as its store has it. The turn of a run that has just begun is waited for. */
async function stored(
  place: Parameters<typeof LLMSession.peek>[0],
  run: string | undefined,
  isOver: IsOver,
): Promise<SessionSnapshot> {
  const begunAt = performance.now(); // a slow store takes longer than the pauses
  for (;;) {
    const isComplete = run === undefined || (await isOver(run)); // before the store is read
    const seen = await LLMSession.peek(place);
    if (isComplete || seen.turn || performance.now() - begunAt >= MAX_TURN_MS) return seen;
    await sleep(TURN_POLL_MS);
  }
}
