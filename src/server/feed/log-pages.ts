/** Reads the pages of a log into a feed. */

import type { LogPage, ReplyLog, RunHead } from "../log/log.ts";
import { endWithText } from "../log/lost-run.ts";
import type { Feed } from "./feed.ts";

/** Fills a feed with all that a log has. Resolves with the last page; with `undefined` when the run has expired. */
export async function readAll(log: ReplyLog, head: RunHead, feed: Feed): Promise<LogPage | undefined> {
  for (;;) {
    const page = await log.read(feed.run, feed.last?.id);
    if (!page) return undefined;
    feed.appendAll(page.entries);
    // A run that has failed without an entry was refused: its reply has not opened.
    if (feed.last || page.end?.type === "complete") feed.open(head.provider, head.model);
    if (page.end) feed.finish(endWithText(page.end, head, feed.entries));
    if (page.end || page.entries.length === 0) return page;
  }
}

/** Reads the entries that a process, taken for dead, has written before the log refused it. */
export async function readOn(log: ReplyLog, feed: Feed): Promise<void> {
  for (;;) {
    const page = await log.read(feed.run, feed.last?.id);
    if (!page || page.entries.length === 0) return;
    feed.appendAll(page.entries);
  }
}
