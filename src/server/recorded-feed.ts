/** A reply that the log has no longer, from the conversation that the relay keeps. */

import type { ChatHistory } from "../dialects/native/wire.ts";
import { Feed } from "./feed.ts";
import { isReply } from "./history.ts";

/**
 * Returns a feed with the end of a run, for a viewer that missed it. `undefined` where the reply is not the last one of
 * the conversation, or is not complete.
 */
export function recordedFeed(run: string, chat: string, { messages, ...last }: ChatHistory): Feed | undefined {
  const message = messages.at(-1);
  if (last.run !== run || message?.role !== "assistant" || message.interrupted || !isReply(message)) return undefined;
  const feed = new Feed(
    { id: run, chat, messageId: last.messageId },
    { chunks: (chunks) => chunks, message: (shown) => shown, end: () => ({ type: "complete", message }) },
  );
  feed.open(message.provider, message.model);
  feed.finish({ type: "complete", message });
  return feed;
}
