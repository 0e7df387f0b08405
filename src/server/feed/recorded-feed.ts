/** A reply that the log has no longer, from the conversation that the relay keeps. */

import type { AssistantMessage } from "../../contract/message.ts";
import type { RunHead } from "../log/log.ts";
import { Feed } from "./feed.ts";

/** Returns a feed with the end of a run, for a viewer that missed it. @param message as its viewers see it */
export function recordedFeed(head: Pick<RunHead, "id" | "chat">, message: AssistantMessage): Feed {
  const feed = new Feed(head, {
    chunks: (chunks) => chunks,
    message: (shown) => shown,
    end: () => ({ type: "complete", message }),
  });
  feed.open(message.provider, message.model);
  feed.finish({ type: "complete", message });
  return feed;
}
