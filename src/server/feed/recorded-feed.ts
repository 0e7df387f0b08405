/** A reply that the log has no longer, from the conversation that the relay keeps. */

import type { RunEnd, RunHead } from "../log/log.ts";
import { Feed } from "./feed.ts";
import type { Mask } from "./feed-events.ts";

/** Returns a feed with the end of a run, for a viewer that missed it. */
export function recordedFeed(
  head: Pick<RunHead, "id" | "chat" | "messageId" | "before" | "provider" | "model">,
  end: RunEnd,
  mask: Mask,
): Feed {
  const feed = new Feed(head, mask);
  feed.open(head.provider, head.model);
  feed.finish(end);
  return feed;
}
