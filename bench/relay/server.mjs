/**
 * One site in a process of its own: `fork("relay/server.mjs", [NAME, LOG, PROVIDER, REDIS, FOLDER])`. It reports its port, answers
 * each message with the CPU and the memory of the process so far, once its garbage is collected if the message is `true`, and ends with its parent.
 */
import { createServer } from "node:http";
import { toNode } from "cloudllm/server";

const [, , name, log, provider, redis, folder] = process.argv;
const { open, isListener = false } = await import(`./sites/${name}.mjs`);
const handle = await open(provider, log, { redis, folder });

process.on("disconnect", () => process.exit());
process.on("message", (isClean) => {
  const { user, system } = process.cpuUsage();
  if (isClean) globalThis.gc();
  process.send({ cpuUs: user + system, rss: process.memoryUsage.rss() });
});
// The viewers keep their connections while other sites are asked, which takes longer than Node's 5 s.
const server = createServer({ keepAliveTimeout: 120_000 }, isListener ? handle : toNode(handle));
server.listen(0, "127.0.0.1", 4_096, function () {
  process.send({ port: this.address().port });
});
