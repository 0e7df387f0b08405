/** The laws of `ReplyLog` as cases that any test runner can run. */

import { checkArgument } from "../contract/argument.ts";
import type { ReplyLog } from "../server/log/log.ts";
import { within } from "./contract/case.ts";
import { type LawCase, lawCases } from "./law-case.ts";
import type { LogCaseDefinition, LogSubject } from "./log/case.ts";
import { endingCases } from "./log/ending.ts";
import { takingOverCases } from "./log/taking-over.ts";
import { watchingCases } from "./log/watching.ts";
import { writingCases } from "./log/writing.ts";

const CASES: readonly LogCaseDefinition[] = [...writingCases, ...endingCases, ...takingOverCases, ...watchingCases];

const DEFAULT_TIMEOUT_MS = 50_000;

/** Times that do not pass during a case, in milliseconds. */
const LONG = { leaseMs: 60_000, keepMs: 600_000 };

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
 *   cannot: { notify: "readers poll over HTTP" },
 * });
 * for (const { name, skip, run } of cases) test(name, { skip: skip ?? false }, run);
 * ```
 */
export function logSuite(subject: LogSubject): readonly LawCase[] {
  checkArgument("subject", subject, { open: "function" });
  return lawCases(CASES, subject.cannot, (definition) => runCase(definition, subject));
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
