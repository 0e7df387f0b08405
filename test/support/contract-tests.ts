/** The registration of a contract suite with the test runner. */

import type { LawCase } from "cloudllm/testing";
import { test } from "vitest";

/** These watch real clocks for a second or less, and do nothing meanwhile. */
const WAITS = /^(?:timeouts:|law 6: the idle clock)/;

/**
 * Registers the cases, one test each; those that wait for a clock wait side by side.
 * @param reasonOf why a case is not run, in addition to its own reason
 */
export function registerCases(
  cases: readonly LawCase[],
  reasonOf: (name: string) => string | undefined = () => undefined,
): void {
  const isSkipped = ({ name, skip }: LawCase): boolean => (skip ?? reasonOf(name)) !== undefined;
  const inTurn = cases.filter(({ name }) => !WAITS.test(name));
  const together = cases.filter(({ name }) => WAITS.test(name));
  for (const each of inTurn) test.skipIf(isSkipped(each))(each.name, each.run);
  for (const each of together) (isSkipped(each) ? test.skip : test.concurrent)(each.name, each.run);
}
