/** The limit on the tokens and the cost of a turn. The prices are loaded only where a cost is limited. */

import type { ClientWrapper, TurnBudget } from "../index.ts";
import { CommandError } from "./command-error.ts";
import { quoted } from "./one-line.ts";
import type { Settings } from "./settings.ts";

type Model = Pick<ClientWrapper, "provider" | "model">;

/**
 * Returns the budget of each turn.
 * @throws {CommandError} with exit code 2 when a cost is limited and a model has no price
 */
export async function budgetOf({ budget }: Settings, models: readonly Model[]): Promise<TurnBudget | undefined> {
  if (!budget) return undefined;
  const { dollars, tokens } = budget;
  if (dollars === undefined) return { tokens };
  const { costOf } = await import("../models/index.ts");
  for (const { provider, model } of models) {
    // A reply without a price could not be cut in time.
    if (costOf({ inputTokens: 1, outputTokens: 1, totalTokens: 2 }, { provider, model }) !== undefined) continue;
    throw new CommandError(`The price of ${quoted(model)} is not known. Use --max-total-tokens for it.`, 2);
  }
  return { tokens, dollars, costOf };
}
