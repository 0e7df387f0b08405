/** Chats of a page, against a relay in the same process. */

import { afterEach, describe, expect, test, vi } from "vitest";
import { shownHistory } from "../../src/dialects/native/shown-history.ts";
import type { Tool } from "../../src/index.ts";
import { Gate, type ReplyScript } from "../../src/testing/index.ts";
import { type ChatMessage, type ChatToolCall, createChats } from "../../src/web/index.ts";
import { chatSite, said, until } from "../support/chats.ts";

describe("a chat", () => {
  test("shows the message at once, the reply as it is written, and its usage at the end", async () => {
    const gate = new Gate();
    const { chats } = chatSite([
      {
        steps: [{ text: "Hel" }, { pause: gate }, { text: "lo" }],
        ending: { usage: { inputTokens: 3, outputTokens: 2 } },
      },
    ]);
    const chat = chats.open("c", { messages: [] });
    const sent = chat.send("Hi");
    expect(chat.snapshot).toMatchObject({
      status: "sending",
      messages: [{ id: "m0", content: "Hi", state: "sending" }],
    });
    await until(chat, ({ messages }) => messages[1]?.content === "Hel");
    expect(chat.snapshot).toMatchObject({ status: "streaming", messages: [{ state: "sent" }, { state: "writing" }] });
    gate.open();
    expect(await sent).toMatchObject({ id: "m1", content: "Hello", state: "complete", finishReason: "stop" });
    expect(chat.snapshot.status).toBe("idle");
    expect(chat.snapshot.usage).toBeDefined();
    expect(said(chat)).toEqual(["user: Hi", "assistant: Hello"]);
  });

  test("goes on in the middle of a word after a reload", async () => {
    const gate = new Gate();
    const site = chatSite([{ text: "One." }, { steps: [{ text: "Unbeliev" }, { pause: gate }, { text: "able" }] }]);
    const before = site.chats.open("c");
    await before.send("First");
    void before.send("Second");
    await until(before, ({ messages }) => messages[3]?.content === "Unbeliev");
    const after = site.reload().open("c");
    await until(after, ({ messages }) => messages[3]?.content === "Unbeliev");
    expect(after.snapshot.messages.map(({ id }) => id)).toEqual(["m0", "m1", "m2", "m3"]);
    gate.open();
    await until(after, ({ status }) => status === "idle");
    expect(said(after)).toEqual(["user: First", "assistant: One.", "user: Second", "assistant: Unbelievable"]);
    await until(before, ({ status }) => status === "idle");
    expect(before.snapshot.messages).toEqual(after.snapshot.messages);
  });

  test("stops, and keeps what was paid for", async () => {
    const site = chatSite([{ steps: [{ text: "Half" }, { pause: new Gate() }, { text: "never" }] }, { text: "Next" }]);
    const chat = site.chats.open("c");
    void chat.send("Hi");
    await until(chat, ({ messages }) => messages[1]?.content === "Half");
    const stopped = chat.stop();
    expect(await stopped).toMatchObject({ content: "Half", state: "interrupted", finishReason: "stopped" });
    await chat.send("More");
    expect(said(chat)).toEqual(["user: Hi", "assistant: Half", "user: More", "assistant: Next"]);
    await site.provider.calls[0]?.closed;
  });

  test("keeps a message that was refused, and sends it again", async () => {
    const { chats, provider } = chatSite([{ refusal: { status: 500 } }, { text: "Fine" }]);
    const chat = chats.open("c");
    expect(await chat.send("Hi")).toBeUndefined();
    expect(chat.snapshot).toMatchObject({
      status: "failed",
      error: { kind: "server" },
      messages: [{ content: "Hi", state: "failed" }],
    });
    await chat.retry();
    expect(said(chat)).toEqual(["user: Hi", "assistant: Fine"]);
    expect(chat.snapshot.error).toBeUndefined();
    expect(provider.calls[1]?.messages.length).toBe(1);
  });

  test("writes a reply again, and an earlier question anew", async () => {
    const { chats, provider } = chatSite(["one", "two", "three", "four", "five"].map((text) => ({ text })));
    const chat = chats.open("c");
    await chat.send("A");
    await chat.send("B");
    await chat.regenerate();
    expect(said(chat)).toEqual(["user: A", "assistant: one", "user: B", "assistant: three"]);
    await chat.regenerate("m1");
    expect(said(chat)).toEqual(["user: A", "assistant: four"]);
    await chat.edit("m0", "C");
    expect(said(chat)).toEqual(["user: C", "assistant: five"]);
    expect(provider.calls.at(-1)?.messages).toEqual([{ role: "user", content: "C" }]);
  });

  test("asks for approval, runs the tool when it is given, and says no to the model when it is not", async () => {
    const send: Tool = { name: "send", approve: "ask", run: () => "sent" };
    const calls: ReplyScript = {
      steps: [
        { text: "Shall I? " },
        { toolCall: { name: "send", id: "call_1" } },
        { toolCall: { name: "send", id: "call_2" } },
      ],
    };
    const site = chatSite([calls, { text: "Done." }], { tools: [send], expose: { toolResults: true } });
    const chat = site.chats.open("c");
    await chat.send("Send both");
    const waiting = [
      { id: "call_1", state: "needsApproval", at: 9 },
      { id: "call_2", state: "needsApproval", at: 9 },
    ];
    expect(chat.snapshot.messages[1]).toMatchObject({ content: "Shall I? ", toolCalls: waiting });
    const later = site.reload().open("c");
    await until(later, ({ messages }) => messages.length === 2);
    expect(later.snapshot.messages[1]).toMatchObject({ toolCalls: waiting });
    expect(await later.answer("call_1", true)).toBeUndefined();
    const half = [
      { id: "call_1", state: "answered", at: 9 },
      { id: "call_2", state: "needsApproval", at: 9 },
    ];
    expect(later.snapshot).toMatchObject({ status: "idle", messages: [{}, { toolCalls: half }] });
    await chat.load(); // another device
    expect(chat.snapshot.messages[1]).toMatchObject({ toolCalls: half });
    const again = site.reload().open("c");
    await until(again, ({ messages }) => messages.length === 2);
    expect(again.snapshot.messages[1]).toMatchObject({ toolCalls: half });
    expect(site.provider.calls).toHaveLength(1);
    await again.answer("call_2", { deny: "too late" });
    const answered = [
      { id: "call_1", state: "done", result: "sent" },
      { id: "call_2", state: "denied" },
    ];
    expect(again.snapshot.messages).toMatchObject([{}, { content: "Shall I? Done.", toolCalls: answered }]);
    expect(JSON.stringify(site.provider.calls[1]?.messages)).toContain("too late");
    await chat.load();
    await until(chat, ({ messages }) => messages[1]?.content === "Shall I? Done.");
    expect(chat.snapshot.messages[1]).toMatchObject({ toolCalls: answered });
  });

  test("takes the answers of two devices to one reply, and an answer that another device has given differently", async () => {
    const send: Tool = { name: "send", approve: "ask", run: () => "sent" };
    const steps = ["call_1", "call_2", "call_3"].map((id) => ({ toolCall: { name: "send", id } }));
    const site = chatSite([{ steps }, { text: "Done." }], { tools: [send] });
    const chat = site.chats.open("c");
    await chat.send("Send all");
    const other = site.reload().open("c");
    await until(other, ({ messages }) => messages.length === 2);
    await chat.answer("call_1", true);
    await other.answer("call_1", { deny: "no" });
    expect(other.snapshot).toMatchObject({
      status: "failed",
      error: { message: "The tool call call_1 has another answer already." },
      messages: [{}, { toolCalls: [{ state: "answered" }, { state: "needsApproval" }, { state: "needsApproval" }] }],
    });
    await other.retry(); // reads the history again, and writes nothing again
    await until(other, ({ status }) => status === "idle");
    void other.answer("call_2", true); // and the next one before this one has arrived
    await other.answer("call_3", true);
    const done = Array.from({ length: 3 }, () => ({ state: "done" }));
    expect(other.snapshot.messages[1]).toMatchObject({ content: "Done.", toolCalls: done });
  });

  test("shows the calls that still wait when the last answer of this page was not the last", async () => {
    const send: Tool = { name: "send", approve: "ask", run: () => "sent" };
    const steps = ["call_1", "call_2"].map((id) => ({ toolCall: { name: "send", id } }));
    let isLost = false;
    const site = chatSite([{ steps }, { text: "Done." }], { tools: [send] });
    const chats = createChats({
      url: "http://relay.test/chat",
      fetch: async (url, init) => {
        if (isLost && init.method === "POST") {
          isLost = false;
          return new Response(null, { status: 503 });
        }
        return site.relay.handle(new Request(url, init));
      },
    });
    const chat = chats.open("c");
    await chat.send("Send both");
    isLost = true;
    const first = chat.answer("call_1", true);
    await Promise.all([first, chat.answer("call_2", true)]);
    await until(chat, ({ messages }) => JSON.stringify(messages[1]).includes('"state":"answered"'));
    expect(chat.snapshot.messages[1]).toMatchObject({
      content: "",
      toolCalls: [{ state: "needsApproval" }, { state: "answered" }],
    });
    await chat.answer("call_1", true);
    expect(chat.snapshot.messages[1]).toMatchObject({ content: "Done.", toolCalls: [{ state: "done" }, {}] });
  });

  test("shows tools as they run, and their results", async () => {
    const gate = new Gate();
    const weather: Tool = { name: "weather", run: () => gate.pass().then(() => ({ sky: "clear" })) };
    const calls: ReplyScript = { steps: [{ text: "I look. " }, { toolCall: { name: "weather", id: "call_1" } }] };
    const { chats } = chatSite([calls, { text: "It is clear." }], { tools: [weather], expose: { toolResults: true } });
    const chat = chats.open("c");
    const sent = chat.send("How is it?");
    await until(chat, ({ messages }) => callsOf(messages[1])[0]?.state === "running");
    gate.open();
    await sent;
    expect(chat.snapshot.messages[1]).toMatchObject({
      content: "I look. It is clear.",
      toolCalls: [{ name: "weather", state: "done", result: '{"sky":"clear"}', at: 8 }],
    });
    const { snapshot } = chat;
    await chat.load();
    expect(chat.snapshot.messages).toEqual(snapshot.messages);
  });

  test("shows on another device what was said since, and keeps the objects of the rest", async () => {
    const site = chatSite(() => ({ text: "Fine" }));
    const here = site.chats.open("c");
    await here.send("One");
    const there = site.reload().open("c");
    await there.send("Two");
    const [question, reply] = here.snapshot.messages;
    await here.load();
    await until(here, ({ messages }) => messages.length === 4);
    expect(here.snapshot.messages).toEqual(there.snapshot.messages);
    expect(here.snapshot.messages[0]).toBe(question);
    expect(here.snapshot.messages[1]).toBe(reply);
  });

  test("gives a call to the page, and goes on with its result", async () => {
    const { chats } = chatSite(
      [{ steps: [{ text: "Look. " }, { toolCall: { name: "ask", id: "call_1" } }] }, { text: "Fine." }],
      {
        tools: [{ name: "ask" }],
      },
    );
    const chat = chats.open("c");
    await chat.send("Ask me");
    expect(chat.snapshot.messages[1]).toMatchObject({ toolCalls: [{ id: "call_1", state: "needsResult", at: 6 }] });
    await chat.answer("call_1", { sky: "clear" });
    expect(chat.snapshot.messages[1]).toMatchObject({
      content: "Look. Fine.",
      toolCalls: [{ id: "call_1", state: "done", result: '{"sky":"clear"}' }],
    });
  });
});

