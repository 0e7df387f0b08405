/** Messages → the turns of an Anthropic Messages request. */

import { SendError } from "../../contract/errors.ts";
import type { AssistantTurn, ContentPart, Message, ToolMessage, UserMessage } from "../../contract/message.ts";
import type { Tool } from "../../contract/options.ts";
import { base64TextOf } from "../../platform/base64.ts";
import { isJsonObject, type JsonObject } from "../../platform/json-object.ts";
import { inlined, utf8Text } from "../common/attachments.ts";
import { mediaIn } from "../common/media-decoding.ts";
import { withMovedMedia } from "../common/media-history.ts";
import { OPENING, wellFormed } from "../common/message-text.ts";
import { isUnedited, originOf, ownReplayOf } from "../common/replay.ts";
import type { Piece } from "../common/thinking-binding.ts";
import { placeIn, type ThinkingPlace } from "../common/thinking-place.ts";
import { argumentsObject, rawArgumentsOf } from "../common/tool-call-arguments.ts";
import { callsById, type HistoryCalls, historyCalls, type SentCall } from "../common/tool-call-history.ts";
import { ANTHROPIC_NAMES, holdsSignature, shortCallId } from "../common/tool-call-ids.ts";
import type { Endpoint, RequestContext } from "../protocol.ts";
import { demandsThinking, isClaudes, shareSignatures, thinksUnsigned } from "./hosts.ts";

/** The protocol's name in `Replay.protocol`. */
export const ANTHROPIC_MESSAGES = "anthropic-messages";

/** The contents of `Replay.data`: the reply's blocks, in order, as they came, and their place in the conversation. */
export interface AnthropicReplay {
  readonly blocks: readonly unknown[];
  readonly place?: ThinkingPlace;
}

export type Block = JsonObject;

/** One turn on the wire. */
export interface WireTurn {
  readonly role: "user" | "assistant";
  readonly content: Block[];
}

/** Returns the messages as blocks, without system messages and empty messages. */
export function piecesOf(
  conversation: readonly Message[],
  calls: HistoryCalls,
  context: RequestContext,
): readonly Piece[] {
  const messages = withMovedMedia(conversation, {
    carries: () => false,
    takes: ({ mediaType, fileId }) => IMAGES.includes(mediaType) && fileId === undefined,
  });
  const given = messages.map((message, index) => pieceOf(message, index, calls, context));
  const pieces = thinksOnDemand(context) ? given.map(withThinking) : given;
  return withTrimmedPrefill(withoutOpenTools(pieces).filter(({ blocks }) => blocks.length > 0));
}

/** Returns whether the requested server demands thinking in earlier replies, as it does while its model thinks. */
function thinksOnDemand({ endpoint, options }: RequestContext): boolean {
  const own = options.providerOptions?.thinking;
  const isOff = isJsonObject(own) ? own.type === "disabled" : options.reasoning === "none";
  return !isOff && demandsThinking(endpoint.model, originOf(endpoint.baseUrl));
}

/** Returns the message with empty thinking, if it has calls and another model wrote it, or none was thought. */
function withThinking(piece: Piece): Piece {
  const { blocks } = piece;
  const isUnthought = blocks.some(({ type }) => type === "tool_use") && !blocks.some(isThinking);
  return isUnthought ? { ...piece, blocks: [{ type: "thinking", thinking: "" }, ...blocks] } : piece;
}

function isThinking({ type }: Block): boolean {
  return type === "thinking" || type === "redacted_thinking";
}

function pieceOf(message: Message, index: number, calls: HistoryCalls, context: RequestContext): Piece {
  switch (message.role) {
    case "system":
      return { role: "user", blocks: [] }; // it has a place of its own
    case "user":
      return { role: "user", blocks: userBlocks(message, context) };
    case "tool":
      return { role: "user", blocks: [resultBlock(message, calls.answeredAt(index).id)] };
    case "assistant":
      return { role: "assistant", ...assistantBlocks(message, calls.callsAt(index), context) };
  }
}

/**
 * Returns the messages as turns. The protocol requires that roles alternate, that results precede text, and that
 * the user begins.
 */
export function turnsOf(pieces: readonly Piece[]): readonly WireTurn[] {
  const turns: WireTurn[] = [];
  for (const { role, blocks } of pieces) {
    if (blocks.length === 0) continue;
    const last = turns.at(-1);
    if (last?.role === role) last.content.push(...blocks);
    else turns.push({ role, content: [...blocks] });
  }
  if (turns[0]?.role === "assistant") turns.unshift({ role: "user", content: [textBlock(OPENING)] });
  return turns;
}

