/** Messages → the messages of a Chat Completions request. */

import { SendError } from "../../contract/errors.ts";
import type { AssistantTurn, ContentPart, Media, Message, SystemMessage, UserMessage } from "../../contract/message.ts";
import { base64TextOf } from "../../platform/base64.ts";
import type { JsonObject } from "../../platform/json-object.ts";
import { type Attachment, dataUrlOf, inlined } from "../common/attachments.ts";
import { completeMedia, withMovedMedia } from "../common/media-history.ts";
import { wellFormed, withoutBlankText } from "../common/message-text.ts";
import { originOf, ownReplayOf } from "../common/replay.ts";
import { argumentsJson } from "../common/tool-call-arguments.ts";
import { type HistoryCalls, historyCalls, type SentCall } from "../common/tool-call-history.ts";
import { callIdOf, holdsSignature, OPENAI_NAMES, shortCallId } from "../common/tool-call-ids.ts";
import { meaningOf } from "../common/wire-values.ts";
import type { ChatContext } from "./context.ts";
import type { ChatDialect, InputKind } from "./dialects.ts";
import type { ReasoningReplay } from "./reasoning-replay.ts";
import { type ChatReplay, PROTOCOL_NAME } from "./replay.ts";
import { inOrder } from "./turn-order.ts";

/** @param places receives the place of each sent message in its conversation, if its reply states it */
export function wireMessagesOf(
  given: readonly Message[],
  context: ChatContext,
  places: Map<JsonObject, unknown> = new Map(),
): readonly JsonObject[] {
  const { endpoint, dialect } = context;
  const turns = dialect.refusesBlankText?.test(endpoint.model) ? withoutBlankText(given) : given;
  const wired = isBeginning(turns)
    ? turns.map((message) => plainMessage(message, context))
    : wiredTurns(turns, context, places);
  const order = dialect.turnOrder?.(endpoint.model, originOf(endpoint.baseUrl));
  return order ? inOrder(wired, order) : wired;
}

/** Whether no model has said anything yet: there are no calls, no media of replies, and nothing to replay. */
function isBeginning(messages: readonly Message[]): messages is readonly (SystemMessage | UserMessage)[] {
  return messages.every(({ role }) => role === "user" || role === "system");
}

function wiredTurns(
  turns: readonly Message[],
  context: ChatContext,
  places: Map<JsonObject, unknown>,
): readonly JsonObject[] {
  const { endpoint, dialect } = context;
  const messages = withMovedMedia(turns, {
    carries: (turn, medium) => (isPicture(medium) ? isCarried(medium, dialect) : soundOf(turn, context) !== undefined),
    takes: ({ fileId }) => fileId === undefined && (dialect.inputs?.(endpoint.model) ?? ["image"]).includes("image"),
  });
  const lastWords = messages.findLastIndex(({ role }) => role === "user");
  const calls = historyCalls(messages, context.options.tools, {
    names: OPENAI_NAMES,
    legalId: (id) => wireCallId(id, dialect),
    keepsId: (id, turn) =>
      holdsSignature(id) && ownReplayOf<ChatReplay>(turn, endpoint, PROTOCOL_NAME)?.isFromAccount === true,
  });
  return messages.flatMap((message, at) => {
    const sent = wireMessages(message, at, calls, at > lastWords, context);
    const data = message.role === "assistant" ? message.replay?.data : undefined;
    if (typeof data === "object" && data !== null && "place" in data)
      for (const each of sent) places.set(each, data.place);
    return sent;
  });
}

function plainMessage(message: SystemMessage | UserMessage, context: ChatContext): JsonObject {
  const { role, content } = message;
  return { role, content: userContent(content, context) };
}

function wireMessages(
  message: Message,
  at: number,
  calls: HistoryCalls,
  isInLoop: boolean,
  context: ChatContext,
): readonly JsonObject[] {
  switch (message.role) {
    case "system":
    case "user":
      return [plainMessage(message, context)];
    case "assistant":
      return assistantMessage(message, calls.callsAt(at), isInLoop, context);
    case "tool":
      return [{ role: "tool", tool_call_id: calls.answeredAt(at).id, content: wellFormed(message.content) }];
  }
}

