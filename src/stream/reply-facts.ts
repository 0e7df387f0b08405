/** The facts of a reply that are not in its chunks, from the first byte to the message. */

import type { SendError } from "../contract/errors.ts";
import type { AssistantMessage, TokenLogprob } from "../contract/message.ts";
import type { Attempt } from "../contract/metrics.ts";

/**
 * The facts that a message carries, and how long each holds: for one attempt, or for all attempts of the call. A fact
 * in this list is a field of `ReplyFacts`, merged from the message of a relayed reply, and reset before the next
 * attempt.
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
 * The facts of a reply that are not in its chunks. Their owner writes them while the reply runs. `finishReason` is set
 * only once the provider gave a reason; `estimatedUsage` only by an owner who knows more than the chunks show: of a
 * relayed reply, or of several attempts.
 */
export interface ReplyFacts extends MessageFacts {
  provider: string;
  model: string;
  /** In the order of the text; grows while the reply runs. */
  logprobs?: TokenLogprob[];
  /** The service that is billed, where it is reported outside the usage: an estimate also is at that price. */
  serviceTier?: string;
  /** The provider and model that were asked, to be noted in `replay`. */
  readonly writer?: { readonly origin: string; readonly account?: string } | undefined;
  readonly attempts: Attempt[];
  /** How often the connection to a relay was made again; absent for every other source. */
  reconnects?: number;
  /**
   * The provider took the conversation's last turn as the beginning of this reply: the text continues exactly where
   * that turn ends.
   */
  continuesExactly?: boolean;
  /** The key to which the provider ties signed parts of this reply; for the decoder. See `ProtocolRequest.binding`. */
  binding?: () => unknown;
  /** Return an error that is found in the reply without the secrets of the requests. @internal */
  redactions?: readonly ((error: SendError) => SendError)[];
  /** Estimated tokens of the request; called only when the provider did not count. */
  estimateInput?: () => number;
}

/** Merges the facts in the message of another reply into `facts`, but not its attempts, which the owner counts. */
export function mergeFacts(facts: ReplyFacts, message: AssistantMessage): void {
  const { provider, model, logprobs, estimatedUsage } = message;
  const merged = Object.fromEntries(factNames().map((fact) => [fact, message[fact]]));
  // A stream of foreign chunks learns only from the last one which model wrote them.
  const writer = { provider: provider || facts.provider, model: model || facts.model };
  Object.assign(facts, merged, { logprobs: logprobs && [...logprobs] }, writer);
  if (estimatedUsage) facts.estimateInput = () => estimatedUsage.inputTokens;
}

/** Removes the facts of an earlier attempt, which do not hold for the next. */
export function resetFacts(facts: ReplyFacts, model: string): void {
  facts.model = model;
  delete facts.serviceTier;
  for (const fact of factNames()) if (FACTS[fact] === "attempt") delete facts[fact];
}

function factNames(): readonly Fact[] {
  return Object.keys(FACTS) as Fact[];
}
