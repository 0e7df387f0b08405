/** The relay of the application: `npm run server`, and `npm run dev` in another terminal. */

import { createServer } from "node:http";
import { OpenAIClient, OpenAIModel } from "cloudllm";
import { EmbeddedClient } from "cloudllm/embedded";
import { createRelay, memoryLog, toNode } from "cloudllm/server";
import { FileStore } from "cloudllm/store/file";

const hasKey = process.env.OPENAI_API_KEY !== undefined;
const relay = createRelay({
  client: hasKey ? new OpenAIClient({ model: OpenAIModel.GPT6Luna }) : new EmbeddedClient(),
  authorize: "public", // your own check goes here
  sessions: { store: new FileStore("sessions") },
  log: memoryLog(),
  path: "/api/chat",
});

createServer(toNode(relay.handle)).listen(8787, "127.0.0.1", () => console.log("the relay listens on port 8787"));
process.once("SIGTERM", () => relay.drain(10_000).then(() => process.exit()));
