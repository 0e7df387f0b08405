/** What replies cost, for people. The prices are loaded when the first of them is there to be priced. */

import type { SessionUsage, TurnUsage } from "../index.ts";

/** Such as `$0.00042`, or `≈$0.00042` where the tokens are an estimate; `undefined` where no price is known. */
export async function replyCostOf(reply: TurnUsage): Promise<string | undefined> {
  // An estimate covers the whole reply, what was reported of it included.
  const usage = reply.estimatedUsage ?? reply.usage;
  if (!usage) return undefined;
  const { costOf } = await import("../models/index.ts");
  const cost = costOf(usage, reply);
  return cost === undefined ? undefined : `${reply.estimatedUsage ? "≈" : ""}${dollarsOf(cost)}`;
}

/** The same for a conversation: `$0.0021`, or `$0.0021 for 2 of 3` where not all prices are known. */
export async function conversationCostOf({ turns }: SessionUsage): Promise<string | undefined> {
  if (turns.length === 0) return undefined;
  const { costOf } = await import("../models/index.ts");
  let total = 0;
  let known = 0;
  let about = "";
  for (const turn of turns) {
    const usage = turn.estimatedUsage ?? turn.usage;
    const cost = usage && costOf(usage, turn);
    if (cost === undefined) continue;
    total += cost;
    known += 1;
    if (turn.estimatedUsage) about = "≈";
  }
  if (known === 0) return undefined;
  return `${about}${dollarsOf(total)}${known < turns.length ? ` for ${known} of ${turns.length}` : ""}`;
}

/** In cents from a dollar on, else with two digits that say something. */
export function dollarsOf(cost: number): string {
  if (cost === 0) return "$0";
  if (cost >= 0.995) return `$${cost.toFixed(2)}`;
  const rounded = Number(cost.toPrecision(2));
  const decimals = Math.max(2, 1 - Math.floor(Math.log10(rounded)));
  return `$${rounded.toFixed(Math.min(decimals, 12))}`;
}
