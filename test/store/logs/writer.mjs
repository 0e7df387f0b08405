/**
 * Writes a run until it is killed, or loses it. Says on stdout, at once, `wrote N` for each entry that is in the log, and
 * at the end what the log has answered. Stands still as soon as something arrives on stdin. Arguments: the engine, its
 * address, the lease in milliseconds, the head of the run.
 */
import { writeSync } from "node:fs";
import { setTimeout as elapse } from "node:timers/promises";
import { redisLog } from "cloudllm/store/redis";
import { sqliteLog } from "cloudllm/store/sqlite";
import { redisDrivers, sqliteDrivers } from "../../interop/drivers.mjs";

const [engine, address, leaseMs, head] = process.argv.slice(2);
const times = { leaseMs: Number(leaseMs) };
const log =
  engine === "sqlite"
    ? sqliteLog(await sqliteDrivers[0].open(address), times)
    : redisLog((await redisDrivers.find(({ name }) => name === engine).connect(address)).client, times);
const say = (line) => writeSync(1, `${line}\n`);
let isToStop = false;
process.stdin.once("data", () => {
  isToStop = true;
});

const writer = await log.begin(JSON.parse(head));
for (let number = 1; ; number++) {
  const chunks = [{ type: "text", content: `1-${number} `, isFinal: false }];
  if ((await writer.append([{ id: `1-${number}`, type: "chunks", chunks }])) === "lost") break;
  say(`wrote ${number}`);
  await elapse(2);
  if (!isToStop) continue;
  isToStop = false;
  say("stands still");
  process.kill(process.pid, "SIGSTOP");
}
const again = await writer.append([]);
const message = { role: "assistant", content: "all", finishReason: "stop" };
say(`lost ${JSON.stringify({ again, end: await writer.end({ type: "complete", message }) })}`);
process.exit();
