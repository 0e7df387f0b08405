/** A connection of a front end of AG-UI breaks behind each event: the next one continues with the next letter. */

import { describe, expect, test } from "vitest";
import { agUi, createRelay, memoryLog, type Relay, type RelayOptions } from "../../src/server/index.ts";
import { Gate, type ReplyScript, type ScriptStep, scriptedClient } from "../../src/testing/index.ts";
import { pageOf, runInput, type WireEvent, wireEvents, wireFaults } from "../support/ag-ui.ts";
import { OPEN_RELAY } from "../support/relay-site.ts";

const URL_OF_RELAY = "http://relay.test/ag-ui";
const HELLO = { id: "u1", role: "user", content: "Hi" };

function relayOf(scripts: readonly ReplyScript[], options: Partial<RelayOptions> = {}): Relay {
  const client = scriptedClient(scripts);
  return createRelay({ client, ...OPEN_RELAY, log: memoryLog(), dialect: agUi, onError: () => undefined, ...options });
}

/** Resolves with the events of a request, which continues behind `last`. */
async function eventsOf(relay: Relay, last?: string, fields: object = {}): Promise<readonly WireEvent[]> {
  const headers = { "x-run-id": "r1", ...(last !== undefined && { "last-event-id": last }) };
  return wireEvents(await (await relay.handle(runInput(URL_OF_RELAY, fields, headers))).text());
}

const SCRIPTS: Readonly<Record<string, readonly ReplyScript[]>> = {
  text: [{ text: ["Grüße ", "an ", "🐦 ", "und ", "\n\n", "data: x", " Ende."] }],
  thinking: [{ steps: [{ reasoning: "Hm. " }, { text: "So " }, { reasoning: "Aha." }, { text: ["it ", "is."] }] }],
  "a tool of the server": [
    { steps: [{ text: "Wait. " }, { toolCall: { name: "look", fragments: ['{"at":', '"the ', 'sea"}'] } }] },
    { text: ["It is ", "blue."] },
  ],
  "a tool of the page": [{ steps: [{ text: "Wait. " }, { toolCall: { name: "ask", arguments: { what: "name" } } }] }],
  "a source": [{ steps: [{ text: "A" }, { citation: { url: "https://a.example/" } }, { text: "B" }] }],
  "a failure": [{ steps: [{ text: "Half " }, { text: "a" }], ending: "cut" }],
};

const tools = [{ name: "look", run: () => "blue" }, { name: "ask" }];

/** Pauses between the pieces, so that each is an entry of its own. */
function paced(scripts: readonly ReplyScript[]): readonly ReplyScript[] {
  return scripts.map((script) => {
    if ("refusal" in script) return script;
    const steps: Iterable<ScriptStep> = "steps" in script ? script.steps : [{ text: script.text }];
    const single = [...steps].flatMap((step): readonly ScriptStep[] =>
      "text" in step && typeof step.text !== "string" ? [...step.text].map((text) => ({ text })) : [step],
    );
    return { ...script, steps: single.flatMap((step) => [step, { pause: 1 }]) } as ReplyScript;
  });
}

describe.each(Object.entries(SCRIPTS))("a reply with %s", (_name, scripts) => {
  test("is well formed for every client", async () => {
    expect(wireFaults(await eventsOf(relayOf(paced(scripts), { tools })))).toEqual([]);
  });

  test("continues behind each event, without a word twice and without a flicker", async () => {
    const relay = relayOf(paced(scripts), { tools });
    const all = await eventsOf(relay);
    const page = pageOf(all, [HELLO]);
    for (const [index, { id }] of all.slice(0, -1).entries()) {
      const seen = all.slice(0, index + 1);
      const rest = await eventsOf(relay, id);
      expect(pageOf([...seen, ...rest], [HELLO])).toEqual(page);
      expect(rest[0]?.type, "a new id, so that the page knows that there is progress").toBe("RUN_STARTED");
      expect(rest.map(({ type }) => type)).not.toContain("MESSAGES_SNAPSHOT");
      expect(rest.at(-1)?.type).toBe(all.at(-1)?.type);
      const customs = [...seen, ...rest].filter(({ type }) => type === "CUSTOM");
      expect(customs, "a tool of the page runs once").toHaveLength(all.filter(({ type }) => type === "CUSTOM").length);
      expect(rest.filter((event) => all.some((other) => other.id === event.id))).toEqual([]);
    }
  });

  test("arrives although each connection brings one event", async () => {
    const relay = relayOf(paced(scripts), { tools });
    const all = await eventsOf(relay);
    const seen: WireEvent[] = [];
    for (let pass = 0; pass < 100; pass++) {
      const rest = await eventsOf(relay, seen.at(-1)?.id);
      const fresh = rest.slice(seen.length === 0 ? 0 : 1);
      expect(fresh.length).toBeGreaterThan(0);
      seen.push(...fresh.slice(0, 1));
      if (fresh.length === 1) break;
    }
    expect(pageOf(seen, [HELLO])).toEqual(pageOf(all, [HELLO]));
    expect(seen.at(-1)?.type).toBe(all.at(-1)?.type);
  });
});

