/** Messages → the turns of an Anthropic Messages request. */

import { base64TextOf } from "../base64.ts";
import type { Tool } from "../client.ts";
import { SendError } from "../errors.ts";
import type { AssistantTurn, ContentPart, Message, ToolMessage, UserMessage } from "../message.ts";
import { inlined, textOf } from "./attachments.ts";
import { argumentsObject } from "./call-arguments.ts";
import { ANTHROPIC_NAMES } from "./call-ids.ts";
import { type CallRules, callsById, type HistoryCalls, historyCalls, type SentCall } from "./history-calls.ts";
import { mediaIn } from "./media-parts.ts";
import { withMovedMedia } from "./media-turns.ts";
import { OPENING } from "./opening.ts";
import { ownReplayOf, saysStill } from "./own-replay.ts";
import type { Endpoint } from "./protocol.ts";
import { wellFormed } from "./well-formed.ts";

/** The protocol's name in `Replay.protocol`. */
export const ANTHROPIC_MESSAGES = "anthropic-messages";

/** As it stands in `Replay.data`: the reply's blocks, in order, as they came. */
export interface AnthropicReplay {
  readonly blocks: readonly unknown[];
}

export type Block = Readonly<Record<string, unknown>>;

/** One turn on the wire. */
export interface WireTurn {
  readonly role: "user" | "assistant";
  readonly content: Block[];
}

/** Neighbours of one role are one turn, and results stand before words: the protocol wants both. */
export function turnsOf(given: readonly Message[], calls: HistoryCalls, endpoint: Endpoint): readonly WireTurn[] {
  const messages = withMovedMedia(given, {
    carries: () => false,
    takes: ({ mediaType, fileId }) => IMAGES.includes(mediaType) && fileId === undefined,
  });
  const turns: WireTurn[] = [];
  for (const [index, message] of messages.entries()) {
    if (message.role === "system") continue;
    const role = message.role === "assistant" ? "assistant" : "user";
    const blocks = blocksOf(message, index, calls, endpoint);
    if (blocks.length === 0) continue;
    const last = turns.at(-1);
    if (last?.role === role) last.content.push(...blocks);
    else turns.push({ role, content: [...blocks] });
  }
  trimPrefill(turns);
  if (turns[0]?.role === "assistant") turns.unshift({ role: "user", content: [textBlock(OPENING)] });
  return turns;
}

/** Words put into the model's mouth must not end in white space, nor be nothing else. */
function trimPrefill(turns: WireTurn[]): void {
  const last = turns.at(-1);
  const words = last?.role === "assistant" ? last.content.at(-1) : undefined;
  if (!last || words?.type !== "text" || typeof words.text !== "string") return;
  const text = words.text.trimEnd();
  last.content.splice(-1, 1, ...(text === "" ? [] : [{ ...words, text }]));
  if (last.content.length === 0) turns.pop();
}

/** Other providers' ids may hold characters that this one refuses. */
const CALL_RULES: CallRules = { names: ANTHROPIC_NAMES, legalId: (id) => id.replace(/[^\w-]/g, "_") };

/** The calls of the conversation as this provider takes them. */
export function callsOf(messages: readonly Message[], tools: readonly Tool[] | undefined): HistoryCalls {
  return historyCalls(messages, tools, CALL_RULES);
}

function blocksOf(
  message: UserMessage | AssistantTurn | ToolMessage,
  index: number,
  calls: HistoryCalls,
  endpoint: Endpoint,
): readonly Block[] {
  switch (message.role) {
    case "user":
      return typeof message.content === "string"
        ? textBlocks(message.content)
        : message.content.flatMap((part) => wirePart(part, endpoint));
    case "assistant":
      return assistantBlocks(message, calls.callsAt(index), endpoint);
    case "tool":
      return [
        {
          type: "tool_result",
          tool_use_id: calls.answeredAt(index).id,
          ...(message.content !== "" && { content: wellFormed(message.content) }),
          ...(message.isError && { is_error: true }),
        },
      ];
  }
}

/** The blocks as they came, if they are this provider's, and still say what the turn says; else written anew. */
function assistantBlocks(turn: AssistantTurn, calls: readonly SentCall[], endpoint: Endpoint): readonly Block[] {
  const own = ownReplayOf<AnthropicReplay>(turn, endpoint, ANTHROPIC_MESSAGES);
  if (own && isUnchanged(turn, own.before, own.data.blocks)) {
    const blocks = own.data.blocks.filter((block): block is Block => mayGoBack(block, own.model, endpoint.model));
    return [...textBlocks(own.before), ...blocks.map(callBlocks(calls))];
  }
  const uses = calls.map(({ call, id, name }) => ({
    type: "tool_use",
    id,
    name,
    input: argumentsObject(call.arguments),
  }));
  return [...textBlocks(turn.content), ...uses];
}

/** Puts the names and ids under which calls are sent into the blocks as they came. */
function callBlocks(calls: readonly SentCall[]): (block: Block) => Block {
  const sentCall = callsById(calls);
  return (block) => {
    const sent = block.type === "tool_use" ? sentCall(block.id) : undefined;
    return sent ? { ...block, id: sent.id, name: sent.name } : block;
  };
}

function isUnchanged(turn: AssistantTurn, before: string, blocks: readonly unknown[]): boolean {
  if (!Array.isArray(blocks)) return false;
  const said = blocks as readonly { readonly type?: string; readonly text?: string; readonly id?: string }[];
  const text = said.map((block) => (block.type === "text" ? (block.text ?? "") : "")).join("");
  const ids = said.flatMap((block) => (block.type === "tool_use" ? [block.id] : []));
  return saysStill(turn, before + text, ids);
}

/** Empty text is refused, and so is thinking that is not signed; signatures hold for the model that wrote them. */
function mayGoBack(block: unknown, writtenBy: string | undefined, model: string): boolean {
  const { type, text, signature } = block as {
    readonly type?: string;
    readonly text?: string;
    readonly signature?: string;
  };
  if (type === "text") return text !== "" && text !== undefined;
  if (type === "thinking") return Boolean(signature) && writtenBy === model;
  // What a gateway's model drew goes back in the user's turn.
  if (mediaIn({ ...(block as Block) })) return false;
  return type !== "redacted_thinking" || writtenBy === model;
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
    const source = { type: "text", media_type: "text/plain", data: wellFormed(textOf(part.data)) };
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

function textBlocks(text: string): readonly Block[] {
  return text === "" ? [] : [textBlock(text)];
}

export function textBlock(text: string): Block {
  return { type: "text", text: wellFormed(text) };
}
