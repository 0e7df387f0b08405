/** The blocks of a recorded reply as they go back. */

import { type Loose, listOf, looseOf, objectsIn } from "./rules.ts";

/** Returns the content blocks of a recorded body, streamed or not, as far as they can be read. */
export function recordedBlocks(body: string): readonly Loose[] {
  const blocks = new Map<unknown, Loose>();
  for (const event of objectsIn(body)) {
    const { index, content_block, delta, content, message } = event;
    for (const whole of [...listOf(content), ...listOf(looseOf(message).content)]) blocks.set(blocks.size, whole);
    if (content_block) blocks.set(index, looseOf(content_block));
    else if (delta && blocks.has(index)) blocks.set(index, grown(looseOf(blocks.get(index)), looseOf(delta)));
  }
  return [...blocks.values()].map(withInput);
}

/** What its deltas add to a block. */
function grown(block: Loose, delta: Loose): Loose {
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
      return { ...block, citations: [...listOf(block.citations), looseOf(delta.citation)] };
    case "compaction_delta":
      return { ...block, content: delta.content };
    default:
      return block;
  }
}

function withInput({ partial_json, ...block }: Loose): Loose {
  if (typeof partial_json !== "string" || partial_json.trim() === "") return block;
  const [input] = objectsIn(partial_json);
  return input === undefined ? block : { ...block, input };
}
