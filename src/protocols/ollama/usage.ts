/** The counts of Ollama's last line as `TokenUsage`. */

import type { TokenUsage } from "../../contract/usage.ts";
import { countIn, countsOf } from "../common/usage-counts.ts";
import type { WireMetrics } from "./wire.ts";

/** The members that make up `TokenUsage.raw`. They are not an object of their own on the wire. */
const METRICS = [
  "total_duration",
  "load_duration",
  "prompt_eval_count",
  "prompt_eval_cached_count",
  "prompt_eval_duration",
  "eval_count",
  "eval_duration",
] as const satisfies readonly (keyof WireMetrics)[];

/**
 * Returns the usage, with the durations in `raw`; `undefined` where the server did not count the prompt. Servers of
 * 2024 leave its count out when they have the whole prompt in their cache.
 */
export function ollamaUsageOf(wire: WireMetrics): TokenUsage | undefined {
  // An empty reply has no count: the server leaves out a count of 0.
  const counts = countsOf(wire.prompt_eval_count, wire.eval_count ?? 0, undefined);
  if (!counts) return undefined;
  const cached = countIn(wire.prompt_eval_cached_count);
  return {
    inputTokens: counts.input,
    outputTokens: counts.output,
    totalTokens: counts.total,
    ...(cached !== undefined && { cachedInputTokens: cached }),
    raw: Object.fromEntries(METRICS.flatMap((name) => (wire[name] === undefined ? [] : [[name, wire[name]]]))),
  };
}
