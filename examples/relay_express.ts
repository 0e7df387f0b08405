/** A relay under Express: a reader who loses the connection comes back, and the reply goes on where it was. */

import { createRelay, memoryLog, toNode } from "cloudllm/server";
import express from "express";
import { connect } from "./connect.ts";

const relay = createRelay({
  client: connect(),
  // Your own check goes here, such as the cookie of a session. Each run belongs to the user that it names.
  authorize: ({ headers }) => (headers.get("authorization") === "Bearer demo" ? { user: "ada" } : undefined),
  systemPrompt: "You are a helpful assistant.",
  log: memoryLog(),
  onError: (error) => console.error(error), // the reader sees its kind and one sentence
});

const app = express();
app.use("/chat", toNode(relay.handle));

const server = app.listen(Number(process.env.PORT ?? 8787), "127.0.0.1", async () => {
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/chat`;
  console.log(`the relay listens at ${url}`);
  if (!process.argv.includes("--once")) return;

  // With --once the example is its own reader: it reads a little, leaves, and comes back for the rest.
  const headers = { authorization: "Bearer demo", "content-type": "application/json" };
  const run = crypto.randomUUID().replaceAll("-", "");
  const messages = [{ role: "user", content: "Tell me a short story." }];
  const first = await fetch(url, { method: "POST", headers, body: JSON.stringify({ run, messages }) });
  let last = "";
  for await (const { id, data } of eventsOf(first)) {
    last = id ?? last;
    if (last === "") continue; // the beginning has no id
    console.log(`read, then left: ${data}`);
    break; // closes the connection
  }
  const events = [];
  for await (const { data } of eventsOf(await fetch(`${url}/${run}/stream?after=${last}`, { headers })))
    events.push(data);
  console.log(`came back to ${events.length} events, the last: ${events.at(-1)}`);
  const stranger = await fetch(`${url}/${run}/stream`);
  console.log(`without the token: ${stranger.status}`);
  await relay.drain(1_000);
  server.close();
});

// Running replies have ten seconds to end. Readers are sent to the next process.
process.once("SIGTERM", async () => {
  await relay.drain(10_000);
  server.close();
});

/** The events of a response: lines `id: …` and `data: …`, and an empty line. */
async function* eventsOf(
  response: Response,
): AsyncGenerator<{ readonly id: string | undefined; readonly data: string }> {
  let text = "";
  for await (const bytes of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const events = (text + bytes).split("\n\n");
    text = events.pop() ?? "";
    for (const event of events) {
      const data = /^data: (.*)$/m.exec(event)?.[1];
      if (data !== undefined) yield { id: /^id: (.*)$/m.exec(event)?.[1], data };
    }
  }
}
