/** A relay under Hono: a handler of web standards, as it is. The server keeps the conversations. */

import { serve } from "@hono/node-server";
import { MemoryStore } from "cloudllm";
import { createRelay, memoryLog } from "cloudllm/server";
import { Hono } from "hono";
import { connect } from "./connect.ts";

const relay = createRelay({
  client: connect(),
  // Your own check goes here, such as the cookie of a session. Each chat belongs to the user that it names.
  authorize: ({ headers }) => (headers.get("authorization") === "Bearer demo" ? { user: "ada" } : undefined),
  sessions: { store: new MemoryStore(), maxTokens: 8_192 },
  log: memoryLog(),
});

const app = new Hono();
app.all("/chat/*", ({ req }) => relay.handle(req.raw));

const server = serve(
  { fetch: app.fetch, port: Number(process.env.PORT ?? 8787), hostname: "127.0.0.1" },
  async (address) => {
    const url = `http://127.0.0.1:${address.port}/chat`;
    console.log(`the relay listens at ${url}`);
    if (!process.argv.includes("--once")) return;

    // With --once the example is its own reader. It sends what is new; the relay knows the rest.
    const headers = { authorization: "Bearer demo", "content-type": "application/json" };
    for (const message of ["Write a poem about streams.", "Now make it shorter."]) {
      const run = crypto.randomUUID().replaceAll("-", "");
      const body = JSON.stringify({ run, chat: "poems", message });
      const reply = await fetch(`${url}/`, { method: "POST", headers, body });
      const events = (await reply.text()).match(/^data: .*$/gm) ?? [];
      console.log(`> ${message}\n${events.length} events, the last: ${events.at(-1)}\n`);
    }
    const history = await fetch(`${url}/poems`, { headers });
    console.log("the conversation:", await history.json());
    await relay.drain(1_000);
    server.close();
  },
);

process.once("SIGTERM", async () => {
  await relay.drain(10_000);
  server.close();
});