test("a long reply continues with the next letter, although a summary has taken the place of its beginning", async () => {
  const relay = relayOf([{ steps: longSteps() }]);
  const all = await eventsOf(relay);
  for (const at of [90, 700, all.length - 2]) {
    const seen = all.slice(0, at);
    const rest = await eventsOf(relay, seen.at(-1)?.id);
    expect(pageOf([...seen, ...rest], [HELLO])).toEqual(pageOf(all, [HELLO]));
    expect(rest.map(({ type }) => type)).not.toContain("MESSAGES_SNAPSHOT");
  }
});

test("a page that has seen another reply than the relay has gets all of it again, also when that breaks", async () => {
  const relay = relayOf([{ steps: longSteps() }]);
  const all = await eventsOf(relay);
  const page = pageOf(all, [HELLO]);
  const seen = all.slice(0, 90);
  const rest = await eventsOf(relay, String(seen.at(-1)?.id).replace(/\.\w+\./, ".other."));
  expect(pageOf([...seen, ...rest], [HELLO])).toEqual(page);
  const again = rest.findIndex(({ type }) => type === "MESSAGES_SNAPSHOT");
  expect(again).toBe(1);
  for (const cut of [1, 2, 3, 4, 5]) {
    const part = rest.slice(0, again + cut);
    const then = await eventsOf(relay, part.at(-1)?.id);
    expect(pageOf([...seen, ...part, ...then], [HELLO]), "cut while it is shown again").toEqual(page);
  }
});

/** More pieces than a log keeps without a summary, and a source between them. */
function longSteps(): readonly ScriptStep[] {
  const steps: ScriptStep[] = [];
  for (let index = 0; index < 1_200; index++) steps.push({ text: `${index} ` }, { pause: 0 });
  return steps.toSpliced(100, 0, { citation: { url: "https://a.example/" } });
}

test("a page that comes back while nothing new arrives gets a new id, and then the rest", async () => {
  const gate = new Gate();
  const relay = relayOf([{ steps: [{ text: "Half, " }, { pause: gate }, { text: "whole." }] }]);
  const first = await relay.handle(runInput(URL_OF_RELAY, {}, { "x-run-id": "r1" }));
  const reader = first.body?.getReader();
  let text = "";
  while (reader && !text.includes("Half")) text += new TextDecoder().decode((await reader.read()).value);
  await reader?.cancel();
  const seen = wireEvents(text);
  let last = seen.at(-1)?.id;
  for (let pass = 0; pass < 8; pass++) {
    const headers = { "x-run-id": "r1", "last-event-id": String(last) };
    const again = (await relay.handle(runInput(URL_OF_RELAY, {}, headers))).body?.getReader();
    let bytes = "";
    while (again && !bytes.includes("data:")) bytes += new TextDecoder().decode((await again.read()).value);
    await again?.cancel();
    const [greeting, ...more] = wireEvents(bytes);
    expect(more).toEqual([]);
    expect(greeting?.id).not.toBe(last);
    last = greeting?.id;
  }
  const rest = eventsOf(relay, last);
  gate.open();
  expect(pageOf([...seen, ...(await rest)])).toEqual([
    { id: expect.any(String), role: "assistant", content: "Half, whole." },
  ]);
});

test.each(["x", "1.2", "1.!.1", "-1.a.1", "99999999999.a.1"])("the last event %j is refused", async (last) => {
  const relay = relayOf([{ text: "Hello" }]);
  const response = await relay.handle(runInput(URL_OF_RELAY, {}, { "last-event-id": last }));
  expect(response.status).toBe(400);
});

test("a page that comes back to a reply that has expired is refused, and asks no provider", async () => {
  const client = scriptedClient([{ text: "Hello" }]);
  const relay = createRelay({ client, ...OPEN_RELAY, dialect: agUi });
  const response = await relay.handle(runInput(URL_OF_RELAY, {}, { "last-event-id": "1.a.1" }));
  expect([response.status, client.calls.length]).toEqual([404, 0]);
});
