/** The laws of `ReplyLog` as cases that any test runner can run. */

import type { ReplyLog } from "../server/log.ts";
import { within } from "./contract/case.ts";
import type { LogCaseDefinition, LogSubject } from "./log/case.ts";
import { endingCases } from "./log/ending.ts";
import { takingOverCases } from "./log/taking-over.ts";
import { watchingCases } from "./log/watching.ts";
import { writingCases } from "./log/writing.ts";

const CASES: readonly LogCaseDefinition[] = [...writingCases, ...endingCases, ...takingOverCases, ...watchingCases];

const DEFAULT_TIMEOUT_MS = 20_000;

/** Times that do not pass during a case, in milliseconds. */
const LONG = { leaseMs: 60_000, keepMs: 600_000 };

/** One law of a log, in the form of a test case. */
export interface LogCase {
  /** A sentence; with the reason, for a case that is not applicable. */
  readonly name: string;
  /** Why the case is not applicable to the log. Then it must be skipped: running it fails. */
  readonly skip?: string;
  /** Resolves when the law holds. Rejects when it does not hold, or when the case takes too long. */
  run(): Promise<void>;
}

/**
 * Returns the laws of `ReplyLog` as test cases, for any log. Most cases open two logs on the same data, as two
 * processes of a server do.
 *
 * @example
 * ```ts
 * import { test } from "node:test";
 * import { redisLog } from "cloudllm/store/redis";
 * import { logSuite } from "cloudllm/testing";
 *
 * const redis = { url: "http://127.0.0.1:8079", token: "test" };
 * const cases = logSuite({
 *   open: (times) => redisLog(redis, times),
 *   cannot: { ring: "readers poll over HTTP" },
 * });
 * for (const { name, skip, run } of cases) test(name, { skip: skip ?? false }, run);
 * ```
 */
export function logSuite(subject: LogSubject): readonly LogCase[] {
  return CASES.map((definition) => {
    const { name } = definition;
    const missing = definition.needs?.find((ability) => subject.cannot?.[ability] !== undefined);
    if (missing === undefined) return { name, run: () => runCase(definition, subject) };
    const skip = `${missing}: ${subject.cannot?.[missing]}`;
    return {
      name: `${name} [not applicable: ${skip}]`,
      skip,
      run: () => Promise.reject(new Error(`This case is not applicable (${skip}); skip it.`)),
    };
  });
}

async function runCase({ name, run }: LogCaseDefinition, subject: LogSubject): Promise<void> {
  const opened: ReplyLog[] = [];
  const open = async (times = {}): Promise<ReplyLog> => {
    const log = await subject.open({ ...LONG, ...times });
    opened.push(log);
    return log;
  };
  try {
    await within(subject.timeoutMs ?? DEFAULT_TIMEOUT_MS, run({ open }), name);
  } finally {
    for (const log of opened) await log.close();
  }
}
