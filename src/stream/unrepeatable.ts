/** The parts of a broken reply that no further attempt may make, or run, a second time. */

import type { MessageChunk } from "../contract/chunk.ts";

/**
 * Names of provider tools that change nothing outside the reply: searches, pages, and code in a sandbox. A tool that
 * makes a picture is one of them, since the picture itself counts.
 */
const WITHOUT_EFFECT =
  /(^|_)(search(_with_snippets)?|fetch|tool_search_tool_\w+|code_(execution|interpreter)|browse_page|view_(image|x_video)|url_context|google_(maps|search_(image|web))|image_generation|list_tools)$/;

/**
 * Returns whether a chunk keeps its reply from being continued, or begun again:
 *
 * - A call that was delivered would run twice.
 * - A picture or a sound would be made and billed twice. A preview is made again.
 * - A tool of the provider may have had an effect, such as one of an MCP server. A search is repeated.
 */
export function isUnrepeatable(chunk: MessageChunk): boolean {
  switch (chunk.type) {
    case "toolCall":
      return true;
    case "media":
      return !chunk.partial || chunk.append === true || chunk.mediaType.startsWith("audio/");
    case "providerToolCall":
      return !WITHOUT_EFFECT.test(chunk.providerToolCall.name);
    default:
      return false;
  }
}
