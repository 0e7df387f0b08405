/**
 * A gateway in a process of its own, on a log that others share. Its model counts, and continues a beginning. It reports its port on
 * stdout. Arguments: the address of Redis or the path of a SQLite file, the lease in milliseconds, how many words, and the key.
 */
import { createServer } from "node:http";
import { bearerKey, createGateway, toNode } from "cloudllm/server";
import { redisLog } from "cloudllm/store/redis";
import { sqliteLog } from "cloudllm/store/sqlite";
import { scriptedClient } from "cloudllm/testing";
import { redisDrivers, sqliteDrivers } from "../interop/drivers.mjs";

const [place, leaseMs, count, key] = process.argv.slice(2);
const times = { leaseMs: Number(leaseMs) };
const words = Array.from({ length: Number(count) }, (_, index) => `word${index} `);

const counting = scriptedClient(({ messages }) => {
  const last = messages.findLast(({ role }) => role === "assistant");
  const rest = words.slice((last?.content ?? "").split(" ").length - 1);
  return { steps: rest.flatMap((text) => [{ text }, { pause: Math.random() * 2 }]) };
});

const log = place.startsWith("redis:")
  ? redisLog((await redisDrivers[0].connect(place)).client, times)
  : sqliteLog(await sqliteDrivers[0].open(place), times);
const gateway = createGateway({ client: counting, authorize: bearerKey(key), log, recover: "continue" });
createServer(toNode(gateway.handle)).listen(0, "127.0.0.1", function () {
  process.stdout.write(`${this.address().port}\n`);
});
