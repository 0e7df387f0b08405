/** The chats of a user at a relay that keeps conversations: listed, and deleted. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { LLMSession, MemoryStore } from "../../src/index.ts";
import { createRelay, memoryLog, type Relay, type RelayOptions } from "../../src/server/index.ts";
import { FileStore } from "../../src/store/file/index.ts";
import { Gate, type ReplyScript, scriptedClient } from "../../src/testing/index.ts";
import type { ChatHistory, ChatList } from "../../src/web/index.ts";
import { get, post, read, runId, watch } from "../support/relay.ts";

afterEach(() => {
  vi.useRealTimers();
});

/** A relay whose users say who they are in a header. */
function relayOf(options: Partial<RelayOptions> = {}, script: ReplyScript = { text: "Fine" }) {
  const store = new MemoryStore();
  const client = scriptedClient(() => script);
  const authorize = ({ headers }: Request) => ({ user: headers.get("x-user") ?? "" });
  const relay = createRelay({ client, authorize, log: memoryLog(), sessions: { store }, path: "/chat", ...options });
  return { relay, store, client };
}

const as = (user: string, request: Request): Request => {
  request.headers.set("x-user", user);
  return request;
};

const say = async (relay: Relay, chat: string, message: unknown, user = "ann"): Promise<void> => {
  await read(await relay.handle(as(user, post({ run: runId(), chat, message }))));
};

const list = async (relay: Relay, query = "", user = "ann"): Promise<ChatList> => {
  const response = await relay.handle(as(user, get(query)));
  expect(response.status).toBe(200);
  return (await response.json()) as ChatList;
};

const remove = (relay: Relay, chat: string, user = "ann"): Promise<Response> =>
  relay.handle(as(user, new Request(`http://relay.test/chat/${chat}`, { method: "DELETE" })));

