/** Numbers of tokens as providers tell them. A usage is a bill: what is no number, or was not told, is not made up. */

/** `undefined` for what is no number of tokens. */
export function countIn(value: unknown): number | undefined {
  return typeof value === "number" && value >= 0 && value < Number.POSITIVE_INFINITY ? value : undefined;
}

/** Of what went in, what came out and both, any two tell the third. `undefined` where fewer were told. */
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

/** All input of a request to a server of OpenAI's formats. xAI leaves what was cached out of it when that is more than the rest. */
export function withCached(input: number, cached: number | undefined): number {
  return cached !== undefined && cached > input ? input + cached : input;
}
