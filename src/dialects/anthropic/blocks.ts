/** Blocks of content in requests of Anthropic Messages: texts, pictures and documents. */

import type { AttachmentSource, ContentPart } from "../../contract/message.ts";
import { isJsonObject, type JsonObject } from "../../platform/json-object.ts";
import { sourceOfBase64, sourceOfUrl } from "../gateway/attachments.ts";
import { arrayOf, objectOf, requiredString, stringOf } from "../gateway/fields.ts";
import { badRequest } from "../refusal.ts";

/** A block, and its place in the request for messages. */
export interface PlacedBlock {
  readonly block: JsonObject;
  readonly place: string;
}

/** Returns the blocks of a content, which may be one string. */
export function blocksOf(content: unknown, place: string): readonly PlacedBlock[] {
  if (typeof content === "string") return [{ block: { type: "text", text: content }, place }];
  return arrayOf(content, `\`${place}\``).map((item, index) => {
    const inner = `${place}.${index}`;
    return { block: objectOf(item, `\`${inner}\``), place: inner };
  });
}

/** Returns the text of a content that has texts only, such as `system`. */
export function textOfBlocks(content: unknown, place: string, separator: string): string {
  const texts = blocksOf(content, place).map(({ block, place: inner }) => {
    if (block.type === "text") return stringOf(block.text, `\`${inner}.text\``) ?? "";
    throw badRequest(`\`${inner}.type\` must be text.`);
  });
  return texts.join(separator);
}

/**
 * Returns the parts that a block of the user stands for.
 * @throws {Refusal} 400 when its type is not known here
 */
export function partsOf({ block, place }: PlacedBlock): readonly ContentPart[] {
  switch (block.type) {
    case "text":
      return [{ type: "text", text: stringOf(block.text, `\`${place}.text\``) ?? "" }];
    case "image":
      return [{ type: "image", ...sourceOf(objectOf(block.source, `\`${place}.source\``), `${place}.source`) }];
    case "document":
      return documentParts(block, place);
    case "search_result":
      return [{ type: "text", text: searchResultText(block, place) }];
    default:
      throw badRequest(`\`${place}.type\` is ${JSON.stringify(block.type)}, which is not known here.`);
  }
}

/** A document of plain text is a text: models of all providers read it. */
function documentParts(block: JsonObject, place: string): readonly ContentPart[] {
  const source = objectOf(block.source, `\`${place}.source\``);
  const title = stringOf(block.title, `\`${place}.title\``) ?? "";
  if (source.type === "text") {
    const data = stringOf(source.data, `\`${place}.source.data\``) ?? "";
    return [{ type: "text", text: title === "" ? data : `${title}\n\n${data}` }];
  }
  if (source.type === "content") return blocksOf(source.content, `${place}.source.content`).flatMap(partsOf);
  const named = title === "" ? {} : { filename: title };
  return [{ type: "file", ...sourceOf(source, `${place}.source`), ...named }];
}

function sourceOf(source: JsonObject, place: string): AttachmentSource {
  switch (source.type) {
    case "base64":
      return sourceOfBase64(source.data, source.media_type, `\`${place}\``);
    case "url":
      return sourceOfUrl(requiredString(source.url, `\`${place}.url\``), `\`${place}.url\``);
    case "file":
      return { fileId: requiredString(source.file_id, `\`${place}.file_id\``) };
    default:
      throw badRequest(`\`${place}.type\` must be base64, url or file.`);
  }
}

function searchResultText(block: JsonObject, place: string): string {
  const lines = [block.title, block.source].filter((line) => typeof line === "string");
  return [...lines, textOfBlocks(block.content, `${place}.content`, "\n")].join("\n");
}

/** Returns the marks for the provider's cache in a value, at any depth that a request has them. */
export function cacheMarks(value: unknown, depth = 6): readonly JsonObject[] {
  if (depth === 0 || typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((item) => cacheMarks(item, depth - 1));
  const { cache_control: mark, content } = value as JsonObject;
  return [...(isJsonObject(mark) ? [mark] : []), ...cacheMarks(content, depth - 1)];
}
