/** Several replies, between which tools ran, as one. */

import type { AssistantMessage, SearchActivity } from "../contract/message.ts";
import { shiftCitation } from "../stream/shift-citation.ts";
import { UsageTotal } from "../tokens/usage-total.ts";

/** `folded` is what their chunks make: the text of all, and the calls that are left open. */
export function joinedReply(replies: readonly AssistantMessage[], folded: AssistantMessage): AssistantMessage {
  const { usage: _usage, estimatedUsage: _estimate, search: _search, replay: _replay, ...others } = folded;
  const { providerToolCalls: _calls, media: _media, logprobs: _logprobs, ...rest } = others;
  const { usage, estimatedUsage } = usageTotalOf(replies);
  const search = searchOf(replies);
  const providerToolCalls = replies.flatMap((reply) => reply.providerToolCalls ?? []);
  const media = replies.flatMap((reply) => reply.media ?? []);
  const logprobs = replies.flatMap((reply) => reply.logprobs ?? []);
  return {
    ...rest,
    // A reply that began anew has taken back its own, not those of the replies before.
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

/** What the replies have cost together. */
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
