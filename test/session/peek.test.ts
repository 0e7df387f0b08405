/** A conversation that is read while a turn runs, and a stream that nobody reads. */

import { type ClientWrapper, CompatibleClient, LLMSession, MemoryStore, type SessionStore, type Tool } from "cloudllm";
import { type ReplyScript, scriptedClient, startProviderServer } from "cloudllm/testing";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

const USAGE = { inputTokens: 3, outputTokens: 2 };

describe("peek", () => {
  test("shows ended turns and the one under way, while it is under way", async () => {
    const store = new MemoryStore();
    const client = scriptedClient([
      { text: "first answer", ending: { usage: USAGE } },
      { steps: [{ text: "Let me see. " }, { toolCall: { name: "look", id: "a" } }], ending: { usage: USAGE } },
      { text: ["second ", "answer"], ending: "hang" },
    ]);
    const session = await LLMSession.open({ client, store, id: "s", systemPrompt: "Be brief.", flushIntervalMs: 1 });
    await session.sendMessage("one");
    const before = await LLMSession.peek({ store, id: "s" });
    const look: Tool = { name: "look", run: () => "a bird" };
    for await (const chunk of await session.sendMessageStream("two", { tools: [look] })) {
      if (!chunk.content.startsWith("answer")) continue;
      await vi.waitFor(async () =>
        expect((await LLMSession.peek({ store, id: "s" })).turn?.text).toBe("second answer"),
      );
      break;
    }
    expect(before).toEqual({
      systemPrompt: "Be brief.",
      history: [
        { role: "user", content: "one" },
        expect.objectContaining({ role: "assistant", content: "first answer" }),
      ],
      tokenUsage: expect.objectContaining({ totalTokens: 5 }),
    });
    const after = await LLMSession.peek({ store, id: "s" });
    expect(after.turn).toBeUndefined();
    expect(after.history).toEqual(JSON.parse(JSON.stringify(session.history)));
    expect(after.tokenUsage.totalTokens).toBe(session.tokenUsage().totalTokens);
  });

  test("shows what was said and answered in the turn under way, in the order of the calls", async () => {
    const store = new MemoryStore();
    const calls: ReplyScript = {
      steps: ["a", "b"].map((id) => ({ toolCall: { name: id === "a" ? "slow" : "look", id } })),
    };
    const session = await LLMSession.open({ client: scriptedClient([calls, { text: "done" }]), store, id: "s" });
    let release: (result: string) => void = () => undefined;
    const slow: Tool = {
      name: "slow",
      run: () =>
        new Promise<string>((resolve) => {
          release = resolve;
        }),
    };
    const look: Tool = { name: "look", run: () => "a bird" };
    for await (const chunk of await session.sendMessageStream("question", { tools: [slow, look] })) {
      if (chunk.type !== "toolResult" || chunk.name !== "look") continue;
      await vi.waitFor(async () =>
        expect((await LLMSession.peek({ store, id: "s" })).turn?.messages).toMatchObject([
          { role: "user", content: "question" },
          { role: "assistant", toolCalls: [{ id: "a" }, { id: "b" }] },
          { role: "tool", toolCallId: "b" },
        ]),
      );
      release("at last");
    }
  });

  test("of an id that is not there is an empty conversation, and makes none", async () => {
    const store = new MemoryStore();
    expect((await LLMSession.peek({ store, id: "none" })).history).toEqual([]);
    expect(await store.list()).toEqual({ sessions: [] });
  });

  test("locks nothing: the session opens next to it, and it changes nothing", async () => {
    const kept = new MemoryStore();
    await (await LLMSession.open({ client: scriptedClient([{ text: "yes" }]), store: kept, id: "s" })).sendMessage("a");
    const asked: string[] = [];
    const spied = new Proxy(kept, {
      get(target, name) {
        asked.push(String(name));
        const member: unknown = Reflect.get(target, name);
        return typeof member === "function" ? member.bind(target) : member;
      },
    });
    expect((await LLMSession.peek({ store: spied, id: "s" })).history).toHaveLength(2);
    expect(asked.filter((name) => name !== "append")).toEqual(["load", "load"]);
  });

  test("of a store that fails is an error of its own kind", async () => {
    const store: SessionStore = {
      append: async () => undefined,
      load: async () => {
        throw new Error("the disk is gone");
      },
      list: async () => ({ sessions: [] }),
    };
    await expect(LLMSession.peek({ store, id: "s" })).rejects.toMatchObject({ kind: "storage" });
    await expect(LLMSession.peek({ store: {} as SessionStore, id: "s" })).rejects.toThrow(TypeError);
  });
});

