/**
 * A program on Cloudflare's workers, which bind controllers to the request that makes them, and make none before the
 * first one. The rest of the runtime is Node.
 * @see https://developers.cloudflare.com/workers/observability/errors/
 */

import { AsyncLocalStorage } from "node:async_hooks";

const requests = new AsyncLocalStorage();

Object.defineProperty(globalThis, "navigator", { value: { userAgent: "Cloudflare-Workers" } });

globalThis.AbortController = class extends AbortController {
  #request = requests.getStore() ?? refuse("Disallowed operation called within global scope.");

  #check() {
    if (requests.getStore() !== this.#request) refuse("Cannot perform I/O on behalf of a different request.");
  }

  get signal() {
    this.#check();
    return super.signal;
  }

  abort(reason) {
    this.#check();
    super.abort(reason);
  }
};

function refuse(message) {
  throw new Error(message);
}

const { MemoryStore } = await import("cloudllm");
const { createGateway, createRelay } = await import("cloudllm/server");
const { scriptedClient } = await import("cloudllm/testing");

const client = scriptedClient(() => ({ text: "Hello." }));
const relay = createRelay({ client, authorize: "public", sessions: { store: new MemoryStore() } });
const gateway = createGateway({ client, authorize: "public" });

const said = [];
for (const number of [1, 2]) {
  await requests.run({ number }, async () => {
    const ask = (url, body) =>
      new Request(`http://relay.test${url}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
    const run = `run-${number}-of-the-one-worker`;
    said.push(await (await relay.handle(ask("/chat", { run, chat: "c", message: "Hi" }))).text());
    const messages = [{ role: "user", content: "Hi" }];
    said.push(await (await gateway.handle(ask("/v1/chat/completions", { model: "script", messages }))).text());
  });
}
console.log(said.map((text) => (text.includes("Hello.") ? "Hello." : text)).join("\n"));
process.exit();
