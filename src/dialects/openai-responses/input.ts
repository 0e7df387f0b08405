/**
 * The input items of a Responses request → messages.
 * @see https://platform.openai.com/docs/api-reference/responses/create#responses-create-input
 */

import type { AttachmentSource, ContentPart, Media, Message, ToolCall } from "../../contract/message.ts";
import { isJsonObject, type JsonObject } from "../../platform/json-object.ts";
import { sourceOfBase64, sourceOfUrl } from "../gateway/attachments.ts";
import { attachmentsOf, callOfText, foundTools, resultText } from "../gateway/calls.ts";
import { badRequest, Refusal } from "../refusal.ts";
import { flatName, TOOL_SEARCH } from "./call-forms.ts";

/** Items of tools that the server ran, and of thinking: the provider behind the gateway has its own. */
const DROPPED: readonly unknown[] = ["reasoning", "web_search_call", "file_search_call", "code_interpreter_call"];

/** Items that are not part of the conversation: see `addedTools`, and the options of a request. */
const SETTINGS: readonly unknown[] = ["additional_tools", "configuration_update"];

/** Returns the item with an id, as the response that holds it shows it; `undefined` when there is none. */
export type ItemOf = (id: string) => unknown;

/**
 * Returns the conversation of `input`: a string, or items.
 * @param itemOf finds the items that `input` refers to
 * @throws {Refusal} 400 that names the item, 404 for a reference to an item that is not here
 */
export function messagesOf(input: unknown, itemOf?: ItemOf): readonly Message[] {
  if (typeof input === "string") return [{ role: "user", content: input }];
  const turns = new Turns();
  for (const [index, item] of itemsIn(input).entries()) {
    const id = referenceIn(item);
    addItem(turns, id === undefined ? item : (itemOf?.(id) ?? missing(id)), `input[${index}]`);
  }
  return turns.done();
}

/** Returns the ids of the items that `input` refers to. */
export function referencesIn(input: unknown): readonly string[] {
  if (typeof input === "string") return [];
  return itemsIn(input)
    .map(referenceIn)
    .filter((id) => id !== undefined);
}

/** Tools that an item of the input adds to those of the request, and their place. */
export interface AddedTools {
  readonly tools: unknown;
  readonly at: string;
}

/** Returns the tools that items of `input` add: those that a search for tools has found, and others. */
export function addedTools(input: unknown): readonly AddedTools[] {
  if (typeof input === "string") return [];
  return itemsIn(input).flatMap((item, index) => {
    const adds = isJsonObject(item) && (item.type === "additional_tools" || item.type === "tool_search_output");
    return adds ? [{ tools: item.tools ?? [], at: `input[${index}].tools` }] : [];
  });
}

function itemsIn(input: unknown): readonly unknown[] {
  if (Array.isArray(input)) return input as readonly unknown[];
  throw badRequest("`input` must be a string or an array of items.");
}

function referenceIn(item: unknown): string | undefined {
  if (!isJsonObject(item) || item.type !== "item_reference") return undefined;
  return typeof item.id === "string" ? item.id : "";
}

function missing(id: string): never {
  const message = `Item with id '${id}' not found. Its response has expired, was not stored, or never was.`;
  throw new Refusal(404, "notFound", message);
}

