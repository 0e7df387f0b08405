/** The relay's program for tests with several processes, and the logs that those share. */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { driversMissing, sqliteMissing } from "../interop/drivers.mjs";
import { redisMissing } from "../support/redis-server.ts";

export const RELAY_PROCESS: string = fileURLToPath(new URL("relay-process.mjs", import.meta.url));

const isBuilt = existsSync(fileURLToPath(new URL("../../dist/server/index.js", import.meta.url)));
const unbuilt = isBuilt ? undefined : "dist is not built";

/** A log that processes share, and the reason for which it cannot be tried here. */
export interface SharedLog {
  readonly name: "redisLog" | "sqliteLog";
  readonly missing: string | undefined;
  readonly title: string;
}

const logOf = (name: SharedLog["name"], missing: string | undefined): SharedLog => ({
  name,
  missing,
  title: missing === undefined ? name : `${name} [${missing}]`,
});

export const SHARED_LOGS: readonly SharedLog[] = [
  logOf("redisLog", redisMissing ?? driversMissing ?? unbuilt),
  logOf("sqliteLog", sqliteMissing ?? unbuilt),
];
