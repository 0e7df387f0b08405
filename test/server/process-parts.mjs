/** The parts that the programs of server processes share. */

import { createServer } from "node:http";
import { toNode } from "cloudllm/server";
import { redisLog } from "cloudllm/store/redis";
import { sqliteLog } from "cloudllm/store/sqlite";
import { redisDrivers, sqliteDrivers } from "../interop/drivers.mjs";

/** Opens the log at the address of Redis, or in a file of SQLite. */
export async function openLog(place, leaseMs) {
  const times = { leaseMs: Number(leaseMs) };
  return place.startsWith("redis:")
    ? redisLog((await redisDrivers[0].connect(place)).client, times)
    : sqliteLog(await sqliteDrivers[0].open(place), times);
}

/** Serves on a free port of loopback, and says it on stdout. */
export function serve(handle) {
  createServer(toNode(handle)).listen(0, "127.0.0.1", function () {
    process.stdout.write(`${this.address().port}\n`);
  });
}
