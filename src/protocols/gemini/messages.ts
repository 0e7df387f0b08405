/** Messages → the contents of a Gemini request. */

import { SendError } from "../../contract/errors.ts";
import type { AssistantTurn, ContentPart, Message, ToolMessage } from "../../contract/message.ts";
import { base64TextOf } from "../../platform/base64.ts";
import type { JsonObject } from "../../platform/json-object.ts";
import type { GeminiCapabilities } from "../capabilities/gemini.ts";
import { type Attachment, inlined } from "../common/attachments.ts";
import { completeMedia, withMovedMedia } from "../common/media-history.ts";
import { OPENING, wellFormed } from "../common/message-text.ts";
import { isUnedited, ownReplayOf } from "../common/replay.ts";
import { argumentsObject, rawArgumentsOf } from "../common/tool-call-arguments.ts";
import { type CallRules, callsById, historyCalls, type SentCall } from "../common/tool-call-history.ts";
import { GEMINI_NAMES } from "../common/tool-call-ids.ts";
import type { Endpoint } from "../protocol.ts";
import type { GeminiContext } from "./context.ts";
import { latestMedia, refilled } from "./media.ts";
import type { GeminiPart } from "./wire.ts";

/** The protocol's name in `Replay.protocol`. */
export const GEMINI = "gemini";

/** The contents of `Replay.data`. */
export interface GeminiReplay {
  /** The reply's parts, in order, each with the signature it came with. */
  readonly parts: readonly GeminiPart[];
  /** The ids of its function calls in their order; made up where a part has none. */
  readonly callIds: readonly string[];
}

interface Content {
  readonly role: "user" | "model";
  readonly parts: readonly JsonObject[];
}

/** The value that the server takes as the signature of a call that never had one. */
const NO_SIGNATURE = "skip_thought_signature_validator";

/** The server takes any id that it gave itself. Calls of other providers go without. */
const CALL_RULES: CallRules = { names: GEMINI_NAMES, legalId: (id) => id };

/** Returns the conversation as contents. Results are together, directly after the calls and in their order. */
export function contentsOf(given: readonly Message[], context: GeminiContext): readonly Content[] {
  const latest = latestMedia(given);
  const messages = withMovedMedia(given, {
    carries: (turn, _medium, position) => placesIn(turn, context).includes(position),
    takes: (picture) => !NO_IMAGES.test(picture.mediaType) && picture.fileId === undefined && latest.has(picture),
  });
  const calls = historyCalls(messages, context.options.tools, CALL_RULES);
  const contents: Content[] = [];
  /** The calls of the latest turn of the model, by the ids they are sent with. */
  let asked: ReadonlyMap<string, JsonObject> = new Map();
  const answers: Answer[] = [];
  const flush = () => {
    const order = [...asked.keys()];
    const sorted = answers.splice(0).sort((a, b) => order.indexOf(a.id) - order.indexOf(b.id));
    if (sorted.length > 0) contents.push({ role: "user", parts: sorted.map((answer) => answerPart(answer, asked)) });
  };
  for (const [index, message] of messages.entries()) {
    if (message.role === "system") continue;
    if (message.role === "tool") {
      answers.push({ ...calls.answeredAt(index), message });
      continue;
    }
    flush();
    const role = message.role === "user" ? "user" : "model";
    const own = message.role === "user" ? undefined : modelTurn(message, calls.callsAt(index), context);
    const parts = own ? own.parts.map((part) => refilled(part, message, latest)) : userParts(message.content, context);
    if (own) asked = own.calls;
    if (parts.length > 0) contents.push({ role, parts });
  }
  flush();
  return contents[0]?.role === "model" ? [{ role: "user", parts: textParts(OPENING) }, ...contents] : contents;
}

/** Returns the contents with more parts at the beginning of the user's first turn. */
export function withFirst(contents: readonly Content[], parts: readonly JsonObject[]): readonly Content[] {
  const [first, ...rest] = contents;
  if (first?.role !== "user") return [{ role: "user", parts }, ...contents];
  return [{ role: "user", parts: [...parts, ...first.parts] }, ...rest];
}

interface Answer {
  readonly message: ToolMessage;
  /** The id of its call, as sent. */
  readonly id: string;
  readonly name: string;
}

/** Returns the part of a tool result. Text is wrapped, since a result is an object on the wire. */
function answerPart({ id, name, message }: Answer, asked: ReadonlyMap<string, JsonObject>): JsonObject {
  const text = wellFormed(message.content);
  const response = message.isError ? { error: text } : { output: text };
  return { functionResponse: { ...(asked.get(id) ?? { name }), response } };
}

interface ModelTurn {
  readonly parts: readonly JsonObject[];
  /** The fields that the result of each call repeats: its name, and its id if the provider gave one. */
  readonly calls: ReadonlyMap<string, JsonObject>;
}

/** Returns the positions of the media that the turn's own parts hold. */
function placesIn(turn: AssistantTurn, context: GeminiContext): readonly unknown[] {
  return ownTurnOf(turn, context)?.data.parts.map(({ media }) => media) ?? [];
}

/**
 * Returns the replay of an unedited turn of this account at this address; `undefined` for any other turn, which goes
 * back as text and calls. Elsewhere, a signature is invalid, and the server refuses the parts of Google's own tools
 * without one.
 */
function ownTurnOf(turn: AssistantTurn, { endpoint }: GeminiContext) {
  const own = ownReplayOf<GeminiReplay>(turn, endpoint, GEMINI);
  return own?.isFromAccount && isUnchanged(turn, own.before, own.data) ? own : undefined;
}

