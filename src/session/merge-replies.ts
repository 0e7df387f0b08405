/** Merges the replies of one turn, between which tools ran, into one reply. */

import type { MessageChunk } from "../contract/chunk.ts";
import type { AssistantMessage, SearchActivity } from "../contract/message.ts";
import { chunksSoFar } from "../stream/rest-of-reply.ts";
import { shiftCitation } from "../stream/shift-citation.ts";
import { UsageTotal } from "../tokens/usage-total.ts";

/** The replies of a turn that are over. The last one is partial after a failure. */
export class RepliesSoFar {
  readonly #replies: AssistantMessage[] = [];
  readonly #total = new UsageTotal();
  /** How many characters, calls and media they have: those of the next reply follow. */
  #characters = 0;
  #calls = 0;
  #media = 0;

  /** The tokens of all of them; `undefined` while no provider reported any. */
  get usage(): AssistantMessage["usage"] {
    return this.#total.usage;
  }

  add(reply: AssistantMessage): void {
    const { content, toolCalls = [], media = [] }: Partial<AssistantMessage> = reply; // any program may be a client
    this.#replies.push(reply);
    this.#characters += content?.length ?? 0;
    this.#calls += toolCalls.length;
    this.#media += media.length;
    this.#total.add(reply);
  }

  /** Returns chunks of the next reply as chunks of the merged one: their positions and indexes count on. */
  shift(batch: readonly MessageChunk[]): readonly MessageChunk[] {
    if (this.#replies.length === 0) return batch;
    return batch.map((chunk) => {
      if (chunk.type === "media") return { ...chunk, index: chunk.index + this.#media };
      if (chunk.type === "toolCallDelta") return { ...chunk, index: chunk.index + this.#calls };
      return chunk.type === "citation" ? shiftCitation(this.#characters, chunk) : chunk;
    });
  }

  /** Adds a reply that is over. Returns its chunks as those of the merged reply. */
  addShown(reply: AssistantMessage): readonly MessageChunk[] {
    const chunks = this.shift(chunksSoFar(reply));
    this.add(reply);
    return chunks;
  }

  /**
   * Returns the merged reply.
   * @param folded the message that all chunks so far make
   * @param running the reply that is being read, as far as it has come
   * @param isTurn whether tools ran, so that the reply has `steps` even if it is the only one
   */
  merge(folded: AssistantMessage, running: AssistantMessage | undefined, isTurn: boolean): AssistantMessage {
    const replies = running ? [...this.#replies, running] : this.#replies;
    const [only, ...others] = replies;
    if (!only) return folded;
    if (others.length > 0 || isTurn) return mergeReplies(replies, folded);
    return only.content === folded.content ? only : asShown(only, folded);
  }
}

/**
 * Returns the replies of a turn as one message, with each of them on `steps`.
 * @param folded the message that all their chunks make: the joined text, and the calls without a result
 */
function mergeReplies(replies: readonly AssistantMessage[], folded: AssistantMessage): AssistantMessage {
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

/**
 * Returns a reply without the chunks that arrived after its consumer stopped: the history keeps what the consumer has
 * seen.
 */
function asShown(reply: AssistantMessage, shown: AssistantMessage): AssistantMessage {
  const { replay: _replay, output: _output, unfinishedToolCalls: _unfinished, media: _media, ...rest } = reply;
  const { content, reasoning, toolCalls, unfinishedToolCalls, citations, media } = shown;
  return {
    ...rest,
    content,
    reasoning,
    toolCalls,
    citations,
    ...(media && { media }),
    ...(unfinishedToolCalls && { unfinishedToolCalls }),
  };
}
