/** The turns that a browser sends: checked, and copied field by field, so that nothing else comes along. */

import type {
  AssistantTurn,
  ContentPart,
  Message,
  ToolCall,
  ToolMessage,
  UserMessage,
} from "../../contract/message.ts";
import { mediaFault, messageFault } from "../../contract/validate.ts";
import type { CallApproval } from "../../dialects/native/wire.ts";
import { badRequest, type Refusal } from "../../dialects/refusal.ts";
import { isJsonObject } from "../../platform/json-object.ts";
import type { Policy } from "../policy/policy.ts";
import { attachmentFault, isAllowedMediaType } from "./attachment-url.ts";
import type { SignedOrigin, Signer } from "./signature.ts";

/** The rules about turns, in addition to the policy. */
export interface TurnRules extends Pick<Policy, "limits" | "history" | "trustHistory" | "attachmentUrl"> {
  readonly user: string;
  /** Absent without a secret: then no tool call can come back. */
  readonly signer: Signer | undefined;
}

/**
 * Resolves with the turns of a conversation that a browser keeps.
 * @throws {Refusal} 400 that names the first turn that is not allowed
 */
export async function checkedMessages(value: unknown, rules: TurnRules): Promise<readonly Message[]> {
  const given = checkedList(value, "messages", rules);
  const messages: Message[] = [];
  for (const [index, item] of given.entries()) {
    const name = `Message ${index}`;
    const message = copyOf(item, name, rules);
    if (message.role === "assistant" && rules.history === "signed") await checkSignature(message, item, name, rules);
    messages.push(message);
  }
  if (rules.history === "signed") checkResults(messages);
  return messages;
}

/**
 * Returns the content of a new turn of the user.
 * @throws {Refusal} 400
 */
export function checkedContent(value: unknown, rules: TurnRules): UserMessage["content"] {
  return userTurn({ role: "user", content: value }, "`message`", rules).content;
}

/**
 * Returns results of tool calls. Whether the calls are open is for the session to say.
 * @throws {Refusal} 400
 */
export function checkedResults(value: unknown, rules: TurnRules): readonly ToolMessage[] {
  return checkedList(value, "results", rules).map((item, index) => {
    const name = `Result ${index}`;
    const message = copyOf(item, name, rules);
    if (message.role !== "tool") throw badRequest(`${name} has another role than tool.`);
    return message;
  });
}

/**
 * Returns decisions about calls. Whether the calls wait for one is checked where the calls are known.
 * @throws {Refusal} 400
 */
export function checkedApprovals(value: unknown, rules: TurnRules): readonly CallApproval[] {
  if (!Array.isArray(value)) throw badRequest("`answers` must be an array.");
  if (value.length > rules.limits.messages) throw badRequest(`\`answers\` must hold at most ${rules.limits.messages}.`);
  return value.map((item: unknown, index) => {
    const name = `Answer ${index}`;
    const { toolCallId, approved, reason } = isJsonObject(item) ? item : {};
    if (typeof toolCallId !== "string" || toolCallId === "") throw badRequest(`${name} has no \`toolCallId\`.`);
    if (typeof approved !== "boolean") throw badRequest(`${name} has an \`approved\` that is not true or false.`);
    if (reason !== undefined && typeof reason !== "string") throw badRequest(`${name} has a reason that is not text.`);
    return {
      toolCallId: checkedText(toolCallId, name, rules),
      approved,
      ...(typeof reason === "string" && { reason: checkedText(reason, name, rules) }),
    };
  });
}

/**
 * Checks that the last reply of a conversation that a browser keeps was signed, before calls of it run. Resolves with
 * its origin.
 * @throws {Refusal} 400
 */
export async function checkSignedEnd(
  value: unknown,
  messages: readonly Message[],
  rules: TurnRules,
): Promise<SignedOrigin> {
  const index = messages.findLastIndex(({ role }) => role !== "tool");
  const last = messages[index];
  const sent = (value as readonly unknown[])[index]; // as `checkedMessages` says
  if (last?.role !== "assistant") throw badRequest("`answers` needs a conversation that ends with the calls.");
  return checkedOrigin(last, sent, `Message ${index}`, rules);
}

function checkedList(value: unknown, name: string, { limits }: TurnRules): readonly unknown[] {
  if (!Array.isArray(value) || value.length === 0) throw badRequest(`\`${name}\` must be an array that is not empty.`);
  if (value.length > limits.messages) throw badRequest(`\`${name}\` must hold at most ${limits.messages} messages.`);
  return value;
}

function copyOf(item: unknown, name: string, rules: TurnRules): Message {
  const role = isJsonObject(item) ? item.role : undefined;
  if ((role === "system" || role === "developer") && !rules.trustHistory) {
    throw badRequest(`${name} has the role ${role}, which only the server may use.`);
  }
  const fault = messageFault(item);
  if (fault !== undefined) throw badRequest(`${name} ${fault}.`);
  const message = item as Message; // as `messageFault` says
  switch (message.role) {
    case "system":
      return { role: "system", content: checkedText(message.content, name, rules) };
    case "user":
      return userTurn(message, name, rules);
    case "assistant":
      return assistantTurn(message, name, rules);
    case "tool": {
      const { toolCallId, content, isError } = message;
      return {
        role: "tool",
        toolCallId: checkedText(toolCallId, name, rules),
        content: checkedText(content, name, rules),
        ...(isError === true && { isError }),
      };
    }
  }
}

