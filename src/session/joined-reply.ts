/** Several replies, between which tools ran, as one. */

import type { AssistantMessage, SearchActivity, TokenUsage } from "../message.ts";
import { sumOf } from "./usage.ts";

/** `folded` is what their chunks make: the text of all, and the calls that are left open. */
export function joinedReply(replies: readonly AssistantMessage[], folded: AssistantMessage): AssistantMessage {
  const { usage: _usage, estimatedUsage: _estimate, search: _search, replay: _replay, ...rest } = folded;
  const usage = usageOf(replies);
  const estimatedUsage = estimatedUsageOf(replies);
  const search = searchOf(replies);
  return {
    ...rest,
    ...(usage && { usage }),
    ...(estimatedUsage && { estimatedUsage }),
    ...(search && { search }),
    steps: [...replies],
  };
}

/** What the providers reported, in sum; absent when none did. */
export function usageOf(replies: readonly AssistantMessage[]): TokenUsage | undefined {
  const [first, ...others] = replies.flatMap(({ usage }) => usage ?? []);
  return first && (others.length === 0 ? first : others.reduce(sumOf, first));
}

/** An estimate covers the whole; where a provider did report, its figures are the better estimate. */
function estimatedUsageOf(replies: readonly AssistantMessage[]): TokenUsage | undefined {
  if (!replies.some(({ estimatedUsage }) => estimatedUsage)) return undefined;
  const [first, ...others] = replies.flatMap(({ usage, estimatedUsage }) => estimatedUsage ?? usage ?? []);
  return first && others.reduce(sumOf, first);
}

function searchOf(replies: readonly AssistantMessage[]): SearchActivity | undefined {
  const searches = replies.flatMap(({ search }) => search ?? []);
  if (searches.length === 0) return undefined;
  return {
    queries: searches.flatMap(({ queries }) => queries),
    count: searches.reduce((sum, { count }) => sum + count, 0),
  };
}
