/** A chat that another user may read: on each log, at the process that writes it and at another one. */

import { afterAll, describe, expect, test } from "vitest";
import { MemoryStore } from "../../src/index.ts";
import {
  agUi,
  aiSdk,
  createRelay,
  memoryLog,
  type Relay,
  type RelayOptions,
  type ReplyLog,
} from "../../src/server/index.ts";
import { Gate, scriptedClient } from "../../src/testing/index.ts";
import { createChats } from "../../src/web/chats.ts";
import { relayClient } from "../../src/web/index.ts";
import { closeLogs, LOGS, logMissing, logPlace, SHARED } from "../faults/logs.ts";
import { get, post, read, runId, textOf, watch } from "../support/relay.ts";

afterAll(closeLogs);

/** Ada's chat `poems` is open to Bob, and to nobody else; her `diary` to nobody. */
const canRead: RelayOptions["canRead"] = ({ user }, { owner, chat }) =>
  user === "bob" && owner === "ada" && chat === "poems";

/** Relays on one log and one store, as two processes are. Each request says its user. */
async function twoProcesses(place: Awaited<ReturnType<typeof logPlace>>, gate = new Gate()) {
  const client = scriptedClient(() => ({ steps: [{ text: "Roses " }, { pause: gate }, { text: "are red." }] }));
  const sessions = { store: new MemoryStore() };
  const relayOn = (log: ReplyLog | undefined): Relay =>
    createRelay({
      client,
      sessions,
      log,
      canRead,
      authorize: ({ headers }) => ({ user: headers.get("x-user") ?? "nobody" }),
    });
  const here = relayOn(await place.open());
  const there = SHARED.includes(place.name) ? relayOn(await place.open()) : here;
  return { client, gate, here, there };
}

function as(user: string, request: Request): Request {
  request.headers.set("x-user", user);
  return request;
}

/** The answer as a text in which no id of its own is left. */
async function said(relay: Relay, request: Request): Promise<string> {
  const response = await relay.handle(request);
  return `${response.status} ${(await response.text()).replace(/"requestId":"[^"]*"/, "")}`;
}

describe.each(LOGS)("a shared chat, with the log %s", (log) => {
  const missing = logMissing[log];
  const title = missing === undefined ? "" : ` [${missing}]`;

  test.skipIf(missing !== undefined)(`is read by whom its owner lets read, who changes nothing${title}`, async () => {
    await using place = await logPlace(log, 15_000, 0);
    const { client, gate, here, there } = await twoProcesses(place);
    const [poem, diary] = [runId(), runId()];
    const start = (run: string, chat: string) => here.handle(as("ada", post({ run, chat, message: "Write" })));
    const writing = [watch(await start(poem, "poems")), watch(await start(diary, "diary"))];
    await expect.poll(() => writing.map(({ text }) => text)).toEqual(["Roses ", "Roses "]);

    const reader = watch(await there.handle(as("bob", get("poems/stream?owner=ada"))));
    const named = watch(await there.handle(as("bob", get(`poems/stream?owner=ada&run=${poem}&after=1-1`))));
    for (const relay of [here, there]) {
      expect(await said(relay, as("bob", get("poems?owner=ada")))).toMatch(/^200 .*"content":"Write"/);
      expect(await said(relay, as("bob", get("poems?owner=ada&view=page")))).toMatch(/^200 .*"run":/);
      const refused: readonly ((owner: string) => Request)[] = [
        (owner) => post({ run: runId(), chat: "poems", message: "Mine" }, `?owner=${owner}`),
        (owner) => post({ run: poem, chat: "poems", message: "Write" }, `?owner=${owner}`),
        (owner) => post({ run: poem }, `?owner=${owner}`, { "last-event-id": "1-1" }),
        (owner) => post({ run: runId(), chat: "poems", answers: [] }, `?owner=${owner}`),
        (owner) => post({ run: poem }, `poems/stop?owner=${owner}`),
        (owner) => post({}, `poems/stop?owner=${owner}`),
        (owner) => new Request(get(`poems?owner=${owner}`), { method: "DELETE" }),
        (owner) => get(`?owner=${owner}`),
        (owner) => get(`diary?owner=${owner}`),
        (owner) => get(`diary/stream?owner=${owner}`),
        (owner) => get(`diary/stream?owner=${owner}&run=${diary}`),
        (owner) => get(`${diary}/stream?owner=${owner}&run=${diary}`),
        (owner) => get(`poems/stream?owner=${owner}&run=${diary}`),
      ];
      const unknown = await said(relay, as("bob", get("poems?owner=nobody")));
      expect(unknown).toMatch(/^404 /);
      for (const requestTo of refused) expect(await said(relay, as("bob", requestTo("ada")))).toBe(unknown);
      const read = [get("poems?owner=ada"), get("poems/stream?owner=ada"), get(`poems/stream?owner=ada&run=${poem}`)];
      for (const request of [...read, ...refused.map((to) => to("ada"))]) {
        expect(await said(relay, as("eve", request))).toBe(unknown);
      }
    }
    gate.open();
    await Promise.all([...writing, reader, named].map(({ over }) => over));
    expect([...writing, reader].map(({ text }) => text)).toEqual(Array(3).fill("Roses are red."));
    expect(named.text).toBe("are red.");
    expect([reader, named].map(({ events }) => events.at(-1)?.type)).toEqual(["complete", "complete"]);
    expect(client.calls).toHaveLength(2);
    // The name of a chat that a caller does not say to be another's is still the caller's own.
    expect(await said(there, as("bob", get("poems/stream")))).toBe("204 ");
    expect(await said(there, as("ada", get("poems?owner=ada")))).toMatch(/^200 .*are red\./);
  });
});