function userTurn(
  message: { readonly role: "user"; readonly content: unknown },
  name: string,
  rules: TurnRules,
): UserMessage {
  const fault = messageFault(message);
  if (fault !== undefined) throw badRequest(`${name} ${fault}.`);
  const { content } = message as UserMessage; // as `messageFault` says
  if (typeof content === "string") return { role: "user", content: checkedText(content, name, rules) };
  checkCount(content, name, rules);
  checkedText(content.map((part) => (part.type === "text" ? part.text : "")).join(""), name, rules);
  return { role: "user", content: content.map((part) => partOf(part, name, rules)) };
}

function partOf(part: ContentPart, name: string, rules: TurnRules): ContentPart {
  if (part.type === "text") return { type: "text", text: part.text };
  const source = sourceOf(part, `${name} has an attachment that`, rules);
  if (part.type === "image") return { type: "image", ...source };
  const { filename } = part;
  return { type: "file", ...source, ...(typeof filename === "string" && { filename: fileNameOf(filename) }) };
}

type Source =
  | { readonly data: string; readonly mediaType: string }
  | { readonly url: string; readonly mediaType?: string }
  | { readonly fileId: string; readonly mediaType?: string };

function sourceOf(
  { data, url, fileId, mediaType }: { readonly [Name in "data" | "url" | "fileId" | "mediaType"]?: unknown },
  subject: string,
  { attachmentUrl, trustHistory }: TurnRules,
): Source {
  const type = typeof mediaType === "string" ? { mediaType } : {};
  if (type.mediaType !== undefined && !isAllowedMediaType(type.mediaType)) {
    throw badRequest(`${subject} has a media type that is not allowed.`);
  }
  if (typeof url === "string") {
    const fault = attachmentFault(url, attachmentUrl);
    if (fault !== undefined) throw badRequest(`${subject} ${fault}.`);
    return { url: new URL(url).href, ...type }; // as it was checked: parsers read line breaks and hosts differently
  }
  if (typeof fileId === "string") {
    // The file store is the server's account: it holds the files of every user.
    if (!trustHistory) throw badRequest(`${subject} has a \`fileId\`, which only the server may use.`);
    return { fileId, ...type };
  }
  if (typeof data !== "string" || !isBase64(data)) throw badRequest(`${subject} has \`data\` that is not base64.`);
  if (type.mediaType === undefined) throw badRequest(`${subject} has \`data\` without a \`mediaType\`.`);
  return { data, mediaType: type.mediaType };
}

function assistantTurn(turn: AssistantTurn, name: string, rules: TurnRules): AssistantTurn {
  const { toolCalls, media, interrupted } = turn;
  checkCount(toolCalls ?? [], name, rules);
  return {
    role: "assistant",
    content: checkedText(turn.content, name, rules),
    ...(toolCalls && toolCalls.length > 0 && { toolCalls: toolCalls.map(callOf) }),
    ...(rules.history === "client" && media && { media: mediaOf(media, name, rules) }),
    ...(interrupted === true && { interrupted }),
  };
}

function callOf({ id, name, arguments: args, rawArguments, needsApproval }: ToolCall): ToolCall {
  return {
    id,
    name,
    arguments: args,
    ...(typeof rawArguments === "string" && { rawArguments }),
    ...(needsApproval === true && { needsApproval }),
  };
}

function mediaOf(media: unknown, name: string, rules: TurnRules): NonNullable<AssistantTurn["media"]> {
  const fault = mediaFault(media);
  if (fault !== undefined) throw badRequest(`${name} ${fault}.`);
  const items = media as NonNullable<AssistantTurn["media"]>; // as `mediaFault` says
  checkCount(items, name, rules);
  return items.map(({ mediaType, ...item }) => ({
    ...sourceOf({ ...item, mediaType }, `${name} has media that`, rules),
    mediaType,
  }));
}

/** The signature covers text and calls; a turn without calls is text that needs none. */
async function checkSignature(turn: AssistantTurn, sent: unknown, name: string, rules: TurnRules): Promise<void> {
  if (turn.toolCalls) await checkedOrigin(turn, sent, name, rules);
}

async function checkedOrigin(
  turn: AssistantTurn,
  sent: unknown,
  name: string,
  rules: TurnRules,
): Promise<SignedOrigin> {
  const { replay } = sent as AssistantTurn; // as `messageFault` says
  const origin = replay && (await rules.signer?.originOf(rules.user, { ...turn, replay }));
  if (origin) return origin;
  throw badRequest(`${name} has tool calls that this relay has not signed.`);
}

/**
 * Results follow the calls that they answer: one for each, and none for a call that was not made. A call that needs
 * approval runs here or not at all, so no result of it comes from a browser.
 */
function checkResults(messages: readonly Message[]): void {
  let open = new Map<string, ToolCall>();
  for (const [index, message] of messages.entries()) {
    if (message.role !== "tool") {
      open = new Map(message.role === "assistant" ? message.toolCalls?.map((call) => [call.id, call]) : []);
      continue;
    }
    const call = open.get(message.toolCallId);
    if (!call) throw badRequest(`Message ${index} answers a tool call that is not open.`);
    if (call.needsApproval) throw badRequest(`Message ${index} has a result of a call that only the server may run.`);
    open.delete(message.toolCallId);
  }
}

function checkedText(text: string, name: string, { limits }: TurnRules): string {
  if (text.length <= limits.textLength) return text;
  throw badRequest(`${name} must have at most ${limits.textLength} characters of text.`);
}

function checkCount(parts: readonly unknown[], name: string, { limits }: TurnRules): Refusal | undefined {
  if (parts.length <= limits.parts) return undefined;
  throw badRequest(`${name} must have at most ${limits.parts} parts.`);
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}

/** A name without a path and control characters. */
function fileNameOf(name: string): string {
  return (name.split(/[/\\]/).at(-1) ?? "").replace(/\p{Cc}/gu, "").slice(0, 255);
}
