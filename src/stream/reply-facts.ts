/** The facts of a reply that are not in its chunks, from the first byte to the message. */

import type { SendError } from "../contract/errors.ts";
import type { AssistantMessage, TokenLogprob } from "../contract/message.ts";
import type { Attempt } from "../contract/metrics.ts";
import type { Ending } from "./ending.ts";

/** One fact: how long it holds (one attempt, or all attempts of the call), and which messages show it as it is. */
interface FactRule {
  readonly holdsFor: "attempt" | "call";
  /** `ended`: all but that of a running reply. `derived`: the fold makes the value from this fact and others. */
  readonly shownIn: "all" | "ended" | "complete" | "derived";
}

/**
 * The facts that a message carries. A fact in this list is a field of `ReplyFacts`, shown in the message, merged from
 * the message of a relayed reply, and reset before the next attempt.
 */
const FACTS = {
  id: { holdsFor: "attempt", shownIn: "all" },
  requestId: { holdsFor: "attempt", shownIn: "all" },
  finishReason: { holdsFor: "attempt", shownIn: "derived" },
  rawFinishReason: { holdsFor: "attempt", shownIn: "all" },
  usage: { holdsFor: "attempt", shownIn: "all" },
  estimatedUsage: { holdsFor: "call", shownIn: "derived" },
  search: { holdsFor: "attempt", shownIn: "all" },
  contentFilter: { holdsFor: "attempt", shownIn: "all" },
  logprobs: { holdsFor: "attempt", shownIn: "ended" },
  output: { holdsFor: "attempt", shownIn: "complete" },
  replay: { holdsFor: "attempt", shownIn: "derived" },
  raw: { holdsFor: "attempt", shownIn: "all" },
  rateLimits: { holdsFor: "call", shownIn: "all" },
} as const;

type Fact = keyof typeof FACTS;

/** The fields of a message that are not facts: the chunks make them, or its owner. */
type OtherField =
  | "role"
  | "content"
  | "reasoning"
  | "toolCalls"
  | "unfinishedToolCalls"
  | "citations"
  | "providerToolCalls"
  | "media"
  | "steps"
  | "metrics"
  | "provider"
  | "model"
  | "interrupted";

/** This line does not compile when a new field of the message is in neither list. */
const RULES: Readonly<Record<Exclude<keyof AssistantMessage, OtherField>, FactRule>> = FACTS;

/** The facts that a message shows as they are. */
type ShownFact = { [Name in Fact]: (typeof FACTS)[Name]["shownIn"] extends "derived" ? never : Name }[Fact];

const NAMES: readonly Fact[] = /* @__PURE__ */ Object.keys(FACTS) as Fact[];

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
  /** Returns the facts of the request that the decoder needs. See `ProtocolRequest.binding`. */
  binding?: () => unknown;
  /** Return an error that is found in the reply without the secrets of the requests. @internal */
  redactions?: readonly ((error: SendError) => SendError)[];
  /** Estimated tokens of the request; called only when the provider did not count. */
  estimateInput?: () => number;
}

/** Merges the facts in the message of another reply into `facts`, but not its attempts, which the owner counts. */
export function mergeFacts(facts: ReplyFacts, message: AssistantMessage): void {
  const { provider, model, logprobs, estimatedUsage } = message;
  const merged = Object.fromEntries(NAMES.map((fact) => [fact, message[fact]]));
  // A stream of foreign chunks learns only from the last one which model wrote them.
  const writer = { provider: provider || facts.provider, model: model || facts.model };
  Object.assign(facts, merged, { logprobs: logprobs && [...logprobs] }, writer);
  if (estimatedUsage) facts.estimateInput = () => estimatedUsage.inputTokens;
}

/** Removes the facts of an earlier attempt, which do not hold for the next. */
export function resetFacts(facts: ReplyFacts, model: string): void {
  facts.model = model;
  delete facts.serviceTier;
  for (const fact of NAMES) if (RULES[fact].holdsFor === "attempt") delete facts[fact];
}

/** Returns the known facts that the message of a reply shows as they are. */
export function shownFacts(facts: ReplyFacts, ending: Ending): Pick<AssistantMessage, ShownFact> {
  const shown: Record<string, unknown> = {};
  for (const fact of NAMES) {
    const value = facts[fact];
    if (value !== undefined && isShown(RULES[fact].shownIn, ending)) shown[fact] = value;
  }
  return shown;
}

function isShown(where: FactRule["shownIn"], ending: Ending): boolean {
  switch (where) {
    case "all":
      return true;
    case "ended":
      return ending !== "running";
    case "complete":
      return ending === "complete";
    case "derived":
      return false;
  }
}
