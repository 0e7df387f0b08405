/** Messages → the messages of an Ollama request. */

import { SendError } from "../../contract/errors.ts";
import type { AssistantTurn, ContentPart, Message } from "../../contract/message.ts";
import { base64TextOf } from "../../platform/base64.ts";
import type { JsonObject } from "../../platform/json-object.ts";
import { inlined } from "../common/attachments.ts";
import { withMovedMedia } from "../common/media-history.ts";
import { wellFormed } from "../common/message-text.ts";
import { ownReplayOf } from "../common/replay.ts";
import { argumentsObject } from "../common/tool-call-arguments.ts";
import { type CallRules, type HistoryCalls, historyCalls, type SentCall } from "../common/tool-call-history.ts";
import { OPENAI_NAMES } from "../common/tool-call-ids.ts";
import type { RequestContext } from "../protocol.ts";

/** The protocol's name in `Replay.protocol`. */
export const OLLAMA = "ollama";

/** The contents of `Replay.data`. */
export interface OllamaReplay {
  /** The thinking of the reply. The model's template decides whether the model sees it again. */
  readonly thinking: string;
}

/** The server takes any id. Names are a part of the prompt. */
const CALL_RULES: CallRules = { names: OPENAI_NAMES, legalId: (id) => id };

/**
 * Returns the conversation as messages of Ollama.
 * @see https://docs.ollama.com/api/chat
 */
export function ollamaMessagesOf(given: readonly Message[], context: RequestContext): readonly JsonObject[] {
  const messages = withMovedMedia(given, { carries: () => false, takes: ({ data }) => data !== undefined });
  const calls = historyCalls(messages, context.options.tools, CALL_RULES);
  return messages.flatMap((message, at) => wireMessages(message, at, calls, context));
}

function wireMessages(
  message: Message,
  at: number,
  calls: HistoryCalls,
  context: RequestContext,
): readonly JsonObject[] {
  switch (message.role) {
    case "system":
    case "user":
      return [{ role: message.role, ...contentFields(message.content, context) }];
    case "assistant":
      return assistantMessage(message, calls.callsAt(at), context);
    case "tool": {
      const { id, name } = calls.answeredAt(at);
      return [{ role: "tool", content: wellFormed(message.content), tool_name: name, tool_call_id: id }];
    }
  }
}

function assistantMessage(
  turn: AssistantTurn,
  calls: readonly SentCall[],
  { endpoint }: RequestContext,
): readonly JsonObject[] {
  const { content } = turn;
  if (content === "" && calls.length === 0) return [];
  const own = ownReplayOf<OllamaReplay>(turn, endpoint, OLLAMA);
  const thinking = own?.data.thinking;
  return [
    {
      role: "assistant",
      content: wellFormed(content),
      ...(typeof thinking === "string" && { thinking: wellFormed(thinking) }),
      ...(calls.length > 0 && { tool_calls: calls.map(wireCall) }),
    },
  ];
}

/** Arguments are an object on this wire. */
function wireCall({ call, id, name }: SentCall, index: number): JsonObject {
  return { id, function: { index, name, arguments: argumentsObject(call) } };
}

/** Returns text and images, which are apart on this wire. */
function contentFields(content: string | readonly ContentPart[], { endpoint }: RequestContext): JsonObject {
  if (typeof content === "string") return { content: wellFormed(content) };
  const texts: string[] = [];
  const images: string[] = [];
  for (const part of content) {
    if (part.type === "text") texts.push(wellFormed(part.text));
    else images.push(imageOf(part, endpoint.provider));
  }
  return { content: texts.join("\n"), ...(images.length > 0 && { images }) };
}

function imageOf(given: Exclude<ContentPart, { readonly type: "text" }>, provider: string): string {
  const part = inlined(given);
  if (part.type !== "image" && !part.mediaType?.startsWith("image/"))
    throw new SendError("unsupported", `${provider} takes images, but not ${part.mediaType ?? "other files"}.`);
  if (!("data" in part))
    throw new SendError("unsupported", `${provider} does not take an image by URL or file id. Give its bytes.`);
  return base64TextOf(part.data);
}
