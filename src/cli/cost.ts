/** The cost of replies, for people. The prices are loaded for the first priced reply. */

import { completeUsageOf, type SessionUsage, type TurnUsage } from "../index.ts";

/** Returns a text such as `$0.00042`, or `≈$0.00042` for estimated tokens; `undefined` for an unknown price. */
export async function replyCostOf(reply: TurnUsage): Promise<string | undefined> {
  const usage = completeUsageOf(reply);
  if (!usage) return undefined;
  const { costOf } = await import("../models/index.ts");
  const cost = costOf(usage, reply);
  return cost === undefined ? undefined : `${reply.estimatedUsage ? "≈" : ""}${dollarsOf(cost)}`;
}

/** Returns the same for a conversation: `$0.0021`, or `$0.0021 for 2 of 3` where some prices are unknown. */
export async function conversationCostOf({ turns }: SessionUsage): Promise<string | undefined> {
  if (turns.length === 0) return undefined;
  const { costOf } = await import("../models/index.ts");
  let total = 0;
  let known = 0;
  let about = "";
  for (const turn of turns) {
    const usage = completeUsageOf(turn);
    const cost = usage && costOf(usage, turn);
    if (cost === undefined) continue;
    total += cost;
    known += 1;
    if (turn.estimatedUsage) about = "≈";
  }
  if (known === 0) return undefined;
  return `${about}${dollarsOf(total)}${known < turns.length ? ` for ${known} of ${turns.length}` : ""}`;
}

/** Formats an amount in cents from a dollar on, else with two significant digits. */
export function dollarsOf(cost: number): string {
  if (cost === 0) return "$0";
  if (cost >= 0.995) return `$${cost.toFixed(2)}`;
  const rounded = Number(cost.toPrecision(2));
  const decimals = Math.max(2, 1 - Math.floor(Math.log10(rounded)));
  return `$${rounded.toFixed(Math.min(decimals, 12))}`;
}
