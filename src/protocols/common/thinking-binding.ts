/**
 * Signed thinking and what it is tied to. Since Claude 5.1 the API accepts a thinking block only after the
 * conversation that it was written for. That is the system prompt, the tools and every message before it, without other
 * thinking. In addition, the thinking block before it must be the same, unless it is the first of the request.
 * @see https://platform.claude.com/docs/en/build-with-claude/preserved-thinking
 */

import type { JsonObject } from "../../platform/json-object.ts";
import type { ThinkingPlace } from "./thinking-place.ts";
import { ValueHash } from "./value-hash.ts";

/** One message on the wire, of which some blocks may be thinking. */
export interface Piece {
  readonly role: "user" | "assistant";
  readonly blocks: readonly JsonObject[];
  /** The place of the message in its conversation, if its thinking is tied to it. */
  readonly place?: ThinkingPlace;
}

/** The parts of a request that thinking is tied to, in addition to the messages. */
interface Surroundings {
  readonly system?: unknown;
  readonly tools?: unknown;
}

/** The refusal of thinking that was written for another conversation; it has no code of its own. */
export const BOUND_ELSEWHERE: RegExp = /bound to a different conversation/;

/** A conversation of which every thinking block is accepted. */
export interface BoundPieces {
  readonly pieces: readonly Piece[];
  /** Returns the place of the next reply, computed once. Absent where no model in use ties thinking to a place. */
  readonly place?: () => ThinkingPlace;
}

/**
 * Returns the conversation without the thinking that the API would refuse. It keeps the latest unbroken run of thinking
 * whose conversation has not changed. Thinking that was left out once stays out, since the replies after it were
 * written without it.
 * @param binds whether the model refuses thinking of another conversation. If so, a reply that does not state its place
 * goes back without its thinking.
 */
export function boundPieces(pieces: readonly Piece[], around: Surroundings, binds: boolean): BoundPieces {
  if (!pieces.some((piece) => piece.place || (binds && thinkingIn(piece).length > 0))) {
    return binds ? { pieces, place: placeAfter(pieces, around) } : { pieces };
  }
  const { before, end } = prefixesOf(pieces, around);
  const kept = [...pieces];
  /** The mark that the thinking before must end with; `undefined` while no thinking follows. */
  let wanted: string | null | undefined;
  for (let at = pieces.length - 1; at >= 0; at--) {
    const piece = pieces[at];
    if (!piece) continue;
    const { place } = piece;
    const last = lastMarkOf([piece]);
    const isComplete = place ? place.prefix === before[at] : !binds;
    if (last !== null && (!isComplete || (wanted !== undefined && wanted !== last))) kept[at] = withoutThinking(piece);
    else if (isComplete && place && (last !== null || wanted === undefined)) wanted = place.after;
  }
  const place = { prefix: end, after: lastMarkOf(kept) };
  return { pieces: kept, place: () => place };
}

/** The same conversation without any thinking. */
export function unboundPieces({ pieces, place }: BoundPieces, around: Surroundings): BoundPieces {
  const rest = pieces.map(withoutThinking);
  return { pieces: rest, place: place ? () => ({ ...place(), after: null }) : placeAfter(rest, around) };
}

function placeAfter(pieces: readonly Piece[], around: Surroundings): () => ThinkingPlace {
  let place: ThinkingPlace | undefined;
  return () => {
    place ??= { prefix: prefixesOf(pieces, around).end, after: lastMarkOf(pieces) };
    return place;
  };
}

/** Returns whether a piece holds thinking. */
export function hasThinking(pieces: readonly Piece[]): boolean {
  return pieces.some((piece) => thinkingIn(piece).length > 0);
}

/** Returns the hash of everything before each message, and the hash of everything. */
function prefixesOf(
  pieces: readonly Piece[],
  { system, tools }: Surroundings,
): { before: readonly string[]; end: string } {
  const start = ValueHash.empty();
  for (const block of listOf(system)) start.add(block, UNCOUNTED);
  start.addSet(
    listOf(tools)
      .filter(isOffered)
      .map((tool) => ValueHash.empty().add(tool, UNCOUNTED).digest()),
  );
  let hash = start.copy();
  const before = pieces.map(({ role, blocks }) => {
    const digest = hash.copy().digest();
    for (const block of blocks) {
      if (isThinking(block)) continue;
      if (block.type === "compaction") hash = start.copy(); // the server forgets what it summed up
      hash.add(role).add(block, UNCOUNTED);
    }
    return digest;
  });
  return { before, end: hash.digest() };
}

/** Fields that do not count: marks for the cache come and go. */
const UNCOUNTED = ["cache_control"];

/** Returns whether a tool counts: a tool whose loading is deferred is absent until something refers to it. */
function isOffered(tool: unknown): boolean {
  return !(typeof tool === "object" && tool !== null && "defer_loading" in tool && tool.defer_loading === true);
}

function withoutThinking(piece: Piece): Piece {
  return thinkingIn(piece).length === 0
    ? piece
    : { ...piece, blocks: piece.blocks.filter((block) => !isThinking(block)) };
}

function lastMarkOf(pieces: readonly Piece[]): string | null {
  for (let at = pieces.length - 1; at >= 0; at--) {
    const piece = pieces[at];
    const last = piece && thinkingIn(piece).at(-1);
    if (last)
      return ValueHash.empty()
        .add(last.signature ?? last.data)
        .digest();
  }
  return null;
}

function thinkingIn({ role, blocks }: Piece): readonly JsonObject[] {
  return role === "assistant" ? blocks.filter(isThinking) : [];
}

function isThinking({ type }: JsonObject): boolean {
  return type === "thinking" || type === "redacted_thinking";
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : value === undefined ? [] : [value];
}
