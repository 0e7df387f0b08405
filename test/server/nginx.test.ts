/** The relay behind nginx as Debian ships it: responses are buffered, and the server is asked in HTTP/1.0. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { createRelay, memoryLog, toNode } from "../../src/server/index.ts";
import { Gate, type ScriptStep, scriptedClient } from "../../src/testing/index.ts";
import { relayClient } from "../../src/web/index.ts";
import { nginxMissing, startNginx } from "../support/nginx.ts";
import { eventsOf, runId, textOf } from "../support/relay.ts";

const WORDS = ["one ", "two ", "three ", "four"];
const skip = nginxMissing === undefined ? "" : ` [skipped: ${nginxMissing}]`;

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A relay behind nginx. Each word waits until it is let go. */
async function setUp(directives?: string) {
  const gates = WORDS.map(() => new Gate());
  const steps = WORDS.flatMap((text, index): ScriptStep[] => [
    { text },
    ...(gates[index] ? [{ pause: gates[index] }] : []),
  ]);
  const client = scriptedClient(() => ({ steps }));
  const relay = createRelay({ client, authorize: "public", log: memoryLog() });
  const server = createServer(toNode(relay.handle));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const nginx = await startNginx(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, directives);
  const die = () => {
    server.close();
    server.closeAllConnections();
  };
  closing.push(
    () => nginx[Symbol.asyncDispose](),
    die,
    () => relay.drain(0),
  );
  return { url: `http://127.0.0.1:${nginx.port}/chat/`, gates, die, client };
}

function start(url: string, run = runId()): Promise<Response> {
  const headers = { "content-type": "application/json", "accept-encoding": "gzip" };
  const body = JSON.stringify({ run, messages: [{ role: "user", content: "Count." }] });
  return fetch(url, { method: "POST", headers, body });
}

describe.skipIf(nginxMissing)(`behind nginx${skip}`, () => {
  test.each([
    ["with its defaults", ""],
    ["that compresses event streams", "gzip_types text/event-stream; gzip_min_length 1; gzip_proxied any;"],
    ["that asks in HTTP/1.1", "proxy_http_version 1.1;"],
  ])("%s, words arrive singly", async (_name, directives) => {
    const { url, gates } = await setUp(directives);
    const events = [];
    // The next word comes only when this one has arrived: a proxy that collects them would wait for ever.
    for await (const event of eventsOf(await start(url))) {
      events.push(event);
      const seen = textOf(events);
      for (const [index] of WORDS.entries()) if (seen === WORDS.slice(0, index + 1).join("")) gates[index]?.open();
    }
    expect(textOf(events)).toBe(WORDS.join(""));
    expect(events.at(-1)).toMatchObject({ type: "complete" });
    expect(events.filter(({ type }) => type === "chunks").length).toBe(WORDS.length);
  });

  test("a server that dies looks like a normal end to HTTP, and like a cut to a reader of events", async () => {
    const { url, die } = await setUp();
    const events = [];
    const response = await start(url);
    for await (const event of eventsOf(response)) {
      events.push(event);
      if (textOf(events) === WORDS[0]) die();
    }
    // The body has ended without an error: only the missing last event shows that this is half of the reply.
    expect(textOf(events)).toBe(WORDS[0]);
    expect(events.some(({ type }) => type === "complete" || type === "failed")).toBe(false);
  });

  test("a server that dies is an error in our client, with the text that came", async () => {
    const { url, die } = await setUp();
    const client = relayClient({ url, reconnectForMs: 300 });
    const stream = await client.sendMessageStream([{ role: "user", content: "Count." }]);
    const failure = (async () => {
      for await (const { content } of stream) if (content === WORDS[0]) die();
    })();
    await expect(failure).rejects.toMatchObject({
      name: "SendError",
      kind: expect.stringMatching(/^(network|truncated|server)$/),
      partial: { content: WORDS[0], finishReason: "interrupted" },
    });
  });

  test("our client reads a reply singly and complete", async () => {
    const { url, gates } = await setUp();
    const stream = await relayClient({ url }).sendMessageStream([{ role: "user", content: "Count." }]);
    let seen = "";
    for await (const { content } of stream) {
      seen += content;
      gates[WORDS.findIndex((_, index) => seen === WORDS.slice(0, index + 1).join(""))]?.open();
    }
    expect(seen).toBe(WORDS.join(""));
    expect((await stream.finalMessage()).finishReason).toBe("stop");
  });

  test("a viewer that comes back through the proxy gets no word twice", async () => {
    const { url, gates, client } = await setUp();
    const run = runId();
    const before = [];
    for await (const event of eventsOf(await start(url, run))) {
      before.push(event);
      if (textOf(before) === WORDS[0]) break;
    }
    for (const gate of gates) gate.open();
    const last = before.at(-1);
    const after = last?.type === "chunks" ? last.id : undefined;
    expect(after).toBeDefined();
    const rest = [];
    for await (const event of eventsOf(await fetch(`${url}${run}/stream?after=${after}`))) rest.push(event);
    expect(textOf(rest)).toBe(WORDS.slice(1).join(""));
    expect(client.calls).toHaveLength(1);
  });

  test("a refusal passes through with its status and its header", async () => {
    const { url } = await setUp();
    const response = await start(url, "short");
    expect([response.status, await response.json()]).toMatchObject([400, { error: { kind: "invalidRequest" } }]);
    expect(response.headers.get("x-request-id")).toMatch(/^[\w-]{36}$/);
  });
});
