/** A store fails, breaks off or never answers: the session says so, and loses nothing that was said. */

import { type LLMSession, MemoryStore, type SessionRecord, type TurnOptions } from "cloudllm";
import { Gate, scriptedClient } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { DONE, look, plain, reopened } from "./stored-session.ts";

const USER = { role: "user", content: "Hi" };

const REPLY = { role: "assistant", content: "Hello" };

const SAID = { type: "said", messages: [USER] };

const SAVED = { version: 1, onInterrupt: "keep", history: [], turns: [] };

describe("a store that fails", () => {
  class FailingStore extends MemoryStore {
    failing = false;
    override async append(id: string, records: readonly SessionRecord[]): Promise<void> {
      if (this.failing) throw new Error("the disk is full");
      await super.append(id, records);
    }
  }

  test("before the request: nothing is sent, and the session stays as it was", async () => {
    const store = new FailingStore();
    const client = scriptedClient([DONE, DONE]);
    const session = await reopened(store, { client });
    await session.sendMessage("one");
    store.failing = true;
    await expect(session.sendMessage("two")).rejects.toMatchObject({
      kind: "storage",
      message: "The store of the session failed: the disk is full",
      cause: new Error("the disk is full"),
    });
    await expect(session.sendMessageStream("two")).rejects.toMatchObject({ kind: "storage" });
    expect(client.calls).toHaveLength(1);
    expect(session.history).toHaveLength(2);
    store.failing = false;
    await session.sendMessage("three");
    await session.close();
    expect((await reopened(store)).history).toEqual(plain(session.history));
  });

  test("while a reply streams: the reply is complete, the next call reports, and what was missed is made up for", async () => {
    const store = new FailingStore();
    const client = scriptedClient([DONE, DONE]);
    const session = await reopened(store, { client, flushIntervalMs: 0 });
    const stream = await session.sendMessageStream("one");
    store.failing = true;
    expect((await stream.finalMessage()).content).toBe("It is done.");
    await expect(session.close()).rejects.toMatchObject({ kind: "storage" });
    const open = await reopened(new FailingStore());
    await open.close();
  });

  test("to read is an error of its own kind, and lets go of the session", async () => {
    const store = new MemoryStore();
    await store.append("s", [{ type: "text", text: "x" }]);
    await expect(reopened(store)).rejects.toMatchObject({
      kind: "storage",
      message: expect.stringMatching(/damaged: record 1: .*outside any turn/),
    });
    await expect(reopened(store)).rejects.toMatchObject({ kind: "storage" });
    class Unreadable extends MemoryStore {
      override load(): Promise<readonly SessionRecord[]> {
        return Promise.reject(new Error("EIO"));
      }
    }
    await expect(reopened(new Unreadable())).rejects.toMatchObject({
      kind: "storage",
      message: expect.stringMatching(/EIO/),
    });
  });

  test.each<[string, unknown[], RegExp]>([
    ["of an unknown type", [{ type: "mood" }], /record 1 has the unknown type "mood"\.$/],
    ["that are null", [null], /record 1 is not an object/],
    ["without a type", [{}], /record 1 has the unknown type undefined/],
    ["of a type that every object has", [{ type: "constructor" }], /record 1 has the unknown type "constructor"/],
    ["of a prompt that is not a string", [{ type: "prompt", systemPrompt: 5 }], /record 1 has a system prompt/],
    ["of a turn without messages", [{ type: "said" }], /record 1 has no messages/],
    ["of a turn whose messages are a string", [{ type: "said", messages: "Hi" }], /record 1 has no messages/],
    ["of a turn with a null message", [{ type: "said", messages: [null] }], /record 1 has a message that is not/],
    [
      "of a turn that begins with a reply",
      [{ type: "said", messages: [REPLY] }],
      /record 1 has a message of the role assis/,
    ],
    ["of a text without a string", [SAID, { type: "text" }], /record 2 has no text/],
    ["of a text with a string as `rewind`", [SAID, { type: "text", text: "", rewind: "x" }], /record 2 has no text/],
    ["of a reply without a message", [SAID, { type: "reply" }], /record 2 has a message that is not an object/],
    ["of a reply that is a string", [SAID, { type: "reply", message: "Hi" }], /record 2 has a message that is not/],
    ["of a reply by the user", [SAID, { type: "reply", message: USER }], /record 2 has a message of the role user/],
    ["of an end without `stays`", [SAID, { type: "end" }], /record 2 has no boolean `stays`/],
    [
      "of an end with a string as message",
      [SAID, { type: "end", stays: true, message: "Hi" }],
      /record 2 has a message that/,
    ],
    ["of a cut with a string as length", [{ type: "cut", length: "x" }], /record 1 has no length/],
    ["of a cut with a negative length", [{ type: "cut", length: -1 }], /record 1 has no length/],
    ["of a cut in a turn", [SAID, { type: "cut", length: 0 }], /record 2: the history is cut inside a turn/],
    [
      "of another conversation in a turn",
      [SAID, { type: "saved", session: SAVED }],
      /record 2: the conversation is replaced inside a turn/,
    ],
    ["of a saved session that is absent", [{ type: "saved" }], /record 1 has an invalid session: A saved session must/],
    [
      "of a saved session that is damaged",
      [{ type: "saved", session: { ...SAVED, turns: 5 } }],
      /record 1 has an invalid session: .*`turns`/,
    ],
    [
      "of a turn in a turn",
      [
        { type: "said", messages: [] },
        { type: "said", messages: [] },
      ],
      /inside another/,
    ],
    [
      "of a result without a call",
      [
        { type: "said", messages: [] },
        { type: "result", message: { role: "tool", toolCallId: "x", content: "y" } },
      ],
      /without a call/,
    ],
    [
      "that make a history which could not be sent",
      [
        { type: "said", messages: [{ role: "tool", toolCallId: "x", content: "y" }] },
        { type: "end", stays: true },
      ],
      /cannot be sent: message 0 must be/,
    ],
    [
      "of an invalid usage",
      [
        { type: "said", messages: [] },
        { type: "end", stays: false, usage: { provider: 5 } },
      ],
      /record 2 has an invalid `usage`/,
    ],
  ])("has records %s: it is told", async (_name, records, message) => {
    const store = new MemoryStore();
    await store.append("s", records as SessionRecord[]);
    await expect(reopened(store)).rejects.toMatchObject({
      kind: "storage",
      message: expect.stringMatching(message),
    });
  });
});

