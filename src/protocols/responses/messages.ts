/** Messages → the input items of a Responses request. */

import { SendError } from "../../contract/errors.ts";
import type { AssistantTurn, ContentPart, Message } from "../../contract/message.ts";
import type { JsonObject } from "../../platform/json-object.ts";
import { isJson, wellFormedJson } from "../../platform/json-text.ts";
import { type Attachment, dataUrlOf, inlined } from "../common/attachments.ts";
import { completeMedia, withMovedMedia } from "../common/media-history.ts";
import { wellFormed } from "../common/message-text.ts";
import { isUnedited, type OwnReplay, ownReplayOf } from "../common/replay.ts";
import { argumentsJson } from "../common/tool-call-arguments.ts";
import { callsById, historyCalls, type SentCall } from "../common/tool-call-history.ts";
import { holdsSignature, OPENAI_NAMES, shortCallId } from "../common/tool-call-ids.ts";
import { isCallersCall } from "./client-tools.ts";
import type { ResponsesContext } from "./context.ts";
import type { ResponsesDialect } from "./dialects.ts";
import { PICTURE_CALL, pictureItem } from "./media.ts";
import { hasContent, inputForm } from "./replay.ts";
import type { ResponseItem } from "./wire.ts";

/** The protocol's name in `Replay.protocol`. */
export const RESPONSES = "responses";

/** The contents of `Replay.data`: the reply's items, in order. */
export interface ResponsesReplay {
  readonly items: readonly ResponseItem[];
}

/** The maximum length of a `call_id`. */
const MAX_ID_LENGTH = 64;

/** Returns the conversation as input items. System messages go into `instructions`, so they are left out. */
export function inputOf(given: readonly Message[], context: ResponsesContext): readonly JsonObject[] {
  const { endpoint, dialect } = context;
  const { model } = endpoint;
  const messages = withMovedMedia(given, {
    carries: (turn, _medium, position) => placesIn(turn, context).includes(position),
    takes: ({ mediaType, fileId }) =>
      fileId === undefined && IMAGES.includes(mediaType) && (dialect.inputs?.(model) ?? ["image"]).includes("image"),
  });
  const calls = historyCalls(messages, context.options.tools, {
    names: OPENAI_NAMES,
    legalId: (id) => shortCallId(id, MAX_ID_LENGTH),
    keepsId: (id, turn) =>
      holdsSignature(id) && ownReplayOf<ResponsesReplay>(turn, endpoint, RESPONSES)?.isFromAccount === true,
  });
  /** Types of the sent calls by their ids: results of tools that take plain text have another type. */
  const types = new Map<unknown, unknown>();
  const input: JsonObject[] = [];
  for (const [index, message] of messages.entries()) {
    if (message.role === "user") input.push({ role: "user", content: userContent(message.content, context) });
    else if (message.role === "assistant") {
      const items = turnItems(message, calls.callsAt(index), context);
      for (const { type, call_id } of items) if (call_id !== undefined) types.set(call_id, type);
      input.push(...items);
    } else if (message.role === "tool") {
      const { id } = calls.answeredAt(index);
      const type = types.get(id) === "custom_tool_call" ? "custom_tool_call_output" : "function_call_output";
      input.push({ type, call_id: id, output: wellFormed(message.content) });
    }
  }
  return input;
}

/**
 * Returns the items as they came, if they are this provider's and the turn is unedited. Otherwise it builds new ones.
 */
function turnItems(turn: AssistantTurn, calls: readonly SentCall[], context: ResponsesContext): readonly JsonObject[] {
  const { endpoint, dialect } = context;
  const own = ownReplayOf<ResponsesReplay>(turn, endpoint, RESPONSES);
  if (own && isUnchanged(turn, own.before, own.data.items, dialect)) {
    const items = replayed(turn, own.data.items, calls, isReadable(own, context), dialect);
    return [...textItems(own.before), ...items, ...textItems(unclosedText(turn, own))];
  }
  return [
    ...textItems(turn.content),
    ...calls.map(({ call, id, name }) => ({
      type: "function_call",
      call_id: id,
      name,
      arguments: argumentsJson(call),
    })),
  ];
}

/** Returns whether the requested model can read the encrypted content. */
function isReadable({ model, isFromAccount }: OwnReplay<unknown>, { endpoint }: ResponsesContext): boolean {
  return model === endpoint.model && isFromAccount;
}

/** Returns the positions of the images that go back with their items. */
function placesIn(turn: AssistantTurn, context: ResponsesContext): readonly unknown[] {
  const { endpoint, dialect } = context;
  const own = ownReplayOf<ResponsesReplay>(turn, endpoint, RESPONSES);
  if (!own || !isUnchanged(turn, own.before, own.data.items, dialect)) return [];
  return kept(own.data.items, [], isReadable(own, context), dialect).map(
    ({ type, media }) => type === PICTURE_CALL && media,
  );
}

function textItems(text: string): readonly JsonObject[] {
  return text === "" ? [] : [{ role: "assistant", content: [{ type: "output_text", text: wellFormed(text) }] }];
}

/**
 * Returns the items in the form that requests take. Reasoning goes back encrypted, to the model and the account that
 * wrote it, and never without the item that follows it. Items of provider tools go back only with their reasoning.
 * Messages and calls go without ids: the server would look them up, although it has not stored them.
 * @param canReadReasoning whether the requested model can read the encrypted content
 * @see https://platform.openai.com/docs/guides/reasoning#encrypted-reasoning-items
 */
