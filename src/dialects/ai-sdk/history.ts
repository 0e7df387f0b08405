/** The conversation that a relay keeps → messages of `useChat`. */

import type {
  AssistantMessage,
  AssistantTurn,
  ContentPart,
  Media,
  Message,
  ProviderToolCall,
  ToolCall,
  ToolMessage,
  UserMessage,
} from "../../contract/message.ts";
import type { ChatHistory } from "../native/wire.ts";
import { shownCallId } from "./call-ids.ts";
import type { UiMessage, UiPart } from "./parts.ts";
import { addressOf, jsonText, outputOf, plain } from "./values.ts";

/**
 * Returns the messages of a conversation. The reply that is being written is left out: the page gets all of it from
 * `GET …/:chat/stream`. A message keeps its id from call to call; the last reply has the id that its run has said.
 */
export function uiMessagesOf({
  messages,
  turn,
  unanswered,
  messageId,
  waiting = [],
}: ChatHistory): readonly UiMessage[] {
  const asked = turn?.filter((message) => message.role === "user") ?? [];
  const failed: readonly UserMessage[] = unanswered === undefined ? [] : [{ role: "user", content: unanswered }];
  const shown = grouped([...messages, ...asked, ...failed], new Set(waiting));
  const last = shown.at(-1);
  if (last?.role !== "assistant") return shown;
  if (turn) return shown.slice(0, -1); // results were sent, and the reply continues
  return messageId === undefined ? shown : [...shown.slice(0, -1), { ...last, id: messageId }];
}

/** A message of `useChat` has all replies and results between two questions. */
function grouped(messages: readonly Message[], waiting: ReadonlySet<string>): readonly UiMessage[] {
  const groups: { readonly id: string; readonly messages: Message[] }[] = [];
  let isReply = false;
  for (const [index, message] of messages.entries()) {
    if (isReply && message.role !== "user") groups.at(-1)?.messages.push(message);
    else groups.push({ id: `message-${index}`, messages: [message] });
    isReply = message.role !== "user";
  }
  return groups.map(({ id, messages: group }) => {
    const [first] = group;
    if (first?.role === "user") return { id, role: "user", parts: questionParts(first) };
    return { id, role: "assistant", parts: replyParts(group, waiting) };
  });
}

function questionParts({ content }: UserMessage): readonly UiPart[] {
  if (typeof content === "string") return [{ type: "text", text: content }];
  return content.flatMap(questionPart);
}

function questionPart(part: ContentPart): readonly UiPart[] {
  if (part.type === "text") return [{ type: "text", text: part.text }];
  const { mediaType = part.type === "image" ? "image/*" : "application/octet-stream" } = part;
  const filename = part.type === "file" ? part.filename : undefined;
  if ("fileId" in part) return [];
  const url = "url" in part ? part.url : typeof part.data === "string" && `data:${mediaType};base64,${part.data}`;
  return url ? [{ type: "file", mediaType, url, ...(filename !== undefined && { filename }) }] : [];
}

function replyParts(messages: readonly Message[], waiting: ReadonlySet<string>): readonly UiPart[] {
  const uses = new Map<string, number>();
  const idOf = (id: string): string => {
    const count = (uses.get(id) ?? 0) + 1;
    uses.set(id, count);
    return shownCallId(id, count);
  };
  const urls = new Set<string>();
  return messages.flatMap((message, place) => {
    if (message.role !== "assistant") return [];
    const results = resultsBehind(messages, place);
    const partOf = (call: ToolCall): UiPart => {
      return callPart(call, idOf(call.id), results.get(call.id), waiting.has(call.id));
    };
    const sources = sourcesOf(message).filter(({ url }) => !urls.has(url) && urls.add(url));
    return [
      ...stepParts(message, partOf, (call) => providerPart(call, idOf(call.id ?? "provider"))),
      ...sources.map((source, index): UiPart => {
        return { type: "source-url", sourceId: `source-${urls.size - sources.length + index + 1}`, ...source };
      }),
    ];
  });
}

/** Returns the results of the calls of one reply: those between it and the next one. */
function resultsBehind(messages: readonly Message[], place: number): ReadonlyMap<string, ToolMessage> {
  const results = new Map<string, ToolMessage>();
  for (const message of messages.slice(place + 1)) {
    if (message.role !== "tool") break;
    results.set(message.toolCallId, message);
  }
  return results;
}

function stepParts(
  turn: AssistantTurn,
  partOf: (call: ToolCall) => UiPart,
  providerPartOf: (call: ProviderToolCall) => UiPart,
): readonly UiPart[] {
  const { content, media = [], toolCalls = [] } = turn;
  const { reasoning = "", providerToolCalls = [] }: Partial<AssistantMessage> = turn;
  return [
    { type: "step-start" },
    ...(reasoning === "" ? [] : [{ type: "reasoning", text: reasoning, state: "done" } as const]),
    ...providerToolCalls.map(providerPartOf),
    ...(content === "" ? [] : [{ type: "text", text: content, state: "done" } as const]),
    ...media.flatMap(filePart),
    ...toolCalls.map(partOf),
  ];
}

function callPart(
  { name, arguments: input, needsApproval }: ToolCall,
  id: string,
  result: ToolMessage | undefined,
  isWaiting: boolean,
): UiPart {
  const call = { type: `tool-${name}`, toolCallId: id, input } as const;
  if (!result && needsApproval && isWaiting) return { ...call, state: "approval-requested", approval: { id } };
  if (!result) return { ...call, state: "input-available" };
  if (result.denied && needsApproval) return { ...call, state: "output-denied", approval: { id, approved: false } };
  if (result.isError) return { ...call, state: "output-error", errorText: result.content };
  return { ...call, state: "output-available", output: outputOf(result.content) };
}

function providerPart(call: ProviderToolCall, id: string): UiPart {
  const { name, arguments: input = {}, result = null, isError } = call;
  const part = {
    type: "dynamic-tool",
    toolName: name,
    toolCallId: id,
    providerExecuted: true,
    input: plain(input),
  } as const;
  if (!isError) return { ...part, state: "output-available", output: plain(result) };
  return { ...part, state: "output-error", errorText: jsonText(result) };
}

function filePart(medium: Media): readonly UiPart[] {
  const url = addressOf(medium);
  return url === undefined || medium.partial ? [] : [{ type: "file", mediaType: medium.mediaType, url }];
}

function sourcesOf(turn: AssistantTurn): readonly { readonly url: string; readonly title?: string }[] {
  const { citations = [] }: Partial<AssistantMessage> = turn;
  return citations.map(({ url, title }) => ({ url, ...(title !== undefined && { title }) }));
}
