/** Compares the replies of one turn with its budget. */

import type { AssistantMessage } from "../contract/message.ts";
import { completeUsageOf, type TokenUsage } from "../contract/usage.ts";
import type { TurnBudget } from "./turn-budget.ts";

type Bill = Pick<AssistantMessage, "usage" | "estimatedUsage" | "provider" | "model" | "steps">;

/** Adds up the replies of one turn, and compares them with its budget. */
export class BudgetMeter {
  readonly #budget: TurnBudget;
  #tokens = 0;
  #dollars = 0;

  constructor(budget: TurnBudget) {
    this.#budget = budget;
  }

  /** Adds a reply that is over. */
  add(reply: Bill): void {
    for (const step of reply.steps ?? [reply]) {
      const usage = completeUsageOf(step);
      this.#tokens += usage?.totalTokens ?? 0;
      this.#dollars += (usage && this.#costOf(usage, step)) ?? Number.POSITIVE_INFINITY;
    }
  }

  /** Whether the replies that are over have reached the limit. */
  get isReached(): boolean {
    return this.#reaches(0, 0);
  }

  /** Returns whether they have, together with the reply that is being read, as far as it has come. */
  isReachedWith({ usage, estimatedUsage, provider, model }: Bill): boolean {
    const live = completeUsageOf({ usage, estimatedUsage });
    if (!live) return this.isReached;
    return this.#reaches(live.totalTokens, this.#costAtLeast(live, usage, { provider, model }));
  }

  #reaches(tokens: number, dollars: number): boolean {
    const { tokens: maxTokens = Infinity, dollars: maxDollars = Infinity } = this.#budget;
    return this.#tokens + tokens >= maxTokens || (maxDollars < Infinity && this.#dollars + dollars >= maxDollars);
  }

  /** The estimate of a running reply does not know which part of its input the cache has. */
  #costAtLeast(live: TokenUsage, reported: TokenUsage | undefined, model: Pick<Bill, "provider" | "model">): number {
    const { cachedInputTokens = live.inputTokens, cacheWriteTokens = 0 } = reported ?? {};
    const cached = this.#costOf({ ...live, cachedInputTokens, cacheWriteTokens }, model);
    return cached ?? this.#costOf(live, model) ?? 0;
  }

  #costOf(usage: TokenUsage, { provider, model }: Pick<Bill, "provider" | "model">): number | undefined {
    try {
      return this.#budget.costOf?.(usage, { provider, model });
    } catch {
      return undefined; // an unknown cost, as documented
    }
  }
}
