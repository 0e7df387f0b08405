/** Merges the replies of one turn, between which tools ran, into one message. */

import type { AssistantMessage, SearchActivity } from "../contract/message.ts";
import { shiftCitation } from "../stream/shift-citation.ts";
import { UsageTotal } from "../tokens/usage-total.ts";

/**
 * Returns the replies of a turn as one message, with each of them on `steps`.
 * @param folded the message that all their chunks make: the joined text, and the calls without a result
 */
export function mergeReplies(replies: readonly AssistantMessage[], folded: AssistantMessage): AssistantMessage {
  const { usage: _usage, estimatedUsage: _estimate, search: _search, replay: _replay, ...others } = folded;
  const { providerToolCalls: _calls, media: _media, logprobs: _logprobs, ...rest } = others;
  const { usage, estimatedUsage } = usageTotalOf(replies);
  const search = searchOf(replies);
  const providerToolCalls = replies.flatMap((reply) => reply.providerToolCalls ?? []);
  const media = replies.flatMap((reply) => reply.media ?? []);
  const logprobs = replies.flatMap((reply) => reply.logprobs ?? []);
  return {
    ...rest,
    // A reply that was restarted has removed its own citations, not those of the replies before.
    citations: citationsOf(replies),
    ...(providerToolCalls.length > 0 && { providerToolCalls }),
    ...(media.length > 0 && { media }),
    ...(logprobs.length > 0 && { logprobs }),
    ...(usage && { usage }),
    ...(estimatedUsage && { estimatedUsage }),
    ...(search && { search }),
    steps: [...replies],
  };
}

/** Returns the tokens of all replies together. */
function usageTotalOf(replies: readonly AssistantMessage[]): UsageTotal {
  const total = new UsageTotal();
  for (const reply of replies) total.add(reply);
  return total;
}

function citationsOf(replies: readonly AssistantMessage[]): AssistantMessage["citations"] {
  let before = 0;
  return replies.flatMap(({ content, citations }) => {
    const moved = citations.map((citation) => shiftCitation(before, citation));
    before += content.length;
    return moved;
  });
}

function searchOf(replies: readonly AssistantMessage[]): SearchActivity | undefined {
  const searches = replies.flatMap(({ search }) => search ?? []);
  if (searches.length === 0) return undefined;
  return {
    queries: searches.flatMap(({ queries }) => queries),
    count: searches.reduce((sum, { count }) => sum + count, 0),
  };
}
