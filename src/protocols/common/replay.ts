/** When an earlier reply goes back as it came (law 8), and when it is written anew from its words and calls. */

import type { AssistantTurn } from "../../contract/message.ts";
import type { Endpoint } from "../protocol.ts";

/** What the provider that is asked has written itself in this protocol. */
export interface OwnReplay<Data> {
  readonly data: Data;
  /** The beginning of the reply's text, which is not in the data. */
  readonly before: string;
  readonly model: string | undefined;
  /** The address that wrote it, where the reply says. */
  readonly origin: string | undefined;
  /** Whether it was written at the same address; so it is taken to be where the reply does not say. */
  readonly isFromHere: boolean;
  /** Whether, in addition, it was written for the same account: only then can it be relied on that what is encrypted can be read. */
  readonly isFromAccount: boolean;
}

/**
 * What the turn brings of its own for this endpoint. Of a reply that was cut, only what its calls need: without those, every
 * provider does without what it signed, and what was signed last may lack what it signs.
 */
export function ownReplayOf<Data>(
  { replay, interrupted, toolCalls }: AssistantTurn,
  { provider, baseUrl, account }: Endpoint,
  protocol: string,
): OwnReplay<Data> | undefined {
  if (replay?.provider !== provider || replay.protocol !== protocol) return undefined;
  if (interrupted && !toolCalls?.length) return undefined;
  if (typeof replay.data !== "object" || replay.data === null) return undefined;
  const { data, before = "", model, origin, account: writer } = replay;
  const isFromHere = origin === undefined || origin === originOf(baseUrl);
  const isFromAccount = isFromHere && (writer === undefined || account === undefined || writer === account);
  return { data: withoutHoles(data) as Data, before, model, origin, isFromHere, isFromAccount };
}

/**
 * Whether the turn still says what came: whoever has changed the text or the calls of a reply wants that sent.
 * @param text what came
 * @param callIds of the calls that came
 * @param waiting how many of them wait for the caller's answer
 */
export function isUnedited(
  turn: AssistantTurn,
  text: string,
  callIds: readonly unknown[],
  waiting: number = callIds.length,
): boolean {
  const calls = turn.toolCalls ?? [];
  return text === turn.content && calls.length === waiting && calls.every(({ id }) => callIds.includes(id));
}

/** The address that was asked about last: a client's calls all have the same, and to read it takes microseconds. */
let lastAddress = { baseUrl: "", origin: "" };

/** The origin of an address, as `Replay.origin` has it. */
export function originOf(baseUrl: string): string {
  if (lastAddress.baseUrl !== baseUrl) lastAddress = { baseUrl, origin: new URL(baseUrl).origin };
  return lastAddress.origin;
}

/** The arrays that a reply is made of. Elsewhere, as in the arguments of a call, an array holds what its writer wants. */
const STRUCTURE: readonly string[] = [
  "items",
  "blocks",
  "parts",
  "details",
  "content",
  "summary",
  "citations",
  "annotations",
  "thinking",
];

/** The same data, byte for byte, without the elements that are nothing: a server that sent a `null` part takes none back. */
function withoutHoles<T extends object>(data: T): T {
  const changes: [string, unknown][] = [];
  for (const [name, value] of Object.entries(data)) {
    if (!STRUCTURE.includes(name) || !Array.isArray(value)) continue;
    const kept = value.flatMap((part: unknown) =>
      typeof part === "object" && part !== null ? [withoutHoles(part)] : [],
    );
    if (kept.length === value.length && kept.every((part, at) => part === value[at])) continue;
    changes.push([name, kept]);
  }
  return changes.length === 0 ? data : { ...data, ...Object.fromEntries(changes) };
}