describe("a list of chats", () => {
  test("of 1,000 conversations reads none of them for its title, also after a restart", async () => {
    const folder = mkdtempSync(join(tmpdir(), "cloudllm-titles-"));
    for (const store of [new MemoryStore(), new FileStore(folder)]) {
      for (let number = 0; number < 1_000; number++) {
        const messages = [{ role: "user", content: `Question ${number}` }] as const;
        const id = `ann/${number}`;
        await store.append(id, [
          { type: "said", messages, title: messages[0].content },
          { type: "end", stays: true },
        ]);
        await store.release(id);
      }
      const load = vi.spyOn(store, "load");
      const { relay } = relayOf({ sessions: { store } });
      const seen: string[] = [];
      for (let cursor: string | undefined = ""; cursor !== undefined; ) {
        const { chats, next }: ChatList = await list(relay, `?limit=100&cursor=${encodeURIComponent(cursor)}`);
        seen.push(...chats.map(({ title }) => title));
        cursor = next;
      }
      expect(new Set(seen).size).toBe(1_000);
      const { sessions } = await store.list({ limit: 1_000 });
      expect(sessions.every(({ title }) => title?.startsWith("Question"))).toBe(true);
      expect(load).not.toHaveBeenCalled();
    }
    rmSync(folder, { recursive: true, force: true });
  });

  test("has the title of a question that was edited, and of a conversation from before titles were kept", async () => {
    const { relay, store } = relayOf();
    await say(relay, "a", "A poem");
    await read(await relay.handle(as("ann", post({ run: runId(), chat: "a", message: "A song", keep: 0 }))));
    const messages = [{ role: "user", content: "An old question" }] as const;
    const message = { role: "assistant", content: "Old" } as const;
    await store.append("ann/b", [
      { type: "said", messages },
      { type: "end", stays: true, message },
    ]);
    const titles = async () => new Map((await list(relay)).chats.map(({ id, title }) => [id, title]));
    const expected = new Map(Object.entries({ a: "A song", b: "An old question" }));
    expect(await titles()).toEqual(expected);
    await say(relay, "b", "And more");
    const load = vi.spyOn(store, "load");
    expect(await titles()).toEqual(expected);
    expect(load).not.toHaveBeenCalled();
  });

  test("has short titles of one line, also where another program has written the conversation", async () => {
    const { relay, store } = relayOf();
    const messages = [{ role: "user", content: "Hello" }] as const;
    await store.append("ann/a", [{ type: "said", messages, title: `Two\r\nlines${" and more".repeat(1_000)}` }]);
    const [chat] = (await list(relay)).chats;
    expect(chat?.title).toMatch(/^Two lines and more .*…$/);
    expect(chat?.title.length).toBeLessThanOrEqual(80);
  });

  test("has no title of a conversation that an empty one has replaced", async () => {
    const store = new MemoryStore();
    const client = scriptedClient(() => ({ text: "Fine" }));
    await using session = await LLMSession.open({ client, store, id: "s" });
    await session.sendMessage("My secret");
    session.restore(new LLMSession({ client }).toJSON());
    await session.close();
    expect((await store.list()).sessions).toMatchObject([{ id: "s", title: "" }]);
  });

  test("of a store without titles reads a conversation once, and again when it has changed", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const store = new MemoryStore();
    const entries = store.list.bind(store);
    store.list = async (options) => {
      const { sessions, ...rest } = await entries(options);
      return { ...rest, sessions: sessions.map(({ id, updatedAt }) => ({ id, updatedAt })) };
    };
    const { relay } = relayOf({ sessions: { store } });
    await say(relay, "a", "A poem");
    await say(relay, "b", [{ type: "file", mediaType: "text/plain", filename: "notes.md", data: "AAAA" }]);
    await say(relay, "c", [{ type: "image", mediaType: "image/png", data: "AAAA" }]);
    const load = vi.spyOn(store, "load");
    const titles = async () => new Map((await list(relay)).chats.map(({ id, title }) => [id, title]));
    const first = await titles();
    expect(first).toEqual(
      new Map([
        ["a", "A poem"],
        ["b", "notes.md"],
        ["c", "Picture"],
      ]),
    );
    expect(load).toHaveBeenCalledTimes(3);
    expect(await titles()).toEqual(first);
    expect(load).toHaveBeenCalledTimes(3);
    vi.setSystemTime(Date.now() + 5);
    await read(await relay.handle(as("ann", post({ run: runId(), chat: "a", message: "A song", keep: 0 }))));
    load.mockClear();
    expect((await titles()).get("a")).toBe("A song");
    expect(load).toHaveBeenCalledTimes(1);
  });

  test("has the caller's own with their titles, the latest first, and no other user's", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const { relay } = relayOf();
    await say(relay, "a", `  A poem\n about ${"the sea ".repeat(20)}`);
    vi.setSystemTime(Date.now() + 1_000);
    await say(relay, "b", [
      { type: "text", text: "Look" },
      { type: "image", url: "https://pictures.test/1.png" },
    ]);
    await say(relay, "a", "Theirs", "bob");
    await say(relay, "c", "Theirs", "an");
    const { chats, next } = await list(relay);
    expect(chats).toMatchObject([{ id: "b", title: "Look" }, { id: "a" }]);
    expect(chats[1]?.title).toMatch(/^A poem about the sea .*…$/);
    expect(chats[1]?.title.length).toBeLessThanOrEqual(80);
    expect(chats[0]?.updatedAt).toBeGreaterThan(chats[1]?.updatedAt ?? Number.NaN);
    expect(next).toBeUndefined();
    expect((await list(relay, "", "eve")).chats).toEqual([]);
  });

  test("comes in pages", async () => {
    const { relay } = relayOf();
    for (const chat of ["a", "b", "c"]) await say(relay, chat, "Hi");
    const first = await list(relay, "?limit=2");
    const second = await list(relay, `?limit=2&cursor=${encodeURIComponent(first.next ?? "")}`);
    expect([...first.chats, ...second.chats].map(({ id }) => id).sort()).toEqual(["a", "b", "c"]);
    expect(second.next).toBeUndefined();
  });

  test.each([
    ["?limit=0", 400],
    ["?limit=101", 400],
    ["?limit=many", 400],
    ["?limit=1.5", 400],
    ["?cursor=not-ours", 400],
  ])("with %s is refused", async (query, status) => {
    const { relay } = relayOf({ onError: () => undefined });
    await say(relay, "a", "Hi");
    expect((await relay.handle(as("ann", get(query)))).status).toBe(status);
  });

  test("has a chat whose first question is being answered, or got no reply", async () => {
    const gate = new Gate();
    const { relay } = relayOf({}, { steps: [{ pause: gate }, { text: "Fine" }] });
    const viewer = watch(await relay.handle(as("ann", post({ run: runId(), chat: "a", message: "Slow" }))));
    expect((await list(relay)).chats).toMatchObject([{ id: "a", title: "Slow" }]);
    gate.open();
    await viewer.over;
    const refusing = relayOf({ onError: () => undefined }, { refusal: { status: 500 } }).relay;
    await refusing.handle(as("ann", post({ run: runId(), chat: "b", message: "Refused" })));
    expect((await list(refusing)).chats).toMatchObject([{ id: "b", title: "Refused" }]);
  });

  test("does not exist where the browser keeps the conversations", async () => {
    const { relay } = relayOf({ sessions: undefined });
    expect((await relay.handle(as("ann", get("")))).status).toBe(404);
    expect((await remove(relay, "a")).status).toBe(404);
  });
});

