/** A store writes records, and its answer is lost on the way: nothing of the conversation is lost, or there twice. */

import { LLMSession, MemoryStore, type Message, SendError, type SessionRecord, type SessionStore } from "cloudllm";
import { type ReplyScript, scriptedClient } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { DONE, LOOK, look, reopened, USAGE } from "./stored-session.ts";

/** A store of another program, such as a list in a database behind a network: it knows no repetitions. */
class ListStore implements SessionStore {
  readonly lists = new Map<string, string[]>();
  /** The numbers of the writes whose answers are lost. */
  lost: ReadonlySet<number> = new Set();
  /** Writes that arrive once more, behind the write with this number: they were under way for long. */
  late: ReadonlySet<number> = new Set();
  writes = 0;
  #delayed: string[] = [];

  async append(id: string, records: readonly SessionRecord[]): Promise<void> {
    const lines = records.map((record) => JSON.stringify(record));
    this.writes++;
    if (this.late.has(this.writes)) {
      this.#delayed = lines;
      throw new Error("the connection was lost");
    }
    this.lists.set(id, [...(this.lists.get(id) ?? []), ...lines, ...this.#delayed]);
    this.#delayed = [];
    if (this.lost.has(this.writes)) throw new Error("the connection was lost");
  }

  async load(id: string): Promise<readonly SessionRecord[]> {
    return (this.lists.get(id) ?? []).map((line) => JSON.parse(line) as SessionRecord);
  }

  async list() {
    return { sessions: [...this.lists.keys()].map((id) => ({ id, updatedAt: 0 })) };
  }
}

const CALM: ReplyScript = { text: ["Nothing ", "else."], ending: USAGE };

/** Talks until each send has succeeded once. */
async function talk(store: SessionStore): Promise<LLMSession> {
  const client = scriptedClient([LOOK, DONE, CALM]);
  const session = await reopened(store, { client, tools: [look], systemPrompt: "Be kind.", flushIntervalMs: 0 });
  for (const text of ["What is there?", "And else?"]) {
    for (let attempt = 0; ; attempt++) {
      const failed = await session.sendMessage(text).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (failed === undefined) break;
      expect(failed).toMatchObject({ kind: "storage" });
      expect(attempt).toBeLessThan(5);
    }
  }
  await settled(() => session.close());
  expect(client.calls).toHaveLength(3);
  return session;
}

/** Closes, although the store may fail: it is asked again. */
async function settled(close: () => Promise<void>): Promise<void> {
  await close().catch((error: unknown) => {
    if (!(error instanceof SendError && error.kind === "storage")) throw error;
  });
}

/** The messages without what is measured. */
const said = (history: readonly Message[]) =>
  history.map((message) => ("metrics" in message ? { ...message, metrics: undefined } : message));

const calm = new ListStore();
const expected = await talk(calm);
const places = Array.from({ length: calm.writes }, (_, index) => index + 1);

async function mustBeWhole(store: ListStore): Promise<void> {
  store.lost = new Set();
  const seen = await LLMSession.peek({ store, id: "s" });
  expect(said(seen.history)).toEqual(said(expected.history));
  expect(seen.tokenUsage).toEqual(expected.tokenUsage());
  const session = await reopened(store);
  expect(said(session.history)).toEqual(said(expected.history));
  expect(session.tokenUsage()).toEqual(expected.tokenUsage());
  await session.sendMessage("Go on");
  await session.close();
  expect((await reopened(store)).history).toHaveLength(expected.history.length + 2);
}

describe("the answer of a store that has written is lost", () => {
  test.each(places)("at write %i: the conversation is whole, and there once", async (place) => {
    const store = new ListStore();
    store.lost = new Set([place]);
    await talk(store);
    await mustBeWhole(store);
  });

  test.each(places)("at write %i and at the two behind it", async (place) => {
    const store = new ListStore();
    store.lost = new Set([place, place + 1, place + 2]);
    await talk(store);
    await mustBeWhole(store);
  });
});

test.each(places.slice(0, -1))("write %i arrives behind its repetition: it is not there twice", async (place) => {
  const store = new ListStore();
  store.late = new Set([place]);
  await talk(store);
  await mustBeWhole(store);
});

test("a conversation that was kept before records had keys opens, also where two of its records are the same", async () => {
  const store = new MemoryStore();
  const said = { type: "said", messages: [{ role: "user", content: "Hi" }] } as const;
  const text = { type: "text", text: "ha " } as const;
  await store.append("s", [
    said,
    text,
    text,
    { type: "end", stays: true, message: { role: "assistant", content: "ha ha " } },
  ]);
  await store.append("s", [said, text, text]);
  const session = await reopened(store);
  expect(session.history.map(({ content }) => content)).toEqual(["Hi", "ha ha ", "Hi", "ha ha "]);
  await session.sendMessage("More");
  await session.close();
  expect((await reopened(store)).history).toHaveLength(6);
});

test("records of two sessions are told apart, although both count from one", async () => {
  const store = new MemoryStore();
  for (const text of ["one", "two", "three"]) {
    await using session = await reopened(store);
    await session.sendMessage(text);
  }
  const keys = (await store.load("s")).map(({ key }) => key);
  expect(new Set(keys).size).toBe(keys.length);
  expect((await reopened(store)).history).toHaveLength(6);
});

test.each(["7", "-", "x-y", "x-0", "x-1.5", 5, null, {}])(
  "a key that is none of ours (%j) hides no record",
  async (key) => {
    const store = new MemoryStore();
    const record = JSON.parse(JSON.stringify({ type: "prompt", systemPrompt: "one", key })) as SessionRecord;
    await store.append("s", [record, { ...record, systemPrompt: "two" } as SessionRecord]);
    expect((await reopened(store)).systemPrompt).toBe("two");
  },
);
