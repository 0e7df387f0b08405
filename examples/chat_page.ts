/**
 * A chat in a page without a framework: the relay keeps the conversations, and `createChats` shows them. Open the page
 * in two tabs, and reload it in the middle of a word.
 */

import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import { MemoryStore } from "cloudllm";
import { createRelay, memoryLog, toNode } from "cloudllm/server";
import { type Chat, createChats } from "cloudllm/web";
import { connect } from "./connect.ts";

const relay = createRelay({
  client: connect(),
  authorize: "public", // your own check goes here
  sessions: { store: new MemoryStore() },
  log: memoryLog(),
  path: "/api/chat",
});

const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>Chat</title>
<script type="importmap">{ "imports": { "cloudllm/web": "/cloudllm/web/index.js" } }</script>
<main></main>
<form><input autofocus required><button>Send</button><button type="button">Stop</button><output></output></form>
<script type="module">
  import { createChats } from "cloudllm/web";

  const [main, form, input, send, output] = ["main", "form", "input", "button", "output"].map((name) =>
    document.querySelector(name),
  );
  const chat = createChats({ url: "/api/chat" }).open("example");
  const shown = new Map(); // a message that did not change is the same object, and is not drawn again
  chat.subscribe(() => {
    const { messages, status, error } = chat.snapshot;
    const lines = messages.map((message) => {
      const line = shown.get(message) ?? document.createElement("p");
      if (!shown.has(message)) line.textContent = message.role + ": " + message.content;
      return [message, line];
    });
    shown.clear();
    for (const [message, line] of lines) shown.set(message, line);
    main.replaceChildren(...shown.values());
    output.textContent = error?.message ?? status;
    send.disabled = status !== "idle" && status !== "failed"; // also keeps Enter from sending
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    chat.send(input.value);
    form.reset();
  });
  form.querySelector("[type=button]").addEventListener("click", () => chat.stop());
</script>`;

const chats = toNode(relay.handle);
const server = createServer((request, response) => {
  const { pathname } = new URL(request.url ?? "/", "http://localhost");
  if (pathname.startsWith("/api/chat")) return chats(request, response);
  const file = /^\/cloudllm\/(\w+\/[\w-]+\.js)$/.exec(pathname)?.[1];
  if (file === undefined) return response.setHeader("content-type", "text/html; charset=utf-8").end(PAGE);
  // An application bundles this file with its own. Here the browser loads it as it is.
  const folder = new URL("..", import.meta.resolve("cloudllm/web"));
  response.setHeader("content-type", "text/javascript; charset=utf-8");
  createReadStream(new URL(file, folder)).pipe(response);
});

server.listen(Number(process.env.PORT ?? 8787), "127.0.0.1", async () => {
  const address = server.address();
  const origin = `http://127.0.0.1:${typeof address === "object" && address?.port}`;
  console.log(`open ${origin}`);
  if (!process.argv.includes("--once")) return;

  // With --once the example is its own page, and ends: it is left in the middle of a reply, and opened again.
  const open = () => createChats({ url: `${origin}/api/chat` }).open("example");
  const first = open();
  void first.send("Write a poem about streams.");
  await begun(first);
  const again = open();
  await begun(again);
  console.log(`after a reload: ${again.snapshot.messages.length} messages, ${again.snapshot.status}`);
  await again.stop();
  for (const { id, role, content } of again.snapshot.messages) console.log(`${id} ${role}: ${content}`);
  await relay.drain(1_000);
  server.close();
});

/** Resolves when the first words of a reply are there. */
function begun(chat: Chat): Promise<void> {
  return new Promise((resolve) => {
    const leave = chat.subscribe(() => {
      if (!chat.snapshot.messages[1]?.content) return;
      leave();
      resolve();
    });
  });
}
