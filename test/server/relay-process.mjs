/**
 * A relay in a process of its own, on a log in Redis. Its model counts, and goes on where a beginning ends. It reports its port on
 * stdout. Arguments: the address of Redis, the lease in milliseconds, how many words, and `continue` for take-overs.
 */
import { createServer } from "node:http";
import { createRelay, toNode } from "cloudllm/server";
import { redisLog } from "cloudllm/store/redis";
import { scriptedClient } from "cloudllm/testing";
import { redisDrivers } from "../interop/drivers.mjs";

const [url, leaseMs, count, recover] = process.argv.slice(2);
const words = Array.from({ length: Number(count) }, (_, index) => `word${index} `);

const client = scriptedClient(({ messages }) => {
  const last = messages.at(-1);
  const beginning = last?.role === "assistant" ? last.content : "";
  const rest = words.slice(beginning.split(" ").length - 1);
  return { steps: rest.flatMap((text) => [{ text }, { pause: Math.random() * 8 }]) };
});

const { client: redis } = await redisDrivers[0].connect(url);
const log = redisLog(redis, { leaseMs: Number(leaseMs) });
const relay = createRelay({
  client,
  authorize: "public",
  log,
  limits: { runsPerUser: 1_000 },
  ...(recover && { recover }),
});
createServer(toNode(relay.handle)).listen(0, "127.0.0.1", function () {
  process.stdout.write(`${this.address().port}\n`);
});
