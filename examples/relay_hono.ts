/** A relay under Hono: a handler of web standards, as it is. The page's client is a client like every other. */

import { serve } from "@hono/node-server";
import { LLMSession } from "cloudllm";
import { createRelay, memoryLog } from "cloudllm/server";
import { relayClient } from "cloudllm/web";
import { Hono } from "hono";
import { connect } from "./connect.ts";

const relay = createRelay({
  client: connect(),
  // Your own check goes here, such as the cookie of a session.
  authorize: ({ headers }) => (headers.get("authorization") === "Bearer demo" ? { user: "ada" } : undefined),
  systemPrompt: "You are a helpful assistant.", // a page cannot change it
  limits: { maxOutputTokens: 2_000 },
  log: memoryLog(),
});

const app = new Hono();
app.all("/chat/*", ({ req }) => relay.handle(req.raw));

const port = Number(process.env.PORT ?? 8787);
const server = serve({ fetch: app.fetch, port, hostname: "127.0.0.1" }, async (address) => {
  const url = `http://127.0.0.1:${address.port}/chat`;
  console.log(`the relay listens at ${url}`);
  if (!process.argv.includes("--once")) return console.log("(with --once, this program is also its page)");

  // With --once the example is its own browser, and ends. The page keeps the conversation in a session.
  const client = relayClient({ url, headers: { authorization: "Bearer demo" } });
  const session = new LLMSession({ client, maxTokens: 8_192 });
  for (const question of ["Write a poem about streams.", "Now make it shorter."]) {
    console.log(`\n> ${question}`);
    for await (const chunk of await session.sendMessageStream(question)) process.stdout.write(chunk.content);
    console.log();
  }
  await relay.drain(1_000);
  server.close();
});

process.once("SIGTERM", async () => {
  await relay.drain(10_000);
  server.close();
});