describe("a chat that is deleted", () => {
  test("is gone from the store and the log, and its name is free", async () => {
    const { relay, store } = relayOf();
    await say(relay, "a", "Hi");
    expect((await remove(relay, "a")).status).toBe(204);
    expect((await store.list()).sessions).toEqual([]);
    expect((await relay.handle(as("ann", get("a/stream")))).status).toBe(204);
    await say(relay, "a", "Again");
    const history = (await (await relay.handle(as("ann", get("a")))).json()) as ChatHistory;
    expect(history.messages.length).toBe(2);
  });

  test("stops its reply first: nobody wants it", async () => {
    const { relay, store, client } = relayOf(
      {},
      { steps: [{ text: "Half" }, { pause: new Gate() }, { text: "never" }] },
    );
    const viewer = watch(await relay.handle(as("ann", post({ run: runId(), chat: "a", message: "Hi" }))));
    await vi.waitFor(() => expect(viewer.text).toBe("Half"));
    expect((await remove(relay, "a")).status).toBe(204);
    await viewer.over;
    await client.calls[0]?.closed;
    expect((await store.list()).sessions).toEqual([]);
  });

  test("of another user stays, and the answer does not say that there is one", async () => {
    const { relay, store } = relayOf();
    await say(relay, "a", "Hi");
    const theirs = await remove(relay, "a", "bob");
    const nothing = await remove(relay, "z", "bob");
    expect([theirs.status, await theirs.text()]).toEqual([nothing.status, await nothing.text()]);
    expect((await store.list()).sessions.length).toBe(1);
  });

  test("stays where the store cannot delete, and the answer says so", async () => {
    const { append, load, list: listed } = new MemoryStore();
    const store = new MemoryStore();
    const limited = { append: append.bind(store), load: load.bind(store), list: listed.bind(store) };
    const { relay } = relayOf({ sessions: { store: limited } });
    await say(relay, "a", "Hi");
    const refused = await remove(relay, "a");
    expect([refused.status, refused.headers.get("allow")]).toEqual([405, "GET, POST, OPTIONS"]);
  });

  test.each<[what: string, fail: () => never | Promise<never>, reason: string]>([
    [
      "fails",
      () => {
        throw new Error("connection refused");
      },
      "connection refused",
    ],
    ["does not answer", () => new Promise<never>(() => undefined), "it has not answered for 10,000 ms"],
  ])("may be deleted, and the others listed, later when the store %s", async (_what, fail, reason) => {
    vi.useFakeTimers();
    const store = Object.assign(new MemoryStore(), { list: fail, delete: fail });
    const errors: unknown[] = [];
    const { relay } = relayOf({ sessions: { store }, onError: (error) => errors.push(error) });
    for (const asked of [() => relay.handle(as("ann", get(""))), () => remove(relay, "a")]) {
      const answer = asked();
      await vi.advanceTimersByTimeAsync(10_100);
      const { status } = await answer;
      expect(status).toBe(503);
      expect(errors.pop()).toMatchObject({ kind: "storage", message: `The store of the session failed: ${reason}` });
    }
    vi.useRealTimers();
  });

  test("cannot be deleted by a page of another site", async () => {
    const { relay, store } = relayOf();
    await say(relay, "a", "Hi");
    const request = new Request("http://relay.test/chat/a", {
      method: "DELETE",
      headers: { origin: "https://evil.test", "x-user": "ann" },
    });
    expect((await relay.handle(request)).status).toBe(403);
    expect((await store.list()).sessions.length).toBe(1);
  });
});

describe("a history", () => {
  test("has the turn under way, and the question that got no reply", async () => {
    const gate = new Gate();
    const { relay } = relayOf({}, { steps: [{ text: "Half" }, { pause: gate }] });
    const run = runId();
    const viewer = watch(await relay.handle(as("ann", post({ run, chat: "a", message: "Slow" }))));
    await vi.waitFor(() => expect(viewer.text).toBe("Half"));
    const history = async () => (await (await relay.handle(as("ann", get("a")))).json()) as ChatHistory;
    expect(await history()).toMatchObject({ messages: [], run, turn: [{ role: "user", content: "Slow" }] });
    gate.open();
    await viewer.over;
    expect(await history()).toMatchObject({ messages: [{ content: "Slow" }, { content: "Half" }], run });
  });

  test("shows of a reply as much as its stream, and no more", async () => {
    const script: ReplyScript = {
      steps: [{ reasoning: "Hm." }, { text: "Fine" }],
      ending: { usage: { inputTokens: 3, outputTokens: 2 } },
    };
    const careful = relayOf({ expose: { usage: false } }, script).relay;
    await say(careful, "a", "Hi");
    const shown = await (await careful.handle(as("ann", get("a")))).text();
    for (const word of ["Hm.", "replay", "requestId", '"usage"']) expect(shown).not.toContain(word);
    const open = relayOf({ expose: { reasoning: true } }, script).relay;
    await say(open, "a", "Hi");
    const { messages } = (await (await open.handle(as("ann", get("a")))).json()) as ChatHistory;
    expect(messages[1]).toMatchObject({ reasoning: "Hm.", usage: { inputTokens: 3 }, finishReason: "stop" });
  });
});