describe("a reader of a shared chat", () => {
  const authorize: RelayOptions["authorize"] = ({ headers }) => ({ user: headers.get("x-user") ?? "nobody" });

  async function poems(options: Partial<RelayOptions> = {}): Promise<Relay> {
    const client = scriptedClient(() => ({ text: ["Roses ", "are red."] }));
    const sessions = { store: new MemoryStore() };
    const relay = createRelay({ client, authorize, log: memoryLog(), sessions, canRead, ...options });
    const body = { run: runId(), chat: "poems", message: "Write" };
    expect(textOf(await read(await relay.handle(as("ada", post(body)))))).toBe("Roses are red.");
    return relay;
  }

  test("names its owner in the address of the clients for pages", async () => {
    const relay = await poems();
    const address = {
      url: "http://relay.test/chat?owner=ada",
      fetch: (url: string | URL | Request, init?: RequestInit) => relay.handle(as("bob", new Request(url, init))),
    };
    const stream = await relayClient({ ...address, chat: "poems" }).attach();
    expect((await stream?.finalMessage())?.content).toBe("Roses are red.");
    const chat = createChats(address).open("poems");
    chat.subscribe(() => undefined);
    await expect.poll(() => chat.snapshot.messages.map(({ content }) => content)).toEqual(["Write", "Roses are red."]);
    await chat.send("And mine?").catch(() => undefined);
    expect(chat.snapshot).toMatchObject({ status: "failed", error: { kind: "notFound" } });
  });

  test.each([
    ["aiSdk", aiSdk, get("poems?owner=ada")],
    ["agUi", agUi, get("poems?owner=ada")],
    ["agUi for TanStack AI", agUi, get("?threadId=poems&owner=ada")],
    ["CopilotKit", agUi, post({ threadId: "poems", runId: "1" }, "agent/default/connect?owner=ada")],
  ])("may have a front end of another dialect: %s", async (_name, dialect, request) => {
    const handle = (await poems()).handlerFor(dialect, { path: "/chat" });
    const answerTo = async (user: string) => {
      const response = await handle(as(user, request.clone()));
      return [response.status, (await response.text()).includes("are red.")];
    };
    expect(await answerTo("bob")).toEqual([200, true]);
    expect(await answerTo("eve")).toEqual([404, false]);
  });

  test.each([
    ["aiSdk", aiSdk, "_"],
    ["agUi", agUi, "t_"],
  ])("names a chat of any name, which the hook gets in letters of an id: %s", async (_name, dialect, mark) => {
    const asked: string[] = [];
    const relay = await poems({ canRead: (_caller, { chat }) => asked.push(chat) > 0 });
    const handle = relay.handlerFor(dialect, { path: "/chat" });
    const name = "spring/März?";
    const read = await handle(as("bob", get(`${encodeURIComponent(name)}?owner=ada`)));
    expect(read.status).toBe(200);
    expect(asked).toEqual([mark + Buffer.from(name).toString("base64url")]);
  });

  test.each<[string, unknown, number]>([
    ["resolves with true", async () => true, 200],
    ["resolves with false", async () => false, 404],
    ["returns nothing", () => undefined, 404],
    ["returns a text", () => "no", 404],
    ["throws", () => Promise.reject(new Error("database db.internal is away")), 500],
  ])("is let in only by a hook that says `true`; it %s", async (_how, hook, status) => {
    const relay = await poems({ canRead: hook as NonNullable<RelayOptions["canRead"]> });
    const response = await relay.handle(as("bob", get("poems?owner=ada")));
    expect(response.status).toBe(status);
    expect(await response.text()).not.toContain("db.internal");
  });

  test("does not exist without the option: `owner` is a parameter of the application's own then", async () => {
    const relay = await poems({ canRead: undefined });
    expect(await said(relay, as("ada", get("poems?owner=bob")))).toMatch(/^200 .*are red\./);
    expect(await said(relay, as("bob", get("poems/stream?owner=ada")))).toBe("204 ");
  });

  test("cannot be told from others where all callers are one user", () => {
    expect(() => createRelay({ client: scriptedClient([]), authorize: "public", canRead })).toThrow("`canRead` needs");
  });
});