function assistantMessage(
  turn: AssistantTurn,
  calls: readonly SentCall[],
  isInLoop: boolean,
  context: ChatContext,
): readonly JsonObject[] {
  const { endpoint, dialect } = context;
  const { model } = endpoint;
  const sound = soundOf(turn, context);
  if (sound !== undefined) return [{ role: "assistant", audio: { id: sound } }];
  const images = completeMedia(turn).filter((medium) => isCarried(medium, dialect));
  // Nearly every server refuses a turn with neither text nor calls.
  if (turn.content === "" && calls.length === 0 && images.length === 0) return [];
  const own = ownReplayOf<ChatReplay>(turn, endpoint, PROTOCOL_NAME);
  const { details, blocks, reasoning, parts, callFields }: ChatReplay = own?.data ?? {};
  // Signed and encrypted thinking is valid only for the model that wrote it.
  const isSameModel = own?.isFromHere === true && (own.model ?? model) === model;
  const rule = dialect.reasoningReplay?.(model, originOf(endpoint.baseUrl));
  const fields = own?.isFromAccount ? callFields : unsignedFields(callFields);
  const before = own?.before ?? "";
  const keepsParts = parts !== undefined && isSameModel && before + partsText(parts) === turn.content;
  const written = before === "" ? parts : [{ type: "text", text: wellFormed(before) }, ...(parts ?? [])];
  return [
    {
      role: "assistant",
      content: keepsParts ? written : turn.content === "" && images.length === 0 ? null : wellFormed(turn.content),
      ...(images.length > 0 && { images: images.map(wireImage) }),
      ...reasoningFields(own?.isFromHere ? reasoning : undefined, turn.content, calls.length > 0, isInLoop, rule),
      ...(isSameModel &&
        own.isFromAccount && {
          ...(details && { reasoning_details: detailsFor(calls, details) }),
          ...(blocks && { thinking_blocks: blocks }),
        }),
      ...(calls.length > 0 && { tool_calls: calls.map((call, at) => wireCall(call, at, fields, model, context)) }),
    },
  ];
}

function wireCall(
  { call, id, name }: SentCall,
  at: number,
  callFields: ChatReplay["callFields"],
  model: string,
  { dialect }: ChatContext,
): JsonObject {
  const { isSignedFirst } = dialect;
  const { arguments: args } = call;
  const own = meaningOf(callFields ?? {}, call.id);
  return {
    ...(at === 0 && own?.extra_content === undefined && isSignedFirst?.(model) && UNSIGNED),
    ...own,
    id,
    ...(typeof args === "string" && own?.type === "custom"
      ? { type: "custom", custom: { name, input: wellFormed(args) } }
      : { type: "function", function: { name, arguments: argumentsJson(call) } }),
  };
}

/** Returns the type of each call, without what was signed for another account or at another address. */
function unsignedFields(callFields: ChatReplay["callFields"]): ChatReplay["callFields"] {
  const kept = Object.entries(callFields ?? {}).flatMap(([id, { type }]) =>
    type === undefined ? [] : [[id, { type }]],
  );
  return Object.fromEntries(kept);
}

/** Returns the details with the ids under which their calls are sent. */
function detailsFor(calls: readonly SentCall[], details: readonly unknown[]): readonly unknown[] {
  return details.map((detail) => {
    const id = (detail as JsonObject | null)?.id;
    const sent = calls.find(({ call }) => call.id === id);
    return sent ? { ...(detail as JsonObject), id: sent.id } : detail;
  });
}

function isPicture({ mediaType }: Media): boolean {
  return mediaType.startsWith("image/");
}

/** Returns whether an image goes back in the turn that generated it. */
function isCarried(medium: Media, { replaysImages }: ChatDialect): boolean {
  return replaysImages === true && isPicture(medium) && medium.fileId === undefined;
}

function wireImage({ mediaType, data, url }: Media): JsonObject {
  return { type: "image_url", image_url: { url: url ?? dataUrlOf({ mediaType, data: data ?? "" }) } };
}

/** Safety margin in milliseconds: an id that may expire during the request counts as expired. */
const EXPIRY_MARGIN_MS = 30_000;

/**
 * Returns the id by which a turn's sound goes back, which includes its transcript. After its expiry, only the
 * transcript goes back.
 */
function soundOf(turn: AssistantTurn, { endpoint, dialect }: ChatContext): string | undefined {
  const { replaysSounds } = dialect;
  if (!replaysSounds || turn.toolCalls?.length || !turn.media?.length) return undefined;
  const own = ownReplayOf<ChatReplay>(turn, endpoint, PROTOCOL_NAME);
  const { id, expiresAt = 0 } = (own?.isFromAccount ? own.data.sound : undefined) ?? {};
  const [sound] = completeMedia(turn);
  const isUnchanged = sound?.id === id && (sound?.transcript ?? "") === turn.content;
  const isAlive = expiresAt > (endpoint.at ?? Number.POSITIVE_INFINITY) + EXPIRY_MARGIN_MS;
  return isUnchanged && isAlive ? id : undefined;
}

