/** Sessions that a store keeps: what is written when, and what is there after the process has gone. */

import {
  LLMSession,
  MemoryStore,
  type Message,
  type OpenOptions,
  type SessionRecord,
  type SessionStore,
  type StandardSchema,
  type Tool,
} from "cloudllm";
import { Gate, type ReplyScript, scriptedClient } from "cloudllm/testing";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { historyFault, requestFault } from "./legality.ts";

const USAGE = { usage: { inputTokens: 10, outputTokens: 4 } };
const LOOK: ReplyScript = { steps: [{ text: "Let me see. " }, { toolCall: { name: "look" } }], ending: USAGE };
const DONE: ReplyScript = { text: ["It is ", "done."], ending: USAGE };

const look: Tool = { name: "look", run: () => "a bird" };

/** What a session with this client is after it was opened from what was kept. */
async function reopened(store: SessionStore, options: Partial<OpenOptions> = {}) {
  return LLMSession.open({ client: scriptedClient([DONE]), store, id: "s", ...options });
}

/** As it is after JSON, which keeps no `undefined`. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

const linesOf = (messages: readonly Message[]) =>
  messages.map(
    ({ role, content, ...more }) => `${role}: ${String(content)}${"interrupted" in more ? " (interrupted)" : ""}`,
  );

const USER = { role: "user", content: "Hi" };
const REPLY = { role: "assistant", content: "Hello" };
const SAID = { type: "said", messages: [USER] };
const SAVED = { version: 1, onInterrupt: "keep", history: [], turns: [] };

/** A store of which the process dies: nobody has it any more, and no later write arrives. */
class CrashingStore extends MemoryStore {
  isDead = false;

  override async append(id: string, records: readonly SessionRecord[]): Promise<void> {
    if (!this.isDead) await super.append(id, records);
  }

  /** What was kept at this moment. */
  async survivor(): Promise<MemoryStore> {
    const store = new MemoryStore();
    await store.append("s", await this.load("s"));
    this.isDead = true;
    return store;
  }
}

describe("a session that is opened again", () => {
  test("is the same: history, usage, system prompt, what was not answered", async () => {
    const store = new MemoryStore();
    const client = scriptedClient([
      DONE,
      LOOK,
      DONE,
      { text: "Half", ending: "cut" },
      DONE,
      { refusal: { status: 500 } },
    ]);
    const session = await LLMSession.open({ client, store, id: "s", systemPrompt: "Be kind." });
    await session.sendMessage("one");
    await (await session.sendMessageStream("two", { tools: [look] })).finalMessage();
    await session.sendMessage("three").catch(() => undefined);
    session.undo();
    session.setSystemPrompt("Be brief.");
    for await (const _chunk of await session.sendMessageStream("four")) break;
    await session.sendMessage("five").catch(() => undefined);
    const { history, systemPrompt, unanswered } = session;
    const usage = session.tokenUsage();
    expect(unanswered).toBe("five");
    await session.close();
    const again = await reopened(store);
    expect(again.history).toEqual(plain(history));
    expect(again.tokenUsage()).toEqual(plain(usage));
    expect(again).toMatchObject({ systemPrompt, unanswered });
    await again.sendMessage("six");
    expect(again.history.at(-1)).toMatchObject({ content: "It is done." });
    expect(again.unanswered).toBeUndefined();
  });

  test("takes the system prompt that it is given, and keeps it", async () => {
    const store = new MemoryStore();
    const first = await reopened(store, { systemPrompt: "Be kind." });
    await first.sendMessage("one");
    await first.close();
    const second = await reopened(store, { systemPrompt: "Be brief." });
    await second.close();
    const third = await reopened(store);
    expect(third.systemPrompt).toBe("Be brief.");
    await third.close();
    expect((await reopened(store, { systemPrompt: "" })).systemPrompt).toBeUndefined();
  });

  test("is what was restored into it, or what was left of it", async () => {
    const store = new MemoryStore();
    const other = new LLMSession({ client: scriptedClient([DONE, DONE]), systemPrompt: "Other." });
    await other.sendMessage("one");
    await other.sendMessage("two");
    const session = await reopened(store);
    session.restore(plain(other));
    session.undo();
    await session.close();
    const again = await reopened(store);
    expect(linesOf(again.history)).toEqual(["user: one", "assistant: It is done."]);
    expect(again).toMatchObject({ systemPrompt: "Other." });
    expect(again.tokenUsage().turns).toHaveLength(2);
    expect(() => again.restore({ version: 2 })).toThrow(/Received 2\./);
    again.clear();
    await again.close();
    expect((await reopened(store)).history).toEqual([]);
  });

  test("keeps bytes as what a provider takes as well", async () => {
    const store = new MemoryStore();
    const session = await reopened(store);
    await session.sendMessage([
      { type: "text", text: "What is it?" },
      { type: "image", data: new Uint8Array([1, 2, 3]), mediaType: "image/png" },
    ]);
    await session.close();
    expect((await reopened(store)).history[0]?.content).toMatchObject([{}, { data: "AQID", mediaType: "image/png" }]);
  });

  test("keeps a reply whose validated value JSON cannot say", async () => {
    const store = new MemoryStore();
    const big: StandardSchema<bigint> = {
      "~standard": {
        version: 1,
        vendor: "test",
        validate: (value) => ({ value: BigInt((value as { n: number }).n) }),
        jsonSchema: { input: () => ({ type: "object" }) },
      },
    };
    const scripted = scriptedClient([{ text: '{"n":1}' }]);
    const client = {
      ...scripted,
      sendMessage: async (
        ...[messages, { output: _output, ...options } = {}]: Parameters<typeof scripted.sendMessage>
      ) => ({
        ...(await scripted.sendMessage(messages, options)),
        output: 1n,
      }),
    };
    const session = await reopened(store, { client });
    expect((await session.sendMessage("one", { output: big })).output).toBe(1n);
    await session.close();
    expect((await reopened(store)).history.at(-1)).toMatchObject({ content: '{"n":1}' });
  });

  test("is not kept when nothing was said in it", async () => {
    const store = new MemoryStore();
    await (await reopened(store, { systemPrompt: "Be kind." })).close();
    expect(await store.list()).toEqual({ sessions: [] });
  });

  test("is one session's at a time, until it is closed; then nothing is sent in it", async () => {
    const store = new MemoryStore();
    const client = scriptedClient([DONE]);
    {
      await using session = await reopened(store, { client });
      await expect(reopened(store)).rejects.toMatchObject({ kind: "busy" });
      const stream = await session.sendMessageStream("one");
      await expect(session.close()).rejects.toMatchObject({ kind: "busy" });
      await stream.finalMessage();
    }
    const session = await reopened(store, { client });
    await session.close();
    await session.close();
    await expect(session.sendMessage("two")).rejects.toMatchObject({ kind: "invalidRequest" });
    expect(client.calls).toHaveLength(1);
  });
});

