/** A relay under Express: a reader leaves in the middle of a reply, and comes back for the rest. */

import { MemoryStore } from "cloudllm";
import { createRelay, memoryLog, toNode } from "cloudllm/server";
import { relayClient } from "cloudllm/web";
import express from "express";
import { connect } from "./connect.ts";

const relay = createRelay({
  client: connect(),
  // Your own check goes here, such as the cookie of a session. Runs and chats belong to the user that it names.
  authorize: ({ headers }) => (headers.get("authorization") === "Bearer demo" ? { user: "ada" } : undefined),
  sessions: { store: new MemoryStore() }, // the conversations; in production, a database
  log: memoryLog(), // the replies that are being written; for several processes, Redis
  onError: (error) => console.error(error), // the reader sees its kind and one sentence
});

const app = express();
app.use("/chat", toNode(relay.handle));

const server = app.listen(Number(process.env.PORT ?? 8787), "127.0.0.1", async () => {
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/chat`;
  console.log(`the relay listens at ${url}`);
  if (!process.argv.includes("--once")) return console.log("(with --once, this program is also its page)");

  // With --once the example is its own browser, and ends.
  const headers = { authorization: "Bearer demo" };
  const page = relayClient({ url, headers, chat: "stories", onLeave: "detach" });
  for await (const text of (await page.sendMessageStream([{ role: "user", content: "Tell me a story." }])).text()) {
    console.log(`read "${text}", then left`);
    break;
  }
  const reloaded = relayClient({ url, headers, chat: "stories" });
  const stream = await reloaded.attach();
  console.log("came back to:", (await stream?.finalMessage())?.content);
  const stranger = relayClient({ url, chat: "stories" });
  await stranger.attach().catch((error: unknown) => console.log(`a stranger gets: ${error}`));
  await relay.drain(1_000);
  server.close();
});

// Replies that are being written have ten seconds. Then their readers are sent to the next process.
process.once("SIGTERM", async () => {
  await relay.drain(10_000);
  server.close();
});