describe.each(["claim", "load", "append"] as const)(
  "a store whose `%s` throws a TypeError, as `fetch` does",
  (method) => {
    test("has failed as any other", async () => {
      class Remote extends MemoryStore {
        isDown = true;
        override async claim(id: string) {
          this.#try("claim");
          return super.claim(id);
        }
        override async load(id: string) {
          this.#try("load");
          return super.load(id);
        }
        override async append(id: string, records: readonly SessionRecord[]) {
          this.#try("append");
          return super.append(id, records);
        }
        #try(name: string) {
          if (this.isDown && name === method) throw new TypeError("fetch failed");
        }
      }
      const store = new Remote();
      const failure = { kind: "storage", message: "The store of the session failed: fetch failed" };
      const say = async () => {
        const session = await reopened(store);
        await session.sendMessage("one").finally(() => session.close().catch(() => undefined));
      };
      await expect(say()).rejects.toMatchObject(failure);
      store.isDown = false;
      await say();
    });
  },
);

describe("a store that never answers", () => {
  class Hung extends MemoryStore {
    readonly #asked = new Gate();
    readonly asked = this.#asked.reached;
    override append(): Promise<void> {
      return this.#asked.pass();
    }
  }

  test.each<[ways: string, send: (session: LLMSession, signal: AbortSignal) => Promise<unknown>]>([
    ["a complete reply", (session, signal) => session.sendMessage("one", { signal })],
    ["a streamed one", (session, signal) => session.sendMessageStream("one", { signal })],
    ["one with tools", (session, signal) => session.sendMessage("one", { signal, tools: [look] })],
  ])("is left by the caller's signal: %s", { timeout: 10_000 }, async (_way, send) => {
    const client = scriptedClient([DONE]);
    const store = new Hung();
    const session = await reopened(store, { client });
    const abort = new AbortController();
    const sent = send(session, abort.signal);
    await store.asked;
    abort.abort(new Error("enough"));
    await expect(sent).rejects.toMatchObject({ kind: "aborted", cause: new Error("enough") });
    expect(client.calls).toEqual([]);
    expect(session).toMatchObject({ history: [], unanswered: "one" });
  });

  test("does not outlast `timeouts.total`", { timeout: 10_000 }, async () => {
    const client = scriptedClient([DONE]);
    const session = await reopened(new Hung(), { client });
    const total = { timeouts: { total: 50 } };
    await expect(session.sendMessage("one", total)).rejects.toMatchObject({
      kind: "timeout",
      phase: "total",
      message:
        "The store of the session timed out: not complete within 50 ms (`timeouts.total`). Raise the limit, or try again.",
    });
    expect(client.calls).toEqual([]);
    expect(session).toMatchObject({ history: [], unanswered: "one" });
  });

  /** Takes the question, and never the end of its turn. */
  class HungAtTheEnd extends MemoryStore {
    readonly #asked = new Gate();
    readonly asked = this.#asked.reached;
    override append(id: string, records: readonly SessionRecord[]): Promise<void> {
      const isEnd = records.some(({ type }) => type === "end");
      return isEnd ? this.#asked.pass() : super.append(id, records);
    }
  }

  describe.each<[what: string, options: TurnOptions]>([
    ["a reply", {}],
    ["a turn with tools", { tools: [look] }],
  ])("when %s is complete", (_what, more) => {
    const whole = { content: "It is done.", finishReason: "stop" };

    test.each<[ways: string, send: (session: LLMSession, options: TurnOptions) => Promise<unknown>]>([
      ["sendMessage", (session, options) => session.sendMessage("one", options)],
      ["a stream", async (session, options) => (await session.sendMessageStream("one", options)).finalMessage()],
    ])(
      "withholds it neither from the caller's signal nor beyond `timeouts.total`: %s",
      { timeout: 10_000 },
      async (_way, send) => {
        const store = new HungAtTheEnd();
        const aborted = await reopened(store, { client: scriptedClient([DONE]) });
        const abort = new AbortController();
        const sent = send(aborted, { ...more, signal: abort.signal });
        await store.asked;
        abort.abort();
        expect(await sent).toMatchObject(whole);
        const limited = await reopened(new HungAtTheEnd(), { client: scriptedClient([DONE]) });
        expect(await send(limited, { ...more, timeouts: { total: 500 } })).toMatchObject(whole);
        expect(limited.history).toHaveLength(2);
      },
    );
  });
});
