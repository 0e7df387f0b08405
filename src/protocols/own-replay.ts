/** When an earlier reply goes back as it came (law 8), and when it is written anew from its words and calls. */

import type { AssistantTurn } from "../message.ts";
import type { Endpoint } from "./protocol.ts";

/** What the provider that is asked has written itself in this protocol. */
interface OwnReplay<Data> {
  readonly data: Data;
  /** The beginning of the reply's text, which is not in the data. */
  readonly before: string;
  readonly model: string | undefined;
}

/**
 * What the turn brings of its own for this endpoint. Of a reply that was cut, only what its calls need: without those, every
 * provider does without what it signed, and what was signed last may lack what it signs.
 */
export function ownReplayOf<Data>(
  { replay, interrupted, toolCalls }: AssistantTurn,
  { provider }: Endpoint,
  protocol: string,
): OwnReplay<Data> | undefined {
  if (replay?.provider !== provider || replay.protocol !== protocol) return undefined;
  if (interrupted && !toolCalls?.length) return undefined;
  if (typeof replay.data !== "object" || replay.data === null) return undefined;
  return { data: replay.data as Data, before: replay.before ?? "", model: replay.model };
}

/**
 * Whether the turn still says what came: whoever has changed the text or the calls of a reply wants that sent.
 * @param text what came
 * @param callIds of the calls that came
 * @param waiting how many of them wait for the caller's answer
 */
export function saysStill(
  turn: AssistantTurn,
  text: string,
  callIds: readonly unknown[],
  waiting: number = callIds.length,
): boolean {
  const calls = turn.toolCalls ?? [];
  return text === turn.content && calls.length === waiting && calls.every(({ id }) => callIds.includes(id));
}
