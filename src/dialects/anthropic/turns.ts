/**
 * The messages of Anthropic Messages in this library's words.
 * @see https://docs.anthropic.com/en/api/messages
 */

import type {
  AssistantTurn,
  ContentPart,
  Message,
  ToolCall,
  ToolMessage,
  UserMessage,
} from "../../contract/message.ts";
import { isJsonObject, type JsonObject } from "../../platform/json-object.ts";
import { attachmentsOf, foundTools, resultText } from "../gateway/calls.ts";
import { arrayOf, booleanOf, objectOf, requiredString, stringOf } from "../gateway/fields.ts";
import { badRequest } from "../refusal.ts";
import { blocksOf, type PlacedBlock, partsOf, textOfBlocks } from "./blocks.ts";

/**
 * Returns the conversation of a request, its `system` first.
 * @throws {Refusal} 400 that names the first message that cannot be read
 */
export function anthropicTurns(system: unknown, value: unknown): readonly Message[] {
  const given = arrayOf(value, "`messages`");
  if (given.length === 0) throw badRequest("`messages` must be an array that is not empty.");
  const lastOfUser = given.findLastIndex((item) => isJsonObject(item) && item.role === "user");
  const messages = given.flatMap((item, index) => {
    const place = `messages.${index}`;
    const message = objectOf(item, `\`${place}\``);
    const isCleared = message.clear_at === "next_user_message" && index < lastOfUser;
    return isCleared ? [] : turnsOf(message, place);
  });
  return [...systemTurns(system, "system"), ...withBeginning(messages)];
}

/** A conversation that ends with the assistant's words asks for the rest of them. */
function withBeginning(messages: readonly Message[]): readonly Message[] {
  const last = messages.at(-1);
  const isBeginning = last?.role === "assistant" && !last.toolCalls && last.content !== "";
  return isBeginning ? [...messages.slice(0, -1), { ...last, interrupted: true }] : messages;
}

function turnsOf({ role, content }: JsonObject, place: string): readonly Message[] {
  switch (role) {
    case "system":
      return systemTurns(content, `${place}.content`);
    case "user":
      return userTurns(blocksOf(content, `${place}.content`));
    case "assistant":
      return [assistantTurn(blocksOf(content, `${place}.content`))];
    default:
      throw badRequest(`\`${place}.role\` must be user or assistant.`);
  }
}

/**
 * Blocks about tools are for `toolsOf`. Claude Code begins with a block for Anthropic's server, which differs in each
 * conversation: before the model's prompt it would keep other providers from finding the rest in their caches.
 */
function systemTurns(given: unknown, place: string): readonly Message[] {
  const content = Array.isArray(given) ? (given as readonly unknown[]).filter((block) => !isForServer(block)) : given;
  const text = textOfBlocks(content ?? [], place, "\n\n");
  return text === "" ? [] : [{ role: "system", content: text }];
}

function isForServer(block: unknown): boolean {
  if (!isJsonObject(block)) return false;
  const { type, text } = block;
  if (type === "tool_addition" || type === "tool_removal") return true;
  return typeof text === "string" && text.startsWith("x-anthropic-billing-header:");
}

/** Results come first, since they answer the turn before; pictures in them follow with the user's own words. */
function userTurns(blocks: readonly PlacedBlock[]): readonly Message[] {
  const results: ToolMessage[] = [];
  const parts: ContentPart[] = [];
  for (const placed of blocks) {
    if (placed.block.type !== "tool_result") parts.push(...partsOf(placed));
    else {
      const { message, attachments } = resultOf(placed);
      results.push(message);
      parts.push(...attachments);
    }
  }
  if (parts.length === 0) return results.length > 0 ? results : [{ role: "user", content: "" }];
  return [...results, { role: "user", content: contentOf(parts) }];
}

/** One text is a string: providers write it in fewer words. */
function contentOf(parts: readonly ContentPart[]): UserMessage["content"] {
  const [only] = parts;
  return parts.length === 1 && only?.type === "text" ? only.text : parts;
}

interface Result {
  readonly message: ToolMessage;
  readonly attachments: readonly ContentPart[];
}

/** A result is text in this library: pictures and files in it go to the user's turn behind it. */
function resultOf({ block, place }: PlacedBlock): Result {
  const toolCallId = requiredString(block.tool_use_id, `\`${place}.tool_use_id\``);
  const isError = booleanOf(block.is_error, `\`${place}.is_error\``) ?? false;
  const blocks = blocksOf(block.content ?? [], `${place}.content`);
  const found = blocks.flatMap((placed) => (placed.block.type === "tool_reference" ? [referenceOf(placed)] : []));
  const parts = blocks.filter((placed) => placed.block.type !== "tool_reference").flatMap(partsOf);
  const words = parts.flatMap((part) => (part.type === "text" ? [part.text] : []));
  const texts = found.length > 0 ? [...words, foundTools(found)] : words;
  const attachments = attachmentsOf(toolCallId, parts);
  const content = resultText(texts.join("\n"), attachments);
  return { message: { role: "tool", toolCallId, content, ...(isError && { isError }) }, attachments };
}

function referenceOf({ block, place }: PlacedBlock): string {
  return requiredString(block.tool_name, `\`${place}.tool_name\``);
}

/**
 * Thinking of earlier replies is accepted and left out: the gateway has kept what the provider wants back of its own
 * replies. So are the records of tools that Anthropic's servers ran.
 */
function assistantTurn(blocks: readonly PlacedBlock[]): AssistantTurn {
  const texts: string[] = [];
  const calls: ToolCall[] = [];
  for (const { block, place } of blocks) {
    if (block.type === "text") texts.push(stringOf(block.text, `\`${place}.text\``) ?? "");
    if (block.type !== "tool_use") continue;
    const id = requiredString(block.id, `\`${place}.id\``);
    calls.push({ id, name: requiredString(block.name, `\`${place}.name\``), arguments: block.input ?? {} });
  }
  return { role: "assistant", content: texts.join(""), ...(calls.length > 0 && { toolCalls: calls }) };
}
