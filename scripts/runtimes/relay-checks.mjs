/** The duties of a relay on every runtime, seen from a browser's side of the connection. */

const RUN_BYTES = 16;

/**
 * Reads a complete reply in pieces, the rest of it again, one whose provider breaks, and leaves one that never ends.
 * Resolves with a line of what was seen; rejects at the first thing that is not as promised.
 */
export async function checkRelay(address, provider) {
  await readsWhole(address);
  await knowsCut(address, provider);
  await refuses(address);
  await letsGo(address, provider);
  return "complete, cut, refused and left as promised";
}

async function readsWhole(address) {
  const run = runId();
  const events = await read(await start(address, run, "whole"));
  expectText("a complete reply", events, "Hello, wörld 🌍!");
  if (!events.at(-1).message) throw new Error("a complete reply ended without its end");
  const { id } = events.find((event) => event.text !== undefined || event.texts || event.chunks);
  const response = await fetch(`${address}/${run}/stream?after=${id}`);
  const rest = await read(response);
  const shown = textOf(events.slice(0, events.findIndex((event) => event.id === id) + 1));
  expectText("the rest of a reply", rest, "Hello, wörld 🌍!".slice(shown.length));
  if (!rest.at(-1).message) throw new Error("the rest of a reply ended without its end");
}

async function knowsCut(address, provider) {
  const response = await start(address, runId(), "cut");
  const events = await read(response, (event) => (event.text || event.texts) && fetch(`${provider}/break`));
  const { error } = events.at(-1);
  if (error?.partial?.content !== "Hello") throw new Error(`a cut reply ended with ${JSON.stringify(events.at(-1))}`);
}

async function refuses(address) {
  const foreign = await fetch(address, { method: "POST", headers: { "content-type": "text/plain" }, body: "{}" });
  const unknown = await fetch(`${address}/${runId()}/stream`);
  if (foreign.status !== 415 || unknown.status !== 204)
    throw new Error(`refusals have the statuses ${foreign.status} and ${unknown.status}`);
}

/** A silent reply is kept. Without a viewer and a log, the run ends, and with it the connection to the provider. */
async function letsGo(address, provider) {
  const gone = new AbortController();
  const response = await start(address, runId(), "endless", gone.signal);
  let text = "";
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    text += piece;
    if (/data: \{"texts?".*: keep-alive/s.test(text)) break; // silent for a while, and kept
  }
  gone.abort();
  const left = await (await fetch(`${provider}/left`)).text();
  if (left !== "yes") throw new Error("the provider of a reply that its viewer had left was kept");
}

function start(address, run, model, signal) {
  const body = JSON.stringify({ run, messages: [{ role: "user", content: "hi" }], options: { model } });
  return fetch(address, { method: "POST", headers: { "content-type": "application/json" }, body, signal });
}

/** The events of a response, each with the `id` that it came with. */
async function read(response, onEvent = () => undefined) {
  if (!response.ok) throw new Error(`status ${response.status}: ${await response.text()}`);
  const events = [];
  let rest = "";
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + text).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (data === undefined) continue; // a comment
      events.push({ ...JSON.parse(data), id: /^id: (.*)$/m.exec(block)?.[1] });
      await onEvent(events.at(-1));
    }
  }
  return events;
}

function textOf(events) {
  return events
    .map(({ text, texts, chunks = [] }) => text ?? (texts ?? chunks.map(({ content }) => content)).join(""))
    .join("");
}

function expectText(name, events, text) {
  if (textOf(events) !== text) throw new Error(`${name} was read as ${JSON.stringify(textOf(events))}`);
}

function runId() {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(RUN_BYTES))).toString("hex");
}
