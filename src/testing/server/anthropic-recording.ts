/** The blocks of a recorded reply as they go back. */

import type { JsonObject } from "../../platform/json-object.ts";
import { listOf, objectOr, objectsIn } from "./rules.ts";

/** Returns the content blocks of a recorded body, streamed or not, as far as they can be read. */
export function recordedBlocks(body: string): readonly JsonObject[] {
  const blocks = new Map<unknown, JsonObject>();
  for (const event of objectsIn(body)) {
    const { index, content_block, delta, content, message } = event;
    for (const block of [...listOf(content), ...listOf(objectOr(message).content)]) blocks.set(blocks.size, block);
    if (content_block) blocks.set(index, objectOr(content_block));
    else if (delta && blocks.has(index)) blocks.set(index, grown(objectOr(blocks.get(index)), objectOr(delta)));
  }
  return [...blocks.values()].map(withInput);
}

/** Returns the block with a delta added to it. */
function grown(block: JsonObject, delta: JsonObject): JsonObject {
  const append = (name: string) => ({ ...block, [name]: `${block[name] ?? ""}${delta[name] ?? ""}` });
  switch (delta.type) {
    case "text_delta":
      return append("text");
    case "thinking_delta":
      return append("thinking");
    case "signature_delta":
      return append("signature");
    case "input_json_delta":
      return append("partial_json");
    case "citations_delta":
      return { ...block, citations: [...listOf(block.citations), objectOr(delta.citation)] };
    case "compaction_delta":
      return { ...block, ...delta, type: block.type };
    default:
      return block;
  }
}

function withInput({ partial_json, ...block }: JsonObject): JsonObject {
  if (typeof partial_json !== "string" || partial_json.trim() === "") return block;
  const [input] = objectsIn(partial_json);
  return input === undefined ? block : { ...block, input };
}
