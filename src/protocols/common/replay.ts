/** Decides whether an earlier reply is sent back unchanged (law 8), or rebuilt from its text and calls. */

import type { AssistantTurn, Replay } from "../../contract/message.ts";
import { markedNumbers } from "../../platform/exact-json.ts";
import type { Endpoint } from "../protocol.ts";

/** The replay of a reply that the requested provider wrote itself in this protocol. */
export interface OwnReplay<Data> {
  readonly data: Data;
  /** The beginning of the reply's text, which is not in the data. */
  readonly before: string;
  readonly model: string | undefined;
  /** The origin that wrote it, where the reply names it. */
  readonly origin: string | undefined;
  /** Whether it was written at the same origin. A reply that names no origin counts as written here. */
  readonly isFromHere: boolean;
  /** Whether it was also written for the same account: only then is encrypted content certain to be readable. */
  readonly isFromAccount: boolean;
}

/**
 * Returns the turn's replay for this endpoint; `undefined` where it must be rebuilt. A cut reply keeps its replay only
 * if it has calls, which need it: the last signed part may be incomplete.
 */
export function ownReplayOf<Data>(
  { replay, interrupted, toolCalls }: AssistantTurn,
  { provider, baseUrl, account }: Endpoint,
  protocol: string,
): OwnReplay<Data> | undefined {
  if (replay?.provider !== provider || replay.protocol !== protocol) return undefined;
  if (interrupted && !toolCalls?.length) return undefined;
  if (typeof replay.data !== "object" || replay.data === null) return undefined;
  const { before = "", model, origin, account: writer } = replay;
  const isFromHere = origin === undefined || origin === originOf(baseUrl);
  const isFromAccount = isFromHere && (writer === undefined || account === undefined || writer === account);
  return { data: withoutHoles(dataOf(replay, replay.data)) as Data, before, model, origin, isFromHere, isFromAccount };
}

/** Returns the data with its numbers as the provider wrote them. */
function dataOf({ rawData }: Replay, data: object): object {
  if (typeof rawData !== "string") return data;
  try {
    const exact = markedNumbers(rawData);
    return typeof exact === "object" && exact !== null ? exact : data;
  } catch {
    return data; // a store returned something else
  }
}

/**
 * Returns whether the turn is unedited. A caller who has changed the text or the calls of a reply wants the change
 * sent.
 * @param text the text that came
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

/** The last base URL and its origin: a client's calls all have the same, and parsing takes microseconds. */
let lastAddress = { baseUrl: "", origin: "" };

/** Returns the origin of a base URL, as in `Replay.origin`. */
export function originOf(baseUrl: string): string {
  if (lastAddress.baseUrl !== baseUrl) lastAddress = { baseUrl, origin: new URL(baseUrl).origin };
  return lastAddress.origin;
}

/** The arrays that a reply consists of. Other arrays, as in the arguments of a call, may hold anything. */
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

/**
 * Returns the same data without elements that are not objects: a server that sent a `null` part refuses it in a
 * request.
 */
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