describe("a stream without a reader", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const TEXT = ["one ", "two ", "three"];
  const SESSIONS: readonly (readonly [string, (client: ClientWrapper, ms?: number) => Promise<LLMSession>])[] = [
    ["in memory", async (client, unreadTimeoutMs) => new LLMSession({ client, unreadTimeoutMs })],
    [
      "in a store",
      (client, unreadTimeoutMs) => LLMSession.open({ client, unreadTimeoutMs, store: new MemoryStore(), id: "s" }),
    ],
  ];

  test.each(SESSIONS)(
    "%s is ended after ten minutes: the session is free, the question is given back",
    async (_name, open) => {
      const session = await open(scriptedClient([{ text: TEXT }, { text: "yes" }]));
      const stream = await session.sendMessageStream("question");
      await vi.advanceTimersByTimeAsync(599_000);
      await expect(session.sendMessage("again")).rejects.toMatchObject({ kind: "busy" });
      await vi.advanceTimersByTimeAsync(2_000);
      expect(session.unanswered).toBe("question");
      await expect(stream.finalMessage()).rejects.toMatchObject({
        kind: "aborted",
        cause: { message: expect.stringContaining("`unreadTimeoutMs`") },
      });
      expect((await session.sendMessage("again")).content).toBe("yes");
      expect(vi.getTimerCount()).toBe(0);
    },
  );

  test.each(SESSIONS)("%s after its first words is kept as interrupted", async (_name, open) => {
    const session = await open(scriptedClient([{ text: TEXT }, { text: "yes" }]), 8_000);
    const chunks = (await session.sendMessageStream("question"))[Symbol.asyncIterator]();
    expect((await chunks.next()).value).toMatchObject({ content: "one " });
    await vi.advanceTimersByTimeAsync(10_100);
    expect(session.history).toMatchObject([
      { role: "user", content: "question" },
      { role: "assistant", content: "one ", interrupted: true },
    ]);
    await expect(chunks.next()).rejects.toMatchObject({ kind: "aborted", partial: { content: "one " } });
  });

  test.each(SESSIONS)("%s at a call that waits for approval closes the call as not run", async (_name, open) => {
    const ran: unknown[] = [];
    const session = await open(scriptedClient([{ steps: [{ toolCall: { name: "pay", id: "a" } }] }]), 8_000);
    const tools: readonly Tool[] = [{ name: "pay", run: () => ran.push(1) }];
    const chunks = (await session.sendMessageStream("question", { tools }))[Symbol.asyncIterator]();
    while ((await chunks.next()).value?.type !== "toolCall");
    await vi.advanceTimersByTimeAsync(10_100);
    expect(session.history.at(-1)).toMatchObject({ role: "tool", content: expect.stringContaining("was not run") });
    expect(ran).toEqual([]);
  });

  test.each(SESSIONS)("%s whose reader is slow, or waits for a slow reply, is not ended", async (_name, open) => {
    const pause = new Promise((resolve) => setTimeout(resolve, 60_000));
    const script: ReplyScript = { steps: [...TEXT.map((text) => ({ text })), { pause }, { text: "!" }] };
    const session = await open(scriptedClient([script]), 8_000);
    let text = "";
    const read = (async () => {
      for await (const chunk of await session.sendMessageStream("question", { timeouts: { idle: 0, stall: 0 } })) {
        text += chunk.content;
        await new Promise((resolve) => setTimeout(resolve, 5_900));
      }
    })();
    await vi.advanceTimersByTimeAsync(120_000);
    await read;
    expect(text).toBe("one two three!");
    expect(session.history).toHaveLength(2);
  });

  test.each(SESSIONS)(
    "%s is left alone where the limit is 0, and read by finalMessage() however late",
    async (_name, open) => {
      const session = await open(scriptedClient([{ text: TEXT }]), 0);
      const stream = await session.sendMessageStream("question");
      await vi.advanceTimersByTimeAsync(86_400_000);
      expect((await stream.finalMessage()).content).toBe("one two three");
    },
  );

  test("must be limited by a number", () => {
    for (const unreadTimeoutMs of [-1, Number.NaN, "1" as unknown as number]) {
      expect(() => new LLMSession({ client: scriptedClient([]), unreadTimeoutMs })).toThrow("`unreadTimeoutMs`");
    }
  });
});

test("a stream over HTTP without a reader gives its connection back", async () => {
  await using server = await startProviderServer([{ text: "one", ending: "hang" }, { text: "yes" }]);
  const client = new CompatibleClient({ model: "m", baseUrl: server.baseUrl });
  const session = new LLMSession({ client, unreadTimeoutMs: 40 });
  await session.sendMessageStream("question");
  await server.requests[0]?.closed;
  await vi.waitFor(() => expect(session.unanswered).toBe("question"));
  expect((await session.sendMessage("again")).content).toBe("yes");
});
