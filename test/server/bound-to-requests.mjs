/**
 * A program on Cloudflare's workers, which bind controllers and timers to the request that makes them, end its timers
 * with it, and make no controller before the first one. The rest of the runtime is Node.
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

const { setInterval: begin } = globalThis;
globalThis.setInterval = (...timer) => {
  const interval = begin(...timer);
  requests.getStore()?.intervals.push(interval);
  return interval;
};

/** Does the work of one request. Its timers end with it. */
async function request(number, work) {
  const intervals = [];
  await requests.run({ number, intervals }, work);
  for (const interval of intervals) clearInterval(interval);
}

function refuse(message) {
  throw new Error(message);
}

const { MemoryStore } = await import("cloudllm");
const { createGateway, createRelay } = await import("cloudllm/server");
const { Gate, scriptedClient } = await import("cloudllm/testing");

const client = scriptedClient(() => ({ text: "Hello." }));
const relay = createRelay({ client, authorize: "public", sessions: { store: new MemoryStore() } });
const gateway = createGateway({ client, authorize: "public" });

const said = [];
for (const number of [1, 2]) {
  await request(number, async () => {
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

/** A reply that is silent is ended by the tick of its run. */
const silent = scriptedClient(() => ({ steps: [{ text: "Half" }, { pause: new Gate() }] }));
const limited = createRelay({ client: silent, authorize: "public", limits: { totalMs: 500 } });
for (const number of [3, 4]) {
  await request(number, async () => {
    const body = JSON.stringify({
      run: `run-${number}-of-the-one-worker`,
      messages: [{ role: "user", content: "Hi" }],
    });
    const headers = { "content-type": "application/json" };
    const response = await limited.handle(new Request("http://relay.test/chat", { method: "POST", headers, body }));
    const late = new Promise((resolve) => setTimeout(resolve, 20_000, "It is never ended."));
    const text = await Promise.race([response.text(), late]);
    said.push(text.includes('"timeout"') ? "Ended." : text);
  });
}
console.log(said.map((text) => (text.includes("Hello.") ? "Hello." : text)).join("\n"));
process.exit();
