/** The facts of a reply that belong to one attempt. */

import type { ReplyFacts } from "../stream/fold.ts";

const OF_ONE_ATTEMPT = [
  "id",
  "requestId",
  "finishReason",
  "rawFinishReason",
  "usage",
  "serviceTier",
  "search",
  "logprobs",
  "output",
  "replay",
  "raw",
] as const;

/** Removes what an earlier attempt reported of itself: it does not hold for the next. */
export function resetFacts(facts: ReplyFacts, model: string): void {
  facts.model = model;
  for (const fact of OF_ONE_ATTEMPT) delete facts[fact];
}