function addItem(turns: Turns, item: unknown, at: string): void {
  if (!isJsonObject(item)) throw badRequest(`\`${at}\` must be an object.`);
  const type = item.type ?? (item.role === undefined ? undefined : "message");
  switch (type) {
    case "message":
      return addMessage(turns, item, at);
    case "agent_message":
      return turns.add({ role: "user", content: partsIn(item.content, `${at}.content`).map(partOf) });
    case "function_call":
      return turns.call(callOf(item, at));
    case "custom_tool_call": {
      const input = stringIn(item, "input", at);
      return turns.call({ id: stringIn(item, "call_id", at), name: nameIn(item, at), arguments: { input } });
    }
    case "tool_search_call":
      return isOfProgram(item) ? turns.call(searchOf(item, at)) : undefined;
    case "tool_search_output":
      return isOfProgram(item) ? turns.result(stringIn(item, "call_id", at), foundText(item, at), []) : undefined;
    case "function_call_output":
    case "custom_tool_call_output":
      return addOutput(turns, item, at);
    case "image_generation_call":
      return typeof item.result === "string" && item.result !== ""
        ? turns.picture({ data: item.result, mediaType: "image/png" })
        : undefined;
    default:
      if (DROPPED.includes(type) || SETTINGS.includes(type)) return;
      throw badRequest(`\`${at}.type\` ${JSON.stringify(type) ?? "is missing and"} is not supported.`);
  }
}

/** Some clients parse the arguments. */
function callOf(item: JsonObject, at: string): ToolCall {
  const { arguments: args } = item;
  const [id, name] = [stringIn(item, "call_id", at), nameIn(item, at)];
  if (isJsonObject(args)) return { id, name, arguments: args };
  return callOfText(id, name, typeof args === "string" ? args : "");
}

function nameIn(item: JsonObject, at: string): string {
  return flatName(item.namespace, stringIn(item, "name", at));
}

/** A search that OpenAI's server ran has no call. */
function isOfProgram({ call_id }: JsonObject): boolean {
  return call_id !== undefined && call_id !== null;
}

function searchOf(item: JsonObject, at: string): ToolCall {
  return { id: stringIn(item, "call_id", at), name: TOOL_SEARCH, arguments: item.arguments ?? {} };
}

/** The tools themselves are among those of the call: see `addedTools`. */
function foundText({ tools }: JsonObject, at: string): string {
  if (!Array.isArray(tools)) throw badRequest(`\`${at}.tools\` must be an array.`);
  return foundTools(namesOf(tools, undefined));
}

function namesOf(tools: readonly unknown[], namespace: string | undefined): readonly string[] {
  return tools.filter(isJsonObject).flatMap(({ type, name, tools: inner }) => {
    if (typeof name !== "string") return [];
    return type === "namespace" && Array.isArray(inner) ? namesOf(inner, name) : [flatName(namespace, name)];
  });
}

function addMessage(turns: Turns, { role, content }: JsonObject, at: string): void {
  switch (role) {
    case "system":
    case "developer":
      return turns.add({ role: "system", content: plainText(content, at) });
    case "user": {
      if (typeof content === "string") return turns.add({ role: "user", content });
      return turns.add({ role: "user", content: partsIn(content, `${at}.content`).map(partOf) });
    }
    case "assistant":
      return turns.say(plainText(content, at));
    default:
      throw badRequest(`\`${at}.role\` must be user, assistant, system or developer.`);
  }
}

/** A result is text. Its images and files follow as a turn of the user, which every provider takes. */
function addOutput(turns: Turns, item: JsonObject, at: string): void {
  const { output } = item;
  const toolCallId = stringIn(item, "call_id", at);
  if (typeof output === "string") return turns.result(toolCallId, output, []);
  if (!Array.isArray(output)) return turns.result(toolCallId, JSON.stringify(output ?? null), []);
  const parts = partsIn(output, `${at}.output`).map(partOf);
  const text = parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n");
  turns.result(toolCallId, text, attachmentsOf(toolCallId, parts));
}

/** One part of a content, and its place. */
interface NamedPart {
  readonly part: JsonObject;
  readonly at: string;
}

function partsIn(content: unknown, at: string): readonly NamedPart[] {
  if (!Array.isArray(content)) throw badRequest(`\`${at}\` must be a string or an array of parts.`);
  return (content as readonly unknown[]).map((part, index) => {
    if (!isJsonObject(part)) throw badRequest(`\`${at}[${index}]\` must be an object.`);
    return { part, at: `${at}[${index}]` };
  });
}

