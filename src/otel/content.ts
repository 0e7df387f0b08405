/**
 * Messages, replies and tools in the shapes of the conventions.
 * @see https://github.com/open-telemetry/semantic-conventions-genai/tree/main/model/gen-ai
 */

import type { AssistantMessage, AssistantTurn, ContentPart, Media, Message } from "../contract/message.ts";
import type { Tool } from "../contract/options.ts";

/** A part of a message: `type` and the fields of that type. */
type Part = Readonly<Record<string, unknown>> & { readonly type: string };

/** The parts of a call's input, each for an attribute of its own. */
export interface InputContent {
  readonly messages: readonly object[];
  /** Absent when the system prompt travels among the messages, or there is none. */
  readonly system?: readonly Part[];
}

/** Returns the input. `hasSystemField`: whether the provider takes system messages in a field of their own. */
export function inputContent(messages: readonly Message[], hasSystemField: boolean): InputContent {
  const system = hasSystemField ? messages.filter(({ role }) => role === "system") : [];
  const others = hasSystemField ? messages.filter(({ role }) => role !== "system") : messages;
  return {
    messages: others.map((message) => ({ role: message.role, parts: partsOf(message) })),
    ...(system.length > 0 && { system: system.flatMap(partsOf) }),
  };
}

/** Returns the output: one message, with the reason why it ended. */
export function outputContent(message: AssistantMessage): readonly object[] {
  const unfinished = (message.unfinishedToolCalls ?? []).map(
    ({ id, name, argumentsText }): Part => ({ type: "tool_call", id, name, arguments: argumentsText }),
  );
  return [{ role: "assistant", parts: [...partsOf(message), ...unfinished] }];
}

/** Returns the definitions of tools: their names only, as the conventions recommend. */
export function toolDefinitions(tools: readonly Tool[]): readonly object[] {
  return tools.map(({ name }) => ({ type: "function", name }));
}

function partsOf(message: Message): readonly Part[] {
  switch (message.role) {
    case "system":
      return [text(message.content)];
    case "user":
      return typeof message.content === "string" ? [text(message.content)] : message.content.map(attachment);
    case "assistant":
      return assistantParts(message);
    case "tool":
      return [{ type: "tool_call_response", id: message.toolCallId, response: message.content }];
  }
}

function assistantParts(message: AssistantTurn & Partial<AssistantMessage>): readonly Part[] {
  const { content, reasoning = "", toolCalls = [], providerToolCalls = [], media = [] } = message;
  return [
    ...(reasoning === "" ? [] : [{ type: "reasoning", content: reasoning }]),
    ...providerToolCalls.flatMap(({ id, name, arguments: args, result }): Part[] => {
      const named = { ...(id !== undefined && { id }) };
      const call = { type: "server_tool_call", ...named, name, server_tool_call: { type: name, arguments: args } };
      if (result === undefined) return [call];
      return [call, { type: "server_tool_call_response", ...named, server_tool_call_response: { type: name, result } }];
    }),
    ...(content === "" ? [] : [text(content)]),
    ...media.map(medium),
    ...toolCalls.map(({ id, name, arguments: args }): Part => ({ type: "tool_call", id, name, arguments: args })),
  ];
}

function text(content: string): Part {
  return { type: "text", content };
}

/** Inline bytes are left out: spans should be small. */
function attachment(part: ContentPart): Part {
  if (part.type === "text") return text(part.text);
  const mediaType = part.mediaType ?? (part.type === "image" ? "image" : "");
  if ("data" in part) return place({ mediaType });
  return place("url" in part ? { mediaType, url: part.url } : { mediaType, fileId: part.fileId });
}

function medium({ mediaType, url, fileId }: Media): Part {
  return place({ mediaType, url, fileId });
}

function place(from: {
  readonly mediaType: string;
  readonly url?: string | undefined;
  readonly fileId?: string | undefined;
}): Part {
  const { mediaType, url, fileId } = from;
  const known = { ...(mediaType.includes("/") && { mime_type: mediaType }), modality: modalityOf(mediaType) };
  if (url !== undefined && !url.startsWith("data:")) return { type: "uri", ...known, uri: url };
  return fileId === undefined ? { type: "blob", ...known } : { type: "file", ...known, file_id: fileId };
}

function modalityOf(mediaType: string): string {
  const [kind = ""] = mediaType.split("/");
  return ["image", "video", "audio"].includes(kind) ? kind : "document";
}
