/** The limit on the tokens and the dollars of one turn. */

import { allNames, namesFault } from "../contract/unknown-option.ts";
import type { TokenUsage } from "../contract/usage.ts";
import { hasFields } from "../platform/json-object.ts";

/** Returns the cost of tokens in US dollars; `undefined` when it is unknown. `costOf` of `cloudllm/models` is one. */
export type CostOf = (
  usage: TokenUsage,
  model: { readonly provider: string; readonly model: string },
) => number | undefined;

/**
 * The limit of one turn: of all its replies together, as their providers bill them, else as estimated. The turn ends
 * with `finishReason: "budget"` when it has reached the limit and would continue:
 *
 * - before the tools of a reply run. Their calls are closed: the history says that they were not run.
 * - inside a streamed reply. The text so far is kept, marked `interrupted` (see `onInterrupt`).
 *
 * A reply that is done when the limit is reached ends as its provider ended it. The last reply may exceed the limit: by
 * a non-streamed reply, and by the error of the estimate, mostly within 20 %.
 */
export type TurnBudget = {
  /** Maximum number of tokens, input and output of all requests. Input from a cache counts in full. */
  readonly tokens?: number | undefined;
} & (
  | { readonly dollars?: undefined; readonly costOf?: undefined }
  | {
      /**
       * Maximum cost in US dollars. While a reply runs, all of its input counts as read from the provider's cache,
       * unless the provider has reported its part: so no reply is cut too early. A complete reply whose cost is unknown
       * counts as if it had reached the limit.
       */
      readonly dollars: number;
      /** The prices: `costOf` of `cloudllm/models`, which a program without this option does not contain. */
      readonly costOf: CostOf;
    }
);

const NAMES = /* @__PURE__ */ allNames<TurnBudget>({ tokens: true, dollars: true, costOf: true });

/** Returns what is wrong with a budget, as a sentence; `undefined` when it is valid. */
export function budgetFault(budget: TurnBudget | undefined): string | undefined {
  if (budget === undefined) return undefined;
  const given: unknown = budget;
  if (!hasFields(given)) return "`budget` must be an object such as `{ tokens: 50_000 }`.";
  const unknown = namesFault(given, NAMES, "budget.");
  if (unknown) return unknown;
  for (const name of ["tokens", "dollars"] as const) {
    const limit: unknown = budget[name];
    if (limit !== undefined && !(typeof limit === "number" && limit > 0))
      return `\`budget.${name}\` must be a number above 0. Received ${String(limit)}.`;
  }
  const { costOf }: { readonly costOf?: unknown } = budget;
  if (costOf !== undefined && typeof costOf !== "function") return "`budget.costOf` must be a function.";
  if (budget.dollars === undefined || costOf) return undefined;
  return "`budget.dollars` needs `budget.costOf`: import it from `cloudllm/models`.";
}
