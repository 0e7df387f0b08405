/**
 * A relay in a process of its own, over the built package. It reports its port, and the growth of its memory when it is asked.
 * Arguments: the protocol, the transport, the model's server, the key, the log, its address and its driver, the lease in
 * milliseconds, and `continue` for take-overs.
 */
import { createServer } from "node:http";
import { createRelay, memoryLog, toNode } from "cloudllm/server";
import { redisLog } from "cloudllm/store/redis";
import { sqliteLog } from "cloudllm/store/sqlite";
import { redisDrivers, sqliteDrivers } from "../interop/drivers.mjs";
import { clientOf } from "./clients.mjs";

const [protocol, transport, origin, apiKey, logName, address, driver, leaseMs, recover] = process.argv.slice(2);
const times = { leaseMs: Number(leaseMs) };

const relay = createRelay({
  client: clientOf(protocol, transport, origin, apiKey),
  authorize: "public",
  log: await logOf(logName),
  limits: { runsPerUser: 1_000 },
  ...(recover && { recover }),
});

let before = 0;
let most = 0;
const look = () => {
  most = Math.max(most, process.memoryUsage.rss());
};
process.on("message", () => {
  look();
  process.send({ grownBy: most - before });
});
createServer(toNode(relay.handle)).listen(0, "127.0.0.1", function () {
  before = process.memoryUsage.rss();
  most = before;
  setInterval(look, 20).unref();
  process.send({ port: this.address().port });
});

async function logOf(name) {
  switch (name) {
    case "memory":
      return memoryLog(times);
    case "SQLite":
      return sqliteLog(await sqliteDrivers[0].open(address), times);
    case "Redis":
      return redisLog((await redisDrivers[driver % redisDrivers.length].connect(address)).client, times);
    default:
      return undefined;
  }
}
