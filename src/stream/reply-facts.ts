/** What is known of a reply beside its chunks, from the first byte to the message. */

import type { AssistantMessage, Replay, TokenLogprob } from "../contract/message.ts";
import type { Attempt } from "../contract/metrics.ts";

/**
 * The facts that a message carries, and how long each holds: for one attempt, or for all attempts of the call. A fact in this
 * list is a field of `ReplyFacts`, merged from the message of a relayed reply, and reset before the next attempt.
 */
const FACTS = {
  id: "attempt",
  requestId: "attempt",
  finishReason: "attempt",
  rawFinishReason: "attempt",
  usage: "attempt",
  estimatedUsage: "call",
  search: "attempt",
  logprobs: "attempt",
  output: "attempt",
  replay: "attempt",
  raw: "attempt",
  rateLimits: "call",
} as const;

type Fact = keyof typeof FACTS;

/** As in the message, but absent until known. */
type MessageFacts = { -readonly [Name in Exclude<Fact, "logprobs">]?: AssistantMessage[Name] };

/**
 * What is known of a reply beside its chunks. Its owner writes into it while the reply runs. `finishReason` is set only once the
 * provider gave a reason; `estimatedUsage` only by an owner who knows more than the chunks show: of a relayed reply, or of several
 * attempts.
 */
export interface ReplyFacts extends MessageFacts {
  provider: string;
  model: string;
  /** In the order of the text; grows while the reply runs. */
  logprobs?: TokenLogprob[];
  /** The service that is billed, where it is reported outside the usage: an estimate is at that price, too. */
  serviceTier?: string;
  /** Who was asked, to be noted in `replay`. */
  readonly writer?: Pick<Replay, "origin" | "account">;
  readonly attempts: Attempt[];
  /** The provider took the conversation's last turn as the beginning of this reply: the text goes on exactly behind it. */
  continuesExactly?: boolean;
  /** What the provider ties signed parts of this reply to; for the decoder. See `ProtocolRequest.binding`. */
  binding?: () => unknown;
  /** Remove the secrets of the requests from the texts of an error, whoever finds it in the reply. */
  redactions?: Set<(text: string) => string>;
  /** Estimated tokens of the request; called only when the provider did not count. */
  estimateInput?: () => number;
}

/** Merges what the message of another reply says beside its text into `facts`. Attempts are the owner's own affair. */
export function mergeFacts(facts: ReplyFacts, message: AssistantMessage): void {
  const { provider, model, logprobs, estimatedUsage } = message;
  const merged = Object.fromEntries(factNames().map((fact) => [fact, message[fact]]));
  // A stream of somebody's chunks learns only in the end who wrote them.
  const writer = { provider: provider || facts.provider, model: model || facts.model };
  Object.assign(facts, merged, { logprobs: logprobs && [...logprobs] }, writer);
  if (estimatedUsage) facts.estimateInput = () => estimatedUsage.inputTokens;
}

/** Removes what an earlier attempt reported of itself: it does not hold for the next. */
export function resetFacts(facts: ReplyFacts, model: string): void {
  facts.model = model;
  delete facts.serviceTier;
  for (const fact of factNames()) if (FACTS[fact] === "attempt") delete facts[fact];
}

function factNames(): readonly Fact[] {
  return Object.keys(FACTS) as Fact[];
}
