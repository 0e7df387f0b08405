/** The parts of a broken reply that no further attempt may make, or run, a second time. */

import type { MessageChunk } from "../contract/chunk.ts";

/** Tools of providers that change nothing outside the reply: searches, pages, code in a sandbox, and pictures. */
const WITHOUT_EFFECT: readonly string[] = [
  "search",
  "web_search",
  "web_fetch",
  "file_search",
  "collections_search",
  "x_search",
  "x_keyword_search",
  "x_semantic_search",
  "x_user_search",
  "x_thread_fetch",
  "view_x_video",
  "view_image",
  "browse_page",
  "google_search",
  "google_search_web",
  "google_maps",
  "url_context",
  "code_execution",
  "code_interpreter",
  "bash_code_execution",
  "text_editor_code_execution",
  "tool_search",
  "tool_search_tool_regex",
  "tool_search_tool_bm25",
  "mcp_list_tools",
  "image_generation", // the picture itself counts, as a medium
];

/**
 * Returns whether a chunk keeps its reply from being continued, or begun again: a call that was delivered would run
 * twice, a picture or a sound would be made and billed twice, and so would a tool of the provider that may have had an
 * effect, such as one of an MCP server. A preview is made again, and so is a search.
 */
export function isSpent(chunk: MessageChunk): boolean {
  switch (chunk.type) {
    case "toolCall":
      return true;
    case "media":
      return !chunk.partial || chunk.append === true || chunk.mediaType.startsWith("audio/");
    case "providerToolCall":
      return !WITHOUT_EFFECT.includes(chunk.providerToolCall.name);
    default:
      return false;
  }
}