function partOf({ part, at }: NamedPart): ContentPart {
  switch (part.type) {
    case "input_text":
    case "output_text":
    case "text":
      return { type: "text", text: stringIn(part, "text", at) };
    case "encrypted_content": // words between agents: arguments of calls, which this server does not encrypt
      return { type: "text", text: stringIn(part, "encrypted_content", at) };
    case "input_image":
    case "image_url": {
      const { image_url: url } = part;
      const address = isJsonObject(url) ? url.url : url; // the second form is that of Chat Completions
      return { type: "image", ...sourceOf(address, part.file_id, at) };
    }
    case "input_file": {
      const { filename, file_data, file_url, file_id } = part;
      const source = sourceOf(file_data ?? file_url, file_id, at);
      return { type: "file", ...(typeof filename === "string" && { filename }), ...source };
    }
    case "input_audio": {
      const { data, format = "wav" } = isJsonObject(part.input_audio) ? part.input_audio : part;
      return { type: "file", ...sourceOfBase64(data, `audio/${String(format)}`, `\`${at}\``) };
    }
    default:
      throw badRequest(`\`${at}.type\` ${JSON.stringify(part.type) ?? "is missing and"} is not supported.`);
  }
}

function sourceOf(address: unknown, fileId: unknown, at: string): AttachmentSource {
  if (typeof address === "string") return sourceOfUrl(address, `\`${at}\``);
  if (typeof fileId === "string") return { fileId };
  throw badRequest(`\`${at}\` has neither data nor a URL.`);
}

function plainText(content: unknown, at: string): string {
  if (typeof content === "string") return content;
  return partsIn(content, `${at}.content`)
    .map(({ part, at: place }) => {
      if (part.type === "refusal") return stringIn(part, "refusal", place);
      const read = partOf({ part, at: place });
      if (read.type === "text") return read.text;
      throw badRequest(`\`${place}\` must be text in a message of this role.`);
    })
    .join("");
}

function stringIn(item: JsonObject, name: string, at: string): string {
  const value = item[name];
  if (typeof value === "string") return value;
  throw badRequest(`\`${at}.${name}\` must be a string.`);
}

interface OpenTurn {
  content: string;
  readonly toolCalls: ToolCall[];
  readonly media: Media[];
}

/** Collects turns: the text and the calls of one reply are several items. */
class Turns {
  readonly #messages: Message[] = [];
  #turn: OpenTurn | undefined;
  #attached: ContentPart[] = [];

  done(): readonly Message[] {
    this.#close();
    return this.#messages;
  }

  add(message: Message): void {
    this.#close();
    this.#messages.push(message);
  }

  say(text: string): void {
    this.#open().content += text;
  }

  call(call: ToolCall): void {
    this.#open().toolCalls.push(call);
  }

  picture(medium: Media): void {
    this.#open().media.push(medium);
  }

  result(toolCallId: string, content: string, attached: readonly ContentPart[]): void {
    this.#closeReply();
    this.#messages.push({ role: "tool", toolCallId, content: resultText(content, attached) });
    this.#attached.push(...attached);
  }

  #open(): OpenTurn {
    this.#closeAttached();
    this.#turn ??= { content: "", toolCalls: [], media: [] };
    return this.#turn;
  }

  #close(): void {
    this.#closeReply();
    this.#closeAttached();
  }

  #closeReply(): void {
    const turn = this.#turn;
    if (!turn) return;
    this.#turn = undefined;
    const { content, toolCalls, media } = turn;
    this.#messages.push({
      role: "assistant",
      content,
      ...(toolCalls.length > 0 && { toolCalls }),
      ...(media.length > 0 && { media }),
    });
  }

  #closeAttached(): void {
    if (this.#attached.length === 0) return;
    this.#messages.push({ role: "user", content: this.#attached });
    this.#attached = [];
  }
}
