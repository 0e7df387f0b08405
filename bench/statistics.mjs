/** Values by round → what the tables say. */

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * How a contender's values compare with the baseline's: the ratio of the medians, and the smallest and the largest ratio
 * within one round, where both met the same weather. Undefined when one of them has no values.
 */
export function ratioOf(values, baseline) {
  if (!values?.length || !baseline?.length) return undefined;
  const rounds = values.slice(0, baseline.length).map((value, round) => value / baseline[round]);
  return { ratio: median(values) / median(baseline), least: Math.min(...rounds), most: Math.max(...rounds) };
}