function replayed(
  turn: AssistantTurn,
  items: readonly ResponseItem[],
  calls: readonly SentCall[],
  canReadReasoning: boolean,
  dialect: ResponsesDialect,
): readonly JsonObject[] {
  const media = completeMedia(turn);
  const sent = kept(items, calls, canReadReasoning, dialect).flatMap((item): readonly JsonObject[] => {
    const back = item.type === PICTURE_CALL ? pictureItem(item, media) : item;
    return back ? [back] : [];
  });
  // The item after reasoning may stay out, as a message without text does.
  return sent.slice(0, sent.findLastIndex(({ type }) => type !== "reasoning") + 1);
}

function kept(
  items: readonly ResponseItem[],
  calls: readonly SentCall[],
  canReadReasoning: boolean,
  dialect: ResponsesDialect,
): readonly JsonObject[] {
  const sentCall = callsById(calls);
  /** The reasoning before the item does not go back. */
  let isWithoutReasoning = !canReadReasoning;
  return items.flatMap((item): readonly JsonObject[] => {
    if (item.type === "reasoning") {
      isWithoutReasoning = !canReadReasoning || !item.encrypted_content;
      return isWithoutReasoning ? [] : [inputForm(item)];
    }
    if (item.type === "message") return hasContent(item) ? [inputForm(item)] : [];
    if (isCallersCall(item, dialect)) return [callItem(inputForm(item), sentCall(item.call_id))];
    // A function call requires an output, even one that the provider has run.
    return isWithoutReasoning || item.type === "function_call" ? [] : [inputForm(item)];
  });
}

/** Returns the call as it came, with the name and the id under which it is sent. */
function callItem({ id: _id, status: _status, ...item }: JsonObject, sent: SentCall | undefined): JsonObject {
  return {
    ...item,
    ...(sent && { call_id: sent.id, name: sent.name }),
    ...(typeof item.arguments === "string" && (!sent || isObjectJson(item.arguments))
      ? { arguments: wellFormedJson(item.arguments) }
      : sent && item.type === "function_call" && { arguments: argumentsJson(sent.call) }),
  };
}

/** Returns whether arguments are in the form that a server takes back: forms of gateways are not. */
function isObjectJson(json: string): boolean {
  return json.trimStart().startsWith("{") && isJson(json);
}

function isUnchanged(
  turn: AssistantTurn,
  before: string,
  items: readonly ResponseItem[],
  dialect: ResponsesDialect,
): boolean {
  if (!Array.isArray(items)) return false;
  const text = before + textOfItems(items);
  const ids = items.filter((item) => isCallersCall(item, dialect)).map((item) => item.call_id);
  return isUnedited(turn, turn.interrupted && turn.content.startsWith(text) ? turn.content : text, ids);
}

/** Returns the text of a cut reply's last message, which never ended and is not an item. */
function unclosedText({ content }: AssistantTurn, { before, data }: OwnReplay<ResponsesReplay>): string {
  return content.slice(before.length + textOfItems(data.items).length);
}

function textOfItems(items: readonly ResponseItem[]): string {
  return items.map((item) => (item.type === "message" ? textOfItem(item) : "")).join("");
}

function textOfItem(item: ResponseItem): string {
  const parts = Array.isArray(item.content) ? (item.content as readonly Record<string, unknown>[]) : [];
  return parts.map((part) => String(part.text ?? part.refusal ?? "")).join("");
}

function userContent(content: string | readonly ContentPart[], context: ResponsesContext): unknown {
  return typeof content === "string"
    ? wellFormed(content)
    : content.map((part) => (part.type === "text" ? textPart(part.text) : wirePart(inlined(part), context)));
}

function textPart(text: string): JsonObject {
  return { type: "input_text", text: wellFormed(text) };
}

function wirePart(part: Attachment, { endpoint, dialect }: ResponsesContext): JsonObject {
  const { provider, model } = endpoint;
  const { inputs, refusesInlineFiles } = dialect;
  const { mediaType } = part;
  if (mediaType?.startsWith("audio/"))
    throw new SendError("unsupported", `${provider} does not take sounds over Responses. Try \`api: "chat"\`.`);
  if (mediaType?.startsWith("video/")) throw new SendError("unsupported", `${provider} does not take videos.`);
  const kind = part.type === "image" || mediaType?.startsWith("image/") ? "image" : "file";
  if (inputs && !inputs(model).includes(kind)) throw new SendError("unsupported", `${model} does not take ${kind}s.`);
  if (kind === "image") {
    if (mediaType !== undefined && !IMAGES.includes(mediaType))
      throw new SendError("unsupported", `${provider} takes images as PNG, JPEG, WebP or GIF, not as ${mediaType}.`);
    if ("fileId" in part) return { type: "input_image", file_id: part.fileId };
    return { type: "input_image", image_url: "url" in part ? part.url : dataUrlOf(part) };
  }
  if ("fileId" in part) return { type: "input_file", file_id: part.fileId };
  if ("url" in part) return { type: "input_file", file_url: part.url };
  if (refusesInlineFiles)
    throw new SendError("unsupported", `${provider} takes files by URL or file id, not as bytes.`);
  const filename = (part.type === "file" && part.filename) || "file";
  return { type: "input_file", filename, file_data: dataUrlOf(part) };
}

const IMAGES = ["image/png", "image/jpeg", "image/webp", "image/gif"];
