/**
 * Starts calls at once within a limit that it shares, and says `begun` on stdout for each that begins. Arguments: the address of Redis, the
 * limit of requests, the number of calls.
 */
import { writeSync } from "node:fs";
import { rateLimit } from "cloudllm";
import { redisWindow } from "cloudllm/store/redis";
import { scriptedClient } from "cloudllm/testing";
import { redisDrivers } from "../interop/drivers.mjs";

const [url, requestsPerMinute, count] = process.argv.slice(2);
const { client: redis } = await redisDrivers[0].connect(url);
const calls = Array.from({ length: Number(count) }, () => ({ text: "ok" }));
const options = {
  requestsPerMinute: Number(requestsPerMinute),
  shared: redisWindow(redis, { name: "all", timeoutMs: 20_000 }),
};
const client = rateLimit(scriptedClient(calls), options);
for (const _ of calls) {
  client.sendMessage([{ role: "user", content: "?" }]).then(() => writeSync(1, "begun\n"));
}