describe("what is written when", () => {
  test("the user's turn before it is sent", async () => {
    const store = new MemoryStore();
    let atTheCall: readonly SessionRecord[] = [];
    const scripted = scriptedClient(() => DONE);
    const client = {
      ...scripted,
      sendMessageStream: async (...call: Parameters<typeof scripted.sendMessageStream>) => {
        atTheCall = await store.load("s");
        return scripted.sendMessageStream(...call);
      },
      sendMessage: async (...call: Parameters<typeof scripted.sendMessage>) => {
        atTheCall = await store.load("s");
        return scripted.sendMessage(...call);
      },
    };
    const session = await reopened(store, { client });
    await (await session.sendMessageStream("one")).finalMessage();
    const asked = { provider: "scripted", model: "script" };
    expect(atTheCall).toEqual([{ type: "said", asked, messages: [{ role: "user", content: "one" }] }]);
    await session.sendMessage("two");
    expect(atTheCall.at(-1)).toEqual({ type: "said", asked, messages: [{ role: "user", content: "two" }] });
  });

  test("the reply as it streams, in pieces of `flushIntervalMs`", async () => {
    vi.useFakeTimers();
    try {
      const store = new CrashingStore();
      const gate = new Gate();
      const client = scriptedClient([{ steps: [{ text: ["We", "ll"] }, { pause: gate }, { text: [", ", "yes."] }] }]);
      const session = await reopened(store, { client, flushIntervalMs: 50 });
      const chunks = (await session.sendMessageStream("one"))[Symbol.asyncIterator]();
      const texts = async () =>
        (await store.load("s")).flatMap((record) => (record.type === "text" ? [record.text] : []));
      await chunks.next();
      await chunks.next();
      await vi.advanceTimersByTimeAsync(49);
      expect(await texts()).toEqual([]);
      await vi.advanceTimersByTimeAsync(1);
      expect(await texts()).toEqual(["Well"]);
      gate.open();
      await chunks.next();
      await vi.advanceTimersByTimeAsync(50);
      expect(await texts()).toEqual(["Well", ", "]);
      const after = await reopened(await store.survivor());
      expect(linesOf(after.history)).toEqual(["user: one", "assistant: Well,  (interrupted)"]);
    } finally {
      vi.useRealTimers();
    }
  });

  test("a tool's answer as it comes, so that what was done is not done again", async () => {
    const store = new CrashingStore();
    const running = new Gate();
    const client = scriptedClient([
      { steps: [{ text: "Both." }, { toolCall: { name: "wait" } }, { toolCall: { name: "look" } }], ending: USAGE },
    ]);
    const session = await reopened(store, { client });
    const wait: Tool = { name: "wait", run: () => running.pass() };
    const stream = await session.sendMessageStream("one", { tools: [look, wait] });
    for await (const chunk of stream) {
      if (chunk.type !== "toolResult") continue;
      await new Promise((resolve) => setImmediate(resolve));
      break;
    }
    const records = await store.load("s");
    const cut = records.findIndex(({ type }) => type === "result");
    const crashed = new MemoryStore();
    await crashed.append("s", records.slice(0, cut + 1));
    const client2 = scriptedClient([DONE]);
    const again = await reopened(crashed, { client: client2 });
    expect(again.history).toMatchObject([
      { role: "user", content: "one" },
      { role: "assistant", content: "Both." },
      { role: "tool", toolCallId: "call_1", isError: true },
      { role: "tool", toolCallId: "call_2", content: "a bird" },
    ]);
    expect(again.tokenUsage().totalTokens).toBe(14);
    await again.sendMessage([]);
    expect(requestFault(client2.calls[0]?.messages ?? [])).toBeUndefined();
  });

  test("the end before the caller learns of it", async () => {
    for (const end of ["whole", "streamed", "with tools"]) {
      const store = new CrashingStore();
      const client = scriptedClient([end === "with tools" ? LOOK : DONE, DONE]);
      const session = await reopened(store, { client });
      const options = end === "with tools" ? { tools: [look] } : {};
      if (end === "whole") await session.sendMessage("one");
      else for await (const chunk of await session.sendMessageStream("one", options)) if (chunk.isFinal) break;
      const again = await reopened(await store.survivor());
      expect(again.history).toEqual(plain(session.history));
    }
  });

  test("text that was taken back is taken back there as well", async () => {
    const scripted = scriptedClient([{ text: ["abc", "def", "ghi"] }]);
    const records: SessionRecord[] = [];
    class Seen extends MemoryStore {
      override async append(id: string, added: readonly SessionRecord[]) {
        records.push(...added);
        await super.append(id, added);
      }
    }
    const { MessageStream } = await import("../../src/stream/message-stream.ts");
    const client = {
      ...scripted,
      sendMessageStream: async () =>
        MessageStream.from(
          (async function* () {
            yield { type: "text", content: "abcdef", isFinal: false } as const;
            await new Promise((resolve) => setTimeout(resolve, 5));
            yield { type: "text", content: "gh", isFinal: false } as const;
            yield { type: "rewind", content: "", length: 4, reasoningLength: 0, isFinal: false } as const;
            yield { type: "text", content: "xyz", isFinal: false } as const;
            await new Promise((resolve) => setTimeout(resolve, 5));
            yield { type: "text", content: "!", isFinal: false } as const;
          })(),
        ),
    };
    const session = await LLMSession.open({ client, store: new Seen(), id: "s", flushIntervalMs: 1 });
    await (await session.sendMessageStream("one")).finalMessage().catch(() => undefined);
    const end = records.findIndex(({ type }) => type === "end");
    const crashed = new MemoryStore();
    await crashed.append("s", records.slice(0, end));
    const content = String((await reopened(crashed)).history.at(-1)?.content);
    expect("abcdxyz!".startsWith(content)).toBe(true);
    expect(content).toMatch(/^abcdxyz/);
  });
});