/** The value that Gemini takes as the signature of a call that never had one. */
const UNSIGNED = { extra_content: { google: { thought_signature: "skip_thought_signature_validator" } } };

/** Returns the fields of plain thinking where the server requires them, even for a turn without thinking. */
function reasoningFields(
  reasoning: ChatReplay["reasoning"],
  text: string,
  hasCalls: boolean,
  isInLoop: boolean,
  rule: ReasoningReplay | undefined,
): JsonObject {
  const { turns, missing, notWithTextAndCalls } = rule ?? {};
  const isRefused = notWithTextAndCalls && hasCalls && text !== "";
  const kept = !isRefused && (turns === "all" || (turns === "loop" && isInLoop)) ? reasoning : undefined;
  // A server that requires the field requires it of every turn, also of those that another model wrote.
  const isDemanded = missing !== undefined && (missing.turns === "all" || hasCalls);
  return {
    ...(isDemanded && { reasoning_content: kept?.text ?? missing.text }),
    ...(kept && { [kept.field]: kept.text }),
  };
}

/** Returns the text of the parts that a server sent. */
function partsText(parts: readonly unknown[]): string {
  const texts = parts as readonly { readonly type?: unknown; readonly text?: unknown }[];
  return texts.map(({ type, text }) => (type === "text" && typeof text === "string" ? text : "")).join("");
}

/**
 * Returns a plain string where there is only text: some servers refuse arrays, and some models imitate them in their
 * answer.
 */
function userContent(content: string | readonly ContentPart[], context: ChatContext): unknown {
  if (typeof content === "string") return wellFormed(content);
  if (content.every((part) => part.type === "text")) return wellFormed(content.map((part) => part.text).join("\n"));
  return content.map((part) => wirePart(part, context));
}

function wirePart(given: ContentPart, { endpoint, dialect }: ChatContext): JsonObject {
  const { inputs, filePart } = dialect;
  if (given.type === "text") return { type: "text", text: wellFormed(given.text) };
  const part = inlined(given);
  const kind = kindOf(part);
  const { provider, model } = endpoint;
  const taken = inputs?.(model) ?? ["image", "file", "audio"];
  if (!taken.includes(kind)) throw notTaken(provider, `${NAMES[kind]} for ${model}`);
  switch (kind) {
    case "image":
      if ("fileId" in part) throw notTaken(provider, "an image by file id; give its bytes or a URL");
      return { type: "image_url", image_url: { url: "url" in part ? part.url : dataUrlOf(part) } };
    case "audio":
      if (!("data" in part)) throw notTaken(provider, "a sound except by its bytes");
      return { type: "input_audio", input_audio: { data: base64TextOf(part.data), format: formatOf(part, provider) } };
    case "file":
      if (filePart && !("fileId" in part))
        return { type: filePart, [filePart]: "url" in part ? part.url : dataUrlOf(part) };
      if ("url" in part) throw notTaken(provider, "a file by URL; give its bytes or a file id");
      if ("fileId" in part) return { type: "file", file: { file_id: part.fileId } };
      return {
        type: "file",
        file: { filename: (part.type === "file" && part.filename) || "file", file_data: dataUrlOf(part) },
      };
  }
}

const NAMES: Readonly<Record<InputKind, string>> = { image: "images", file: "files", audio: "sounds" };

function kindOf({ type, mediaType }: Attachment): InputKind {
  if (type === "image" || mediaType?.startsWith("image/")) return "image";
  return mediaType?.startsWith("audio/") ? "audio" : "file";
}

/** Returns the format of a sound. OpenAI takes two, other servers more. */
function formatOf({ mediaType }: { readonly mediaType: string }, provider: string): string {
  const format = mediaType.replace(/^audio\/(x-)?/, "");
  if (/^wave?$/.test(format)) return "wav";
  if (/^(mp3|mpeg)$/.test(format)) return "mp3";
  if (provider === "openai") throw notTaken(provider, `${mediaType}; give WAV or MP3`);
  return format;
}

function notTaken(provider: string, what: string): SendError {
  return new SendError("unsupported", `${provider} does not take ${what} over Chat Completions.`);
}

/** Returns an id that the vendor takes. Mistral takes exactly nine letters and digits. */
function wireCallId(id: string, { nineCharacterIds, maxCallIdLength }: ChatDialect): string {
  if (nineCharacterIds) return /^[A-Za-z0-9]{9}$/.test(id) ? id : callIdOf(id, 9);
  return maxCallIdLength === undefined ? id : shortCallId(id, maxCallIdLength);
}