/** Trims a prefill: it must not end in white space, nor be only white space. */
function withTrimmedPrefill(pieces: readonly Piece[]): readonly Piece[] {
  const last = pieces.at(-1);
  const words = last?.role === "assistant" ? last.blocks.at(-1) : undefined;
  if (!last || words?.type !== "text" || typeof words.text !== "string") return pieces;
  return pieces.with(-1, { ...last, blocks: last.blocks.with(-1, { ...words, text: words.text.trimEnd() }) });
}

/**
 * Removes calls of provider tools without results, and results without calls: the server refuses both. A call in the
 * last message stays, since the provider continues it (`pause_turn`).
 */
function withoutOpenTools(pieces: readonly Piece[]): readonly Piece[] {
  if (!pieces.some(({ role }) => role === "assistant")) return pieces; // both stand in replies
  const all = pieces.flatMap(({ blocks }) => blocks);
  const called = new Set(all.flatMap((block) => (isProviderCall(block) ? [block.id] : [])));
  const answers = all.filter(isProviderResult);
  if (called.size === 0 && answers.length === 0) return pieces;
  const going = new Set(answers.map(({ tool_use_id }) => tool_use_id));
  // Code that calls the caller's tools waits for their results, and gets its own result later.
  for (const { caller } of all) if (isJsonObject(caller)) going.add(caller.tool_id);
  const open = pieces.findLastIndex(({ role }) => role === "user") + 1;
  return pieces.map((piece, at) => ({
    ...piece,
    blocks: piece.blocks.filter((block) => {
      if (isProviderCall(block)) return at >= open || going.has(block.id);
      return !isProviderResult(block) || called.has(block.tool_use_id);
    }),
  }));
}

function isProviderCall({ type }: Block): boolean {
  return type === "server_tool_use" || type === "mcp_tool_use";
}

function isProviderResult({ type }: Block): boolean {
  return typeof type === "string" && type.endsWith("_tool_result");
}

/**
 * Returns whether the conversation ends in a reply that the provider has paused and will continue.
 * @see https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
 */
export function isPaused(messages: readonly Message[], pieces: readonly Piece[]): boolean {
  const last = messages.at(-1);
  if (last?.role !== "assistant") return false;
  if ("rawFinishReason" in last && (last.rawFinishReason === "pause_turn" || last.rawFinishReason === "compaction"))
    return true;
  return pieces.at(-1)?.blocks.some((block) => isProviderCall(block) || block.type === "compaction") ?? false;
}

/** Returns the calls of the conversation as this provider takes them. */
export function callsOf(
  messages: readonly Message[],
  tools: readonly Tool[] | undefined,
  endpoint: Endpoint,
): HistoryCalls {
  return historyCalls(messages, tools, {
    names: ANTHROPIC_NAMES,
    // Other providers' ids may hold characters that Claude refuses.
    legalId: (id) => (holdsSignature(id) ? shortCallId(id, 0) : id.replace(/[^\w-]/g, "_")),
    keepsId: (id, turn) => isOwnId(id, turn, endpoint),
  });
}

/**
 * Returns whether an id is of this server and this model, which takes it back with any characters, and may read it:
 * LiteLLM keeps signatures in ids, and Kimi numbers its calls there. A gateway may also send the next request of a
 * model called Claude to Claude itself.
 */
function isOwnId(id: string, turn: AssistantTurn, endpoint: Endpoint): boolean {
  const { model, baseUrl } = endpoint;
  const own = ownReplayOf<AnthropicReplay>(turn, endpoint, ANTHROPIC_MESSAGES);
  if (!own?.isFromHere || own.model !== model || isClaudes(originOf(baseUrl))) return false;
  return holdsSignature(id) ? own.isFromAccount : !/claude/.test(model);
}

function userBlocks({ content }: UserMessage, { endpoint }: RequestContext): readonly Block[] {
  return typeof content === "string" ? textBlocks(content) : content.flatMap((part) => wirePart(part, endpoint));
}

function resultBlock({ content, isError }: ToolMessage, callId: string): Block {
  return {
    type: "tool_result",
    tool_use_id: callId,
    ...(content.trim() !== "" && { content: wellFormed(content) }),
    ...(isError && { is_error: true }),
  };
}

/**
 * Returns the blocks as they came, if they are this provider's and the turn is unedited. Otherwise it builds new ones.
 */
function assistantBlocks(
  turn: AssistantTurn,
  calls: readonly SentCall[],
  { endpoint }: RequestContext,
): Omit<Piece, "role"> {
  const own = ownReplayOf<AnthropicReplay>(turn, endpoint, ANTHROPIC_MESSAGES);
  if (own && isUnchanged(turn, own.before, own.data.blocks)) {
    const address = originOf(endpoint.baseUrl);
    const isReadable = own.model === endpoint.model && (own.isFromHere || shareSignatures(own.origin, address));
    const mustBeSigned = !(own.isFromHere && thinksUnsigned(endpoint.model, address));
    const place = placeIn(own.data.place);
    const blocks = own.data.blocks
      .filter((block): block is Block => mayGoBack(block, isReadable, mustBeSigned))
      .map(withoutBlankTexts)
      .map(callBlocks(calls));
    return { blocks: [...textBlocks(own.before), ...blocks], ...(place && { place }) };
  }
  const uses = calls.map(({ call, id, name }) => ({
    type: "tool_use",
    id,
    name,
    input: argumentsObject(call),
  }));
  return { blocks: [...textBlocks(turn.content), ...uses] };
}

