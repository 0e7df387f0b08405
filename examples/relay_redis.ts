/** Two processes and one Redis: the process that writes a reply is killed, and the other one writes on. */

import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { createRelay, toNode } from "cloudllm/server";
import { redisLog } from "cloudllm/store/redis";
import { relayClient } from "cloudllm/web";
import { Redis } from "ioredis";
import { connect } from "./connect.ts";

const REDIS_URL = process.env.REDIS_URL ?? "redis://127.0.0.1:6379";
const ADDRESS = "http://relay.internal/chat";

if (process.argv.includes("relay")) await serve();
else await read();

/** One process of the server: it has nothing that the others do not have. */
async function serve(): Promise<void> {
  const redis = new Redis(REDIS_URL);
  redis.on("error", (error) => console.error(`Redis: ${error.message}`)); // ioredis connects again by itself
  const relay = createRelay({
    client: connect(),
    authorize: ({ headers }) => (headers.get("authorization") === "Bearer demo" ? { user: "ada" } : undefined),
    log: redisLog(redis, { leaseMs: 3_000 }), // a process that is silent for so long is dead
    recover: "continue",
  });
  const server = createServer(toNode(relay.handle)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  process.send?.(typeof address === "object" ? address?.port : undefined);
  process.once("disconnect", () => process.exit()); // the reader is gone
}

/** The reader. It sees one address, and nothing of the processes behind it. */
async function read(): Promise<void> {
  const redis = new Redis(REDIS_URL, { lazyConnect: true, retryStrategy: () => null });
  redis.on("error", () => undefined); // reported by `connect`
  try {
    await redis.connect();
    redis.disconnect();
  } catch {
    console.log(`There is no Redis at ${REDIS_URL}: start \`redis-server\`, or set REDIS_URL.`);
    return;
  }

  const processes = await Promise.all(["first", "second"].map(start));
  const client = relayClient({
    url: ADDRESS,
    headers: { authorization: "Bearer demo" },
    // Stands for a load balancer: requests go to the first process that lives.
    fetch: (address, init) => {
      const alive = processes.find(({ child }) => !child.killed);
      return fetch(address.replace(ADDRESS, `http://127.0.0.1:${alive?.port}/chat`), init);
    },
  });

  const stream = await client.sendMessageStream([{ role: "user", content: "Tell me a long story about a fox." }]);
  let text = "";
  for await (const chunk of stream) {
    process.stdout.write(chunk.type === "rewind" ? `[${chunk.length} characters back]` : chunk.content);
    text += chunk.content;
    const [first] = processes;
    if (text.length > 40 && first && !first.child.killed) {
      first.child.kill("SIGKILL");
      process.stdout.write("[killed]");
    }
  }
  const { finishReason, metrics } = await stream.finalMessage();
  console.log(`\n\nended with: ${finishReason}, reconnects: ${metrics.reconnects}`);
  for (const { child } of processes) child.kill();
}

async function start(name: string) {
  const child = fork(fileURLToPath(import.meta.url), ["relay"]);
  const [port] = await once(child, "message");
  console.log(`the ${name} process listens at port ${port}`);
  return { child, port: Number(port) };
}
