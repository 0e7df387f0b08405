/** What the published package must do on every runtime, against the server of `test-runtimes.mjs`. */
import { CompatibleClient, SendError } from "cloudllm";
import { EmbeddedClient } from "cloudllm/embedded";
import { relayClient } from "cloudllm/web";

const question = [{ role: "user", content: "hi" }];

/**
 * Streams a whole reply, a cut one and one that is left, and lets the embedded model talk. Resolves with a line of what
 * was seen; rejects at the first thing that is not as promised. `weights`: the model's, where the runtime has no files.
 */
export async function check(origin, weights) {
  await readsWhole(origin);
  await knowsCut(origin);
  await letsGo(origin);
  await knowsItsWays(origin);
  const reconnects = await relays(origin);
  return `a relayed reply over ${reconnects} broken connections, embedded at ${await talks(weights)} tokens/s`;
}

/** The text that came, and how many final chunks. */
export async function readAll(stream) {
  let text = "";
  let finals = 0;
  for await (const chunk of stream) {
    text += chunk.content;
    if (chunk.isFinal) finals += 1;
  }
  return `${text} (${finals})`;
}

export function ask(origin, plan) {
  const client = new CompatibleClient({ baseUrl: `${origin}/${plan}/v1`, model: "test", retries: 0 });
  return client.sendMessageStream(question);
}

async function readsWhole(origin) {
  const read = await readAll(await ask(origin, "whole"));
  if (read !== "Hello, wörld 🌍! (1)") throw new Error(`a whole reply was read as ${read}`);
}

/** Reads a reply whose connection breaks once its first text was read. */
async function knowsCut(origin) {
  const stream = await ask(origin, "cut");
  let ending = "a normal end";
  try {
    for await (const chunk of stream) if (chunk.content !== "") await fetch(`${origin}/break`);
  } catch (error) {
    ending = error instanceof SendError ? `${error.kind}, ${error.partial?.content}` : error;
  }
  if (ending !== "network, Hello" && ending !== "truncated, Hello") throw new Error(`a cut reply ended with ${ending}`);
}

/** Leaves a reply that never ends by itself, and waits until the server has seen its connection close. */
async function letsGo(origin) {
  const stream = await ask(origin, "endless");
  for await (const chunk of stream) if (chunk.content !== "") break;
  const kept = (await stream.finalMessage()).content;
  if (kept !== "Hello") throw new Error(`of a reply that was left this is kept: ${kept}`);
  const left = await (await fetch(`${origin}/left`)).text();
  if (left !== "yes") throw new Error("the connection of a reply that was left stayed open");
}

/** Where the platform decides about the way to the network, an option for it is refused before anything is sent. */
async function knowsItsWays(origin) {
  if (globalThis.Bun || globalThis.Deno || globalThis.process?.versions?.node) return; // a program of its own
  const baseUrl = `${origin}/whole/v1`;
  const ways = [
    { proxy: true },
    { proxy: "http://127.0.0.1:9" },
    { agent: { addRequest() {} } },
    { baseUrl: "unix:/run/a.sock:/v1" },
  ];
  for (const way of ways) {
    let ending = "a reply";
    try {
      await new CompatibleClient({ baseUrl, model: "test", retries: 0, ...way }).sendMessage(question);
    } catch (error) {
      ending = error instanceof SendError ? error.kind : error;
    }
    if (ending !== "unsupported") throw new Error(`${Object.keys(way)[0]} ended with ${ending}`);
  }
  const read = await readAll(
    await new CompatibleClient({ baseUrl, model: "test", retries: 0, proxy: false }).sendMessageStream(question),
  );
  if (read !== "Hello, wörld 🌍! (1)") throw new Error(`with \`proxy: false\` a reply was read as ${read}`);
}

/** Watches a reply through a relay whose connections break, then stops one that never ends. Resolves with how often. */
async function relays(origin) {
  const url = `${origin}/relay`;
  const stream = await relayClient({ url, model: "whole" }).sendMessageStream(question);
  const read = await readAll(stream);
  if (read !== "Hello, wörld 🌍! (1)") throw new Error(`a relayed reply was read as ${read}`);
  const { reconnects } = stream.metrics;
  if (reconnects === 0) throw new Error("no connection to the relay broke");
  const endless = await relayClient({ url, model: "endless" }).sendMessageStream(question);
  for await (const chunk of endless) if (chunk.content !== "") break;
  const left = await (await fetch(`${origin}/left`)).text();
  if (left !== "yes") throw new Error("the provider of a relayed reply that was left was kept");
  return reconnects;
}

/** Tokens a second. The seed makes it the same story everywhere. */
async function talks(weights) {
  const client = new EmbeddedClient({ seed: 1, ...(weights && { weights }) });
  const story = await (await client.sendMessageStream([{ role: "user", content: "Tell me a story" }])).finalMessage();
  if (story.finishReason !== "stop" || story.usage.outputTokens < 20) throw new Error(`got ${JSON.stringify(story)}`);
  return story.metrics.outputTokensPerSecond?.toFixed();
}
