/** Claude's signed thinking behind a router. It is tied to its conversation, as in Anthropic's own protocol. */

import type { JsonObject } from "../../platform/json-object.ts";
import { type BoundPieces, boundPieces, type Piece, unboundPieces } from "../common/thinking-binding.ts";
import { placeIn, type ThinkingPlace } from "../common/thinking-place.ts";

/** The messages of a request with the thinking that the model accepts, and the place of the next reply. */
export interface BoundMessages {
  readonly messages: readonly JsonObject[];
  readonly place?: () => ThinkingPlace;
  /** Returns the same without any thinking; `undefined` where there is none. */
  unbound(): BoundMessages | undefined;
}

/**
 * Returns the messages without the signed thinking that the model would refuse.
 * @param places the place of each message in its conversation, as in its `replay`
 */
export function boundMessages(
  messages: readonly JsonObject[],
  places: ReadonlyMap<JsonObject, unknown>,
  tools: unknown,
  binds: boolean,
): BoundMessages {
  if (binds || places.size > 0)
    return messagesOf(messages, boundPieces(piecesOf(messages, places), { tools }, binds), tools);
  const hasDetails = messages.some(isSigned);
  const unbound = () => messagesOf(messages, unboundPieces({ pieces: piecesOf(messages, places) }, { tools }), tools);
  return { messages, unbound: () => (hasDetails ? unbound() : undefined) };
}

function piecesOf(messages: readonly JsonObject[], places: ReadonlyMap<JsonObject, unknown>): readonly Piece[] {
  return messages.map((message): Piece => {
    const { reasoning_details, thinking_blocks, ...rest } = message;
    const place = placeIn(places.get(message));
    const data = reasoning_details ?? thinking_blocks;
    const thinking = data === undefined ? [] : [{ type: "thinking", data }];
    const role = message.role === "assistant" ? "assistant" : "user";
    return { role, blocks: [...thinking, rest], ...(place && { place }) };
  });
}

function messagesOf(messages: readonly JsonObject[], bound: BoundPieces, tools: unknown): BoundMessages {
  const kept = messages.map((message, at) => {
    const [first] = bound.pieces[at]?.blocks ?? [];
    return !isSigned(message) || first?.type === "thinking" ? message : (first ?? message);
  });
  return {
    messages: kept,
    ...(bound.place && { place: bound.place }),
    unbound() {
      return kept.some(isSigned) ? messagesOf(kept, unboundPieces(bound, { tools }), tools) : undefined;
    },
  };
}

/** Returns whether a message has signed thinking: OpenRouter's details, or LiteLLM's blocks. */
function isSigned({ reasoning_details, thinking_blocks }: JsonObject): boolean {
  return (reasoning_details ?? thinking_blocks) !== undefined;
}
