/** The log in memory keeps the laws of a log, within one process. */

import { test } from "vitest";
import type { ReplyLog } from "../../../src/server/log/log.ts";
import { memoryLog } from "../../../src/server/log/memory-log.ts";
import { logSuite } from "../../../src/testing/log-suite.ts";

const logs = new Map<string, ReplyLog>();
const open = (times: { leaseMs: number; keepMs: number }): ReplyLog => {
  const key = JSON.stringify(times);
  const log = logs.get(key) ?? memoryLog(times);
  logs.set(key, log);
  return log;
};

for (const { name, skip, run } of logSuite({ open })) test.skipIf(skip !== undefined)(name, run);
