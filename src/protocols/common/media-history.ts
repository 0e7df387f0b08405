/** Generated images and sounds in the history, for models that do not take them back in their own turn. */

import type { AssistantTurn, ContentPart, Media, Message } from "../../contract/message.ts";
import { usualTypeOf } from "./attachments.ts";

/** The rules by which a request carries the media of earlier replies. */
export interface MediaRules {
  /** Whether the turn itself carries the medium; `position` counts its complete media. */
  readonly carries: (turn: AssistantTurn, medium: Media, position: number) => boolean;
  /** Whether a user's turn may hold this picture. */
  readonly takes: (picture: Media) => boolean;
}

/** Returns the complete media of a turn, by the types that servers know: partial ones are never sent back. */
export function completeMedia({ media = [] }: AssistantTurn): readonly Media[] {
  return media.filter(({ partial }) => !partial).map(withUsualType);
}

function withUsualType(medium: Media): Media {
  const mediaType = usualTypeOf(medium.mediaType);
  return mediaType === undefined ? medium : { ...medium, mediaType };
}

/**
 * Returns the messages with each image that its own turn cannot carry moved into the user's next turn, under a line
 * that names it. A line alone replaces a medium that the model does not accept. A turn without any other content gets a
 * line as its content, since servers refuse empty turns. The transcript of a sound is its turn's content already.
 */
export function withMovedMedia(messages: readonly Message[], rules: MediaRules): readonly Message[] {
  if (!messages.some((message) => message.role === "assistant" && message.media?.length)) return messages;
  let made = 0;
  let waiting: ContentPart[] = [];
  return messages.map((message) => {
    if (message.role === "user" && waiting.length > 0) {
      const { content } = message;
      const own = typeof content === "string" ? [{ type: "text", text: content } as const] : content;
      const moved = { ...message, content: [...waiting, ...own] };
      waiting = [];
      return moved;
    }
    if (message.role !== "assistant") return message;
    const complete = completeMedia(message);
    const left = complete.filter((medium, position) => !rules.carries(message, medium, position));
    if (left.length === 0) return message;
    const isBlank = message.content.trim() === "" && !message.toolCalls?.length;
    const lines: string[] = [];
    for (const medium of left) {
      const { line, parts } = movedAs(medium, ++made, rules);
      lines.push(line);
      if (parts.length > 1 || !isBlank) waiting.push(...parts);
    }
    const isEmpty = isBlank && left.length === complete.length;
    return isEmpty ? { ...message, content: message.content + lines.join("\n") } : message;
  });
}

/** Returns the line that replaces a medium in its turn, and the parts for the user's next turn. */
function movedAs(
  medium: Media,
  number: number,
  { takes }: MediaRules,
): { line: string; parts: readonly ContentPart[] } {
  const { mediaType, transcript } = medium;
  if (mediaType.startsWith("audio/")) return { line: transcript ?? `[sound ${number} (${mediaType})]`, parts: [] };
  const what = mediaType.startsWith("image/") ? "picture" : "file";
  const line = `[${what} ${number} (${mediaType})]`;
  const picture = what === "picture" && takes(medium) ? pictureOf(medium) : undefined;
  if (!picture)
    return {
      line,
      parts: [{ type: "text", text: `[${what} ${number} (${mediaType}), made earlier, is not shown here]` }],
    };
  return { line, parts: [{ type: "text", text: `[${what} ${number}, made earlier:]` }, picture] };
}

function pictureOf({ mediaType, data, url }: Media): ContentPart | undefined {
  if (data !== undefined) return { type: "image", mediaType, data };
  return url === undefined ? undefined : { type: "image", mediaType, url };
}