/** Puts the names and ids under which calls are sent into the blocks as they came. */
function callBlocks(calls: readonly SentCall[]): (block: Block) => Block {
  const sentCall = callsById(calls);
  return (block) => {
    const sent = block.type === "tool_use" ? sentCall(block.id) : undefined;
    if (!sent) return block;
    const exact = rawArgumentsOf(sent.call) === undefined ? {} : { input: argumentsObject(sent.call) };
    return { ...block, id: sent.id, name: sent.name, ...exact };
  };
}

/** Removes blank text from the blocks inside a block. */
function withoutBlankTexts(block: Block): Block {
  const { content } = block;
  if (!Array.isArray(content) || !content.some(isBlankText)) return block;
  return { ...block, content: content.filter((inner) => !isBlankText(inner)) };
}

function isBlankText(block: unknown): boolean {
  return isJsonObject(block) && block.type === "text" && typeof block.text === "string" && block.text.trim() === "";
}

function isUnchanged(turn: AssistantTurn, before: string, blocks: readonly unknown[]): boolean {
  if (!Array.isArray(blocks)) return false;
  const wireBlocks = blocks as readonly { readonly type?: string; readonly text?: string; readonly id?: string }[];
  const text = wireBlocks.map((block) => (block.type === "text" ? (block.text ?? "") : "")).join("");
  const ids = wireBlocks.flatMap((block) => (block.type === "tool_use" ? [block.id] : []));
  return isUnedited(turn, before + text, ids);
}

/**
 * Returns whether a block may go back. The server refuses blank text, unsigned thinking where it must be signed, and
 * another model's signatures.
 */
function mayGoBack(block: unknown, isReadable: boolean, mustBeSigned: boolean): boolean {
  const { type, text, signature } = block as {
    readonly type?: string;
    readonly text?: string;
    readonly signature?: string;
  };
  if (type === "text") return typeof text === "string" && text.trim() !== "";
  if (type === "thinking") return isReadable && (Boolean(signature) || !mustBeSigned);
  // An image of a gateway's model goes back in the user's turn.
  if (mediaIn({ ...(block as Block) })) return false;
  return type !== "redacted_thinking" || isReadable;
}

const IMAGES = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/** @see https://docs.anthropic.com/en/docs/build-with-claude/vision */
function wirePart(given: ContentPart, { provider }: Endpoint): readonly Block[] {
  if (given.type === "text") return textBlocks(given.text);
  const part = inlined(given);
  const { mediaType } = part;
  const isImage = part.type === "image" || mediaType?.startsWith("image/");
  if (isImage && mediaType !== undefined && !IMAGES.includes(mediaType)) {
    throw new SendError("unsupported", `${provider} takes images as PNG, JPEG, GIF or WebP, not as ${mediaType}.`);
  }
  const title = part.type === "file" && part.filename !== undefined ? { title: part.filename } : {};
  if ("fileId" in part) {
    const source = { type: "file", file_id: part.fileId };
    return [isImage ? { type: "image", source } : { type: "document", source, ...title }];
  }
  if (isImage) return [{ type: "image", source: sourceOf(part) }];
  if (mediaType === undefined || mediaType === "application/pdf") {
    return [{ type: "document", source: sourceOf(part), ...title }];
  }
  if ("data" in part && mediaType.startsWith("text/")) {
    const source = { type: "text", media_type: "text/plain", data: wellFormed(utf8Text(part.data)) };
    return [{ type: "document", source, ...title }];
  }
  const what = mediaType.startsWith("text/") ? "text by URL; give its bytes" : mediaType;
  throw new SendError("unsupported", `${provider} takes images, PDFs and plain text, not ${what}.`);
}

function sourceOf(
  part: { readonly url: string } | { readonly data: Uint8Array | string; readonly mediaType: string },
): Block {
  if ("url" in part) return { type: "url", url: part.url };
  return { type: "base64", media_type: part.mediaType, data: base64TextOf(part.data) };
}

/** Returns a text as blocks. Every server refuses text that is only white space. */
export function textBlocks(text: string): readonly Block[] {
  return text.trim() === "" ? [] : [textBlock(text)];
}

function textBlock(text: string): Block {
  return { type: "text", text: wellFormed(text) };
}