describe("a turn that was cut by the end of its process", () => {
  const begun: SessionRecord[] = [
    { type: "said", messages: [{ role: "user", content: "one" }] },
    { type: "text", text: "It " },
    { type: "text", text: "is" },
  ];

  test.each<[string, SessionRecord[], Partial<OpenOptions>, string[], string | undefined]>([
    ["keeps the text that came", begun, {}, ["user: one", "assistant: It is (interrupted)"], undefined],
    ["is taken back where interrupted turns are not kept", begun, { onInterrupt: "discard" }, [], "one"],
    ["is taken back when nothing came", begun.slice(0, 1), {}, [], "one"],
    [
      "is taken back when nothing but white space came",
      [...begun.slice(0, 1), { type: "text", text: " \n" }],
      {},
      [],
      "one",
    ],
  ])("%s", async (_name, records, options, lines, unanswered) => {
    const store = new MemoryStore();
    await store.append("s", records);
    const session = await reopened(store, options);
    expect(linesOf(session.history)).toEqual(lines);
    expect(session.unanswered).toBe(unanswered);
    await session.close();
    // Said once and for all: whoever opens it with other options finds the same.
    expect(linesOf((await reopened(store)).history)).toEqual(lines);
  });
});

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

test("wherever the process ends, ended turns are complete, the cut one is a true prefix, and the next send is legal", async () => {
  const text = fc.array(fc.constantFrom("Well", ", yes.", " ", "\n"), { maxLength: 4 });
  const reply: fc.Arbitrary<ReplyScript> = fc.oneof(
    text.map((text) => ({ text, ending: USAGE })),
    text.map((text) => ({ text, ending: "reset" as const })),
    fc.tuple(text, fc.integer({ min: 1, max: 3 })).map(([text, calls]) => ({
      steps: [{ text }, ...Array.from({ length: calls }, () => ({ toolCall: { name: "look" } }))],
      ending: USAGE,
    })),
  );
  const turns = fc.array(
    fc.record({ replies: fc.array(reply, { minLength: 1, maxLength: 3 }), after: fc.nat(12), whole: fc.boolean() }),
    { minLength: 1, maxLength: 4 },
  );
  await fc.assert(
    fc.asyncProperty(turns, async (turns) => {
      const records: SessionRecord[] = [];
      class Seen extends MemoryStore {
        override async append(_id: string, added: readonly SessionRecord[]) {
          records.push(...(plain(added) as SessionRecord[]));
        }
      }
      let scripts: ReplyScript[] = [];
      const client = scriptedClient(() => scripts.shift() ?? DONE);
      const session = await LLMSession.open({ client, store: new Seen(), id: "s", flushIntervalMs: 0 });
      const moments: { readonly records: number; readonly history: readonly Message[] }[] = [
        { records: 0, history: [] },
      ];
      for (const [index, { replies, after, whole }] of turns.entries()) {
        scripts = [...replies];
        const options = { tools: [look], maxSteps: 3 };
        try {
          if (whole) await session.sendMessage(`#${index}#`, options);
          else {
            let taken = 0;
            for await (const chunk of await session.sendMessageStream(`#${index}#`, options)) {
              if (!chunk.isFinal && ++taken > after) break;
            }
          }
        } catch {
          // what became of it is in the history
        }
        await new Promise((resolve) => setTimeout(resolve, 1));
        moments.push({ records: records.length, history: session.history });
      }
      for (let length = 0; length <= records.length; length++) {
        const store = new MemoryStore();
        await store.append("s", records.slice(0, length));
        const next = scriptedClient([DONE]);
        const again = await LLMSession.open({ client: next, store, id: "s" });
        const ended = moments.findLast((moment) => moment.records <= length);
        const earlier = plain(ended?.history) as Message[];
        expect(again.history.slice(0, earlier.length)).toEqual(earlier);
        expect(historyFault(again.history)).toBeUndefined();
        // What there is beyond is the beginning of what came.
        const later = moments.find((moment) => moment.records >= length)?.history ?? [];
        for (const message of again.history.slice(earlier.length)) {
          if (message.role !== "assistant" || !message.interrupted) continue;
          const texts = later.flatMap((turn) => (turn.role === "assistant" ? [turn.content] : []));
          expect(texts.some((text) => text.startsWith(message.content))).toBe(true);
        }
        await again.sendMessage("next");
        expect(requestFault(next.calls[0]?.messages ?? [])).toBeUndefined();
      }
    }),
    { numRuns: 60 },
  );
});

describe("a session that is closed", () => {
  test.each<[string, (session: LLMSession) => unknown]>([
    ["sending", (session) => session.sendMessage("two")],
    ["taking back", (session) => session.undo()],
    ["forgetting", (session) => session.clear()],
    ["another system prompt", (session) => session.setSystemPrompt("Be brief.")],
  ])("refuses %s, which nobody would keep", async (_name, act) => {
    const session = await LLMSession.open({
      client: scriptedClient([{ text: "One." }]),
      store: new MemoryStore(),
      id: "s",
    });
    await session.sendMessage("one");
    await session.close();
    await session.close(); // again is no fault
    const { history } = session;
    await expect((async () => act(session))()).rejects.toMatchObject({ kind: "invalidRequest" });
    expect(session.history).toBe(history);
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
});

test.each([
  ["a store", { id: "s" }, /`store` must be an object with methods `append`/],
  ["an id", { store: new MemoryStore() }, /`id` must be a string/],
])("opening without %s says so", async (_name, given, message) => {
  const options = { client: scriptedClient([]), ...given } as unknown as Parameters<typeof LLMSession.open>[0];
  await expect(LLMSession.open(options)).rejects.toThrow(message);
});
