/** Token counts as providers report them. A usage is a bill: a missing or invalid count is never made up. */

import type { TokenUsage } from "../../contract/usage.ts";

/** Returns a token count; `undefined` for any other value. Some gateways write counts as strings. */
export function countIn(value: unknown): number | undefined {
  if (typeof value === "string") return /^\d{1,15}$/.test(value) ? Number(value) : undefined;
  return typeof value === "number" && value >= 0 && value < Number.POSITIVE_INFINITY ? value : undefined;
}

/** Returns the usage to keep: the later report, unless it has nothing but zeros. Some gateways end with zeros. */
export function laterUsage(earlier: TokenUsage | undefined, later: TokenUsage): TokenUsage {
  return earlier && later.inputTokens === 0 && later.outputTokens === 0 ? earlier : later;
}

/** Returns input, output and total, where two of them give the third; `undefined` with fewer than two. */
export function countsOf(
  input: unknown,
  output: unknown,
  both: unknown,
): { readonly input: number; readonly output: number; readonly total: number } | undefined {
  const [went, came, total] = [countIn(input), countIn(output), countIn(both)];
  if (went !== undefined && came !== undefined) return { input: went, output: came, total: total ?? went + came };
  if (total === undefined) return undefined;
  if (went !== undefined) return { input: went, output: Math.max(0, total - went), total };
  return came === undefined ? undefined : { input: Math.max(0, total - came), output: came, total };
}

/** Returns all input of a request in OpenAI's formats. xAI excludes the cached tokens when they outnumber the rest. */
export function withCached(input: number, cached: number | undefined): number {
  return cached !== undefined && cached > input ? input + cached : input;
}
