/**
 * The messages of Chat Completions in this library's words.
 * @see https://platform.openai.com/docs/api-reference/chat/create
 */

import type { AssistantTurn, ContentPart, Message, ToolCall, ToolMessage } from "../../contract/message.ts";
import type { JsonObject } from "../../platform/json-object.ts";
import { sourceOfBase64, sourceOfUrl } from "../gateway/attachments.ts";
import { attachmentsOf, callOfText, resultText } from "../gateway/calls.ts";
import { arrayOf, objectOf, requiredString, stringOf } from "../gateway/fields.ts";
import { badRequest } from "../refusal.ts";

/**
 * Returns the conversation of a request.
 * @throws {Refusal} 400 that names the first message that cannot be read
 */
export function chatMessages(value: unknown): readonly Message[] {
  const messages = arrayOf(value, "`messages`");
  if (messages.length === 0) throw badRequest("`messages` must be an array that is not empty.");
  const turns: Message[] = [];
  let attached: ContentPart[] = [];
  for (const [index, item] of messages.entries()) {
    const name = `messages[${index}]`;
    const message = objectOf(item, `\`${name}\``);
    if (message.role === "tool") {
      const { turn, attachments } = resultOf(message, name);
      turns.push(turn);
      attached.push(...attachments);
    } else {
      if (attached.length > 0) turns.push({ role: "user", content: attached });
      attached = [];
      turns.push(messageOf(message, name));
    }
  }
  return attached.length > 0 ? [...turns, { role: "user", content: attached }] : turns;
}

/** A result is text in this library: pictures and files in it go to a turn of the user behind all results. */
function resultOf(
  { content, tool_call_id }: JsonObject,
  name: string,
): { readonly turn: ToolMessage; readonly attachments: readonly ContentPart[] } {
  const toolCallId = requiredString(tool_call_id, `\`${name}.tool_call_id\``);
  if (typeof content === "string") return { turn: { role: "tool", toolCallId, content }, attachments: [] };
  const parts = arrayOf(content, `\`${name}.content\``).map((item, index): ContentPart => {
    const place = `${name}.content[${index}]`;
    const part = objectOf(item, `\`${place}\``);
    return typeof part.text === "string" ? { type: "text", text: part.text } : partOf(part, place);
  });
  const text = parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("");
  const attachments = attachmentsOf(toolCallId, parts);
  return { turn: { role: "tool", toolCallId, content: resultText(text, attachments) }, attachments };
}

function messageOf(message: JsonObject, name: string): Message {
  const { role, content } = message;
  switch (role) {
    case "system":
    case "developer":
      return { role: "system", content: textOfContent(content, name) };
    case "user":
      return { role: "user", content: userContent(content, name) };
    case "assistant":
      return assistantTurn(message, name);
    default:
      throw badRequest(`\`${name}.role\` must be system, developer, user, assistant or tool.`);
  }
}

/** Some programs send back the calls of a reply with `content` absent or `null`. */
function assistantTurn(message: JsonObject, name: string): AssistantTurn {
  const calls = arrayOf(message.tool_calls, `\`${name}.tool_calls\``).map((item, index) =>
    callOf(item, `${name}.tool_calls[${index}]`),
  );
  const content = textOfContent(message.content, name) || (stringOf(message.refusal, `\`${name}.refusal\``) ?? "");
  return { role: "assistant", content, ...(calls.length > 0 && { toolCalls: calls }) };
}

function callOf(item: unknown, name: string): ToolCall {
  const call = objectOf(item, `\`${name}\``);
  const id = requiredString(call.id, `\`${name}.id\``);
  const named = objectOf(call.function, `\`${name}.function\``);
  const text = stringOf(named.arguments, `\`${name}.function.arguments\``) ?? "";
  return callOfText(id, requiredString(named.name, `\`${name}.function.name\``), text);
}

/** Returns the text of a content that has no images or files. */
function textOfContent(content: unknown, name: string): string {
  if (typeof content === "string") return content;
  const parts = arrayOf(content, `\`${name}.content\``).map((item, index) => {
    const part = objectOf(item, `\`${name}.content[${index}]\``);
    if (typeof part.text === "string") return part.text;
    if (typeof part.refusal === "string") return part.refusal;
    throw badRequest(`\`${name}.content[${index}]\` must be text.`);
  });
  return parts.join("");
}

function userContent(content: unknown, name: string): string | readonly ContentPart[] {
  if (typeof content === "string") return content;
  const parts = arrayOf(content, `\`${name}.content\``);
  if (parts.length === 0) return "";
  return parts.map((item, index) => {
    const place = `${name}.content[${index}]`;
    return partOf(objectOf(item, `\`${place}\``), place);
  });
}

function partOf(part: JsonObject, place: string): ContentPart {
  switch (part.type) {
    case "text":
    case "input_text":
      return { type: "text", text: stringOf(part.text, `\`${place}.text\``) ?? "" };
    case "image_url":
    case "input_image": {
      const image = part.image_url;
      const url = requiredString(
        typeof image === "string" ? image : objectOf(image, `\`${place}.image_url\``).url,
        `\`${place}.image_url.url\``,
      );
      return { type: "image", ...sourceOfUrl(url, `\`${place}.image_url.url\``) };
    }
    case "input_audio": {
      const audio = objectOf(part.input_audio, `\`${place}.input_audio\``);
      const format = requiredString(audio.format, `\`${place}.input_audio.format\``);
      const mediaType = `audio/${format === "mp3" ? "mpeg" : format}`;
      return { type: "file", ...sourceOfBase64(audio.data, mediaType, `\`${place}.input_audio\``) };
    }
    case "file":
      return filePart(objectOf(part.file, `\`${place}.file\``), `${place}.file`);
    case "input_file":
      return filePart(part, place);
    default:
      throw badRequest(`\`${place}.type\` must be text, image_url, input_audio or file.`);
  }
}

/** `file_data` is a `data:` URL, or base64 alone, which is a PDF then. */
function filePart(file: JsonObject, place: string): ContentPart {
  const filename = stringOf(file.filename, `\`${place}.filename\``);
  const fileId = stringOf(file.file_id, `\`${place}.file_id\``);
  const named = filename === undefined ? {} : { filename };
  if (fileId) return { type: "file", fileId, ...named };
  const data = requiredString(file.file_data, `\`${place}.file_data\``);
  const subject = `\`${place}.file_data\``;
  const source = data.startsWith("data:")
    ? sourceOfUrl(data, subject)
    : sourceOfBase64(data, "application/pdf", subject);
  return { type: "file", ...source, ...named };
}