function modelTurn(turn: AssistantTurn, calls: readonly SentCall[], context: GeminiContext): ModelTurn {
  const { capabilities } = context;
  const own = ownTurnOf(turn, context);
  if (own) {
    const replay = replayed(own.data, calls, context);
    return { ...replay, parts: [...textParts(own.before), ...replay.parts] };
  }
  const parts = [
    ...textParts(turn.content),
    ...calls.map(({ call, name }) => ({ functionCall: { name, args: argumentsObject(call) } })),
  ];
  return { parts: signed(parts, capabilities), calls: new Map(calls.map(({ id, name }) => [id, { name }])) };
}

function replayed(
  { parts, callIds }: GeminiReplay,
  calls: readonly SentCall[],
  { capabilities }: GeminiContext,
): ModelTurn {
  const asked = new Map<string, JsonObject>();
  const sentCall = callsById(calls);
  let count = 0;
  const sent = parts.flatMap((part): readonly JsonObject[] => {
    const { functionCall, thought, thoughtSignature } = part;
    // Thoughts may stay out, but signed parts must go back.
    if (!functionCall) return thought && !thoughtSignature ? [] : [{ ...part }];
    const call = sentCall(callIds[count++]);
    if (!call) return [{ ...part }];
    const about = { ...(functionCall.id && { id: call.id }), name: call.name };
    asked.set(call.id, about);
    // Requests have no fields for arguments in pieces.
    const { partialArgs: _pieces, willContinue: _more, ...called } = functionCall;
    const exact = rawArgumentsOf(call.call) === undefined ? {} : { args: argumentsObject(call.call) };
    return [{ ...part, functionCall: { ...called, ...exact, ...about } }];
  });
  return { parts: signed(sent, capabilities), calls: asked };
}

/** Returns the parts with a signature on the first call of a step, which newer models require. */
function signed(parts: readonly JsonObject[], capabilities: GeminiCapabilities): readonly JsonObject[] {
  const first = parts.findIndex((part) => part.functionCall);
  if (!capabilities.wantsSignatures || first < 0 || parts[first]?.thoughtSignature) return parts;
  return parts.map((part, at) => (at === first ? { ...part, thoughtSignature: NO_SIGNATURE } : part));
}

function isUnchanged(turn: AssistantTurn, before: string, { parts, callIds }: GeminiReplay): boolean {
  if (!Array.isArray(parts) || !Array.isArray(callIds)) return false;
  if (parts.some(({ media }) => media !== undefined && !completeMedia(turn)[media])) return false;
  const text = parts.map((part) => (part.thought ? "" : (part.text ?? ""))).join("");
  const answered = parts.flatMap(({ functionResponse }) => (functionResponse ? [functionResponse] : []));
  return isUnedited(turn, before + text, callIds, callIds.length - answered.length);
}

function userParts(content: string | readonly ContentPart[], { endpoint }: GeminiContext): readonly JsonObject[] {
  if (typeof content === "string") return textParts(content);
  return content.flatMap((part) => wirePart(part, endpoint));
}

function textParts(text: string): readonly JsonObject[] {
  return text === "" ? [] : [{ text: wellFormed(text) }];
}

/** Common image types that the model does not take. */
const NO_IMAGES = /^image\/(gif|svg|bmp|tiff|x-)/;

/** @see https://ai.google.dev/gemini-api/docs/file-input-methods */
function wirePart(given: ContentPart, endpoint: Endpoint): readonly JsonObject[] {
  if (given.type === "text") return textParts(given.text);
  const part = inlined(given);
  const mimeType = mediaTypeOf(part);
  if (mimeType !== undefined && NO_IMAGES.test(mimeType)) {
    const message = `${endpoint.provider} takes images as PNG, JPEG, WebP or HEIC, not as ${mimeType}.`;
    throw new SendError("unsupported", message);
  }
  if ("data" in part) return [{ inlineData: { mimeType, data: base64TextOf(part.data) } }];
  if ("fileId" in part) {
    // Files have a name (`files/abc`) and a URI. The server takes only the URI.
    const fileUri = part.fileId.includes("://") ? part.fileId : `${endpoint.baseUrl}/v1beta/${part.fileId}`;
    return [{ fileData: { ...(mimeType && { mimeType }), fileUri } }];
  }
  if (mimeType === undefined && !/^https:\/\/(www\.)?(youtube\.com|youtu\.be)\//.test(part.url)) {
    const message = `${endpoint.provider} requires a media type for ${part.url}. Set its \`mediaType\`.`;
    throw new SendError("invalidRequest", message);
  }
  return [{ fileData: { ...(mimeType && { mimeType }), fileUri: part.url } }];
}

/** Returns the media type as given, or else by the extension of the URL. */
function mediaTypeOf(part: Attachment): string | undefined {
  if (part.mediaType !== undefined || "data" in part) return part.mediaType;
  const address = "url" in part ? part.url : part.fileId;
  return MEDIA_TYPES[/\.(\w+)(?:[?#]|$)/.exec(address)?.[1]?.toLowerCase() ?? ""];
}

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  heic: "image/heic",
  pdf: "application/pdf",
  txt: "text/plain",
  mp3: "audio/mpeg",
  wav: "audio/wav",
  ogg: "audio/ogg",
  flac: "audio/flac",
  mp4: "video/mp4",
};