function callsOf(message: ChatMessage | undefined): readonly ChatToolCall[] {
  return message?.role === "assistant" ? message.toolCalls : [];
}

describe("the chats of a user", () => {
  test("are listed with their titles, and deleted", async () => {
    const { chats, requests, store } = chatSite(() => ({ text: "Fine" }));
    await chats.open("a").send("Write a poem about\nthe sea");
    await chats.open("b").send("Hello");
    expect(await chats.list()).toMatchObject({
      chats: [
        { id: "b", title: "Hello" },
        { id: "a", title: "Write a poem about the sea" },
      ],
    });
    await chats.delete("a");
    expect(await chats.list()).toMatchObject({ chats: [{ id: "b" }] });
    expect((await store.list()).sessions.length).toBe(1);
    expect(requests.at(-2)).toBe("DELETE /a");
  });
});

describe("a server that renders chats of many users", () => {
  test("keeps no chat of each of them for ever, and the chats that its program uses", async () => {
    const { chats } = chatSite([]);
    const used = chats.open("used");
    const [unused, again] = [chats.open("unused"), chats.open("unused")];
    expect(again).toBe(unused);
    await used.load();
    for (let user = 0; user < 2_000; user++) chats.open(`poems-${user}`);
    expect(chats.open("used")).toBe(used);
    expect(chats.open("poems-1999")).toBe(chats.open("poems-1999"));
    expect(chats.open("unused")).not.toBe(unused);
  });

  test("begins a chat anew that was deleted", async () => {
    const { chats } = chatSite([]);
    const chat = chats.open("a");
    await chat.load();
    await chats.delete("a");
    expect(chats.open("a")).not.toBe(chat);
    await chat.load();
    expect(chats.open("a")).toBe(chats.open("a"));
    expect(chats.open("a")).not.toBe(chat);
  });
});

describe("the history that a server renders", () => {
  const historyOf = (content: string) => shownHistory({ messages: [{ role: "user", content }] });

  afterEach(() => vi.unstubAllGlobals());

  test("of one user is not shown to the next one, whose chat has the same name", () => {
    const { chats } = chatSite([]);
    expect(said(chats.open("poems", historyOf("Ada's secret")))).toEqual(["user: Ada's secret"]);
    expect(said(chats.open("poems"))).toEqual([]);
    expect(said(chats.open("poems", historyOf("Bob's question")))).toEqual(["user: Bob's question"]);
    expect(said(chats.open("poems", historyOf("Ada's secret, edited")))).toEqual(["user: Ada's secret, edited"]);
  });

  test("is that of one chat in a page, which keeps it", () => {
    vi.stubGlobal("window", globalThis);
    const { chats } = chatSite([]);
    const chat = chats.open("poems", historyOf("Hi"));
    expect([chats.open("poems"), chats.open("poems", historyOf("Later"))]).toEqual([chat, chat]);
    expect(said(chat)).toEqual(["user: Hi"]);
  });
});
