/** Turns of a chat that meet others: a reply that goes on, other pages, and a message right after a stop. */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { shownHistory } from "../../src/dialects/native/shown-history.ts";
import type { ChatHistory } from "../../src/dialects/native/wire.ts";
import { Gate } from "../../src/testing/index.ts";
import { type Chat, type ChatReply, createChats } from "../../src/web/index.ts";
import { chatSite, said, until } from "../support/chats.ts";
import { complete, type FakeRequest, fakeRelay, opened, text, URL_OF_RELAY } from "../support/fake-relay.ts";

/** Lets pending promises settle, and so many milliseconds pass. */
const pass = (ms = 20): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

function chatOf(answer: (request: FakeRequest, index: number) => void, history: ChatHistory = { messages: [] }) {
  const relay = fakeRelay(answer);
  const chat = createChats({ url: URL_OF_RELAY, fetch: relay.fetch }).open("c", shownHistory(history));
  chat.subscribe(() => undefined);
  return { relay, chat };
}

const statesOf = ({ snapshot }: Chat): readonly string[] => snapshot.messages.map(({ state }) => state);

describe("with the timers of the test", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  describe("a reply that goes on after an answer", () => {
    const metrics = { durationMs: 1, chunks: 1, longestGapMs: 0, attempts: [] };
    const call = { id: "call_1", name: "send", arguments: {}, needsApproval: true } as const;
    const asked = complete("Shall I? ", { toolCalls: [call], finishReason: "toolCalls", metrics }).message;
    const messages = [{ role: "user", content: "Send it" }, asked] as const;

    test("is being written, from the answer to its end", async () => {
      const { relay, chat } = chatOf(() => undefined, { messages });
      expect(chat.snapshot.messages[1]).toMatchObject({ state: "complete", metrics });
      void chat.answer("call_1", true);
      await pass();
      expect(chat.snapshot.messages[1]).toMatchObject({ state: "writing", content: "Shall I? " });
      expect(chat.snapshot.messages[1]).not.toHaveProperty("metrics");
      relay.requests[0]?.stream(opened(relay.requests[0].body.run), text("Done", "1-1"));
      await pass();
      expect(chat.snapshot.messages[1]).toMatchObject({ state: "writing", content: "Shall I? Done" });
      relay.requests[0]?.write(complete("Done."));
      await pass();
      expect(chat.snapshot.messages[1]).toMatchObject({ state: "complete", content: "Shall I? Done." });
    });

    test("asks no more when the user has said something else instead, since the relay lets the call run no more", async () => {
      const { relay, chat } = chatOf(() => undefined, { messages, waiting: ["call_1"] });
      const calls = () => (chat.snapshot.messages[1] as ChatReply).toolCalls.map(({ state }) => state);
      void chat.send("Forget it");
      await pass();
      expect(calls(), "the relay may refuse the message").toEqual(["needsApproval"]);
      relay.requests[0]?.stream(opened(relay.requests[0].body.run), text("Fine", "1-1"));
      await pass();
      expect(calls()).toEqual(["failed"]);
      relay.requests[0]?.write(complete("Fine."));
      await pass();
      expect([calls(), statesOf(chat)]).toEqual([["failed"], ["sent", "complete", "sent", "complete"]]);
      await expect(chat.answer("call_1", true)).rejects.toMatchObject({ kind: "invalidRequest" });
    });

    test("is complete again when nothing came of the answer", async () => {
      const { relay, chat } = chatOf(() => undefined, { messages });
      void chat.answer("call_1", true);
      await pass();
      relay.requests[0]?.answer(500, { error: { kind: "server", message: "No." } });
      await pass();
      expect(chat.snapshot.messages[1]).toMatchObject({ state: "complete", toolCalls: [{ state: "needsApproval" }] });
    });
  });

  describe("a message right after a stop", () => {
    test("comes behind all that the stopped reply has", async () => {
      const { relay, chat } = chatOf((request, index) => {
        if (index === 0) request.stream(opened(request.body.run), text("Half", "1-1"));
      });
      void chat.send("Hi");
      await pass();
      void chat.stop();
      void chat.send("Next");
      await pass();
      expect(said(chat)).toEqual(["user: Hi", "assistant: Half", "user: Next"]);
      relay.requests[0]?.write(complete("Half a word", { interrupted: true, finishReason: "stopped" }));
      relay.requests[1]?.answer(200, { stopped: true });
      await pass();
      expect(said(chat)).toEqual(["user: Hi", "assistant: Half a word", "user: Next"]);
      relay.requests[2]?.stream(opened(relay.requests[2].body.run), complete("Fine"));
      await pass();
      expect(said(chat)).toEqual(["user: Hi", "assistant: Half a word", "user: Next", "assistant: Fine"]);
      expect(statesOf(chat)).toEqual(["sent", "interrupted", "sent", "complete"]);
    });

    test("has its place behind a reply that showed nothing before the stop", async () => {
      const { relay, chat } = chatOf((request, index) => {
        if (index === 0) request.stream(opened(request.body.run));
      });
      void chat.send("Hi");
      await pass();
      void chat.stop();
      void chat.send("Next");
      await pass();
      expect(statesOf(chat)).toEqual(["failed", "sending"]);
      relay.requests[0]?.write(complete("A word", { interrupted: true, finishReason: "stopped" }));
      relay.requests[1]?.answer(200, { stopped: true });
      await pass();
      relay.requests[2]?.stream(opened(relay.requests[2].body.run), complete("Fine"));
      await pass();
      expect(said(chat)).toEqual(["user: Hi", "assistant: A word", "user: Next", "assistant: Fine"]);
      expect(chat.snapshot.messages.map(({ id }) => id)).toEqual(["m0", "m1", "m2", "m3"]);
    });
  });

  test("a message that another page has kept out is sent as one of its own when it is tried again", async () => {
    const busy = { error: { kind: "busy", message: "Another reply is being written." } };
    const theirs = { role: "user", content: "Theirs" } as const;
    const { relay, chat } = chatOf((request, index) => {
      if (index === 0) request.answer(409, busy);
      else if (request.path === "/c") request.answer(200, { messages: [], run: "r", turn: [theirs] });
      else if (request.path.startsWith("/c/stream")) request.stream(opened("r"), text("Wor", "1-1"));
      else request.stream(opened(request.body.run), complete("Fine"));
    });
    void chat.send("Mine");
    await pass(50);
    expect(said(chat)).toEqual(["user: Mine", "user: Theirs", "assistant: Wor"]);
    expect(statesOf(chat)).toEqual(["failed", "sent", "writing"]);
    expect(chat.snapshot).toMatchObject({ status: "streaming", error: undefined });
    await expect(chat.retry()).rejects.toMatchObject({ kind: "busy" });
    relay.requests.at(-1)?.write(complete("Words"));
    await pass(50);
    expect(chat.snapshot).toMatchObject({ status: "failed", error: { kind: "busy" } });
    void chat.retry();
    await pass(50);
    expect(relay.requests.at(-1)?.body).toMatchObject({ message: "Mine" });
    expect(said(chat)).toEqual(["user: Theirs", "assistant: Words", "user: Mine", "assistant: Fine"]);
    expect(statesOf(chat)).toEqual(["sent", "complete", "sent", "complete"]);
    expect(chat.snapshot).toMatchObject({ status: "idle", error: undefined });
  });

  test("a message that arrived although its answer was lost is not offered to be sent again", async () => {
    const { chat } = chatOf((request, index) => {
      if (index === 0) request.answer(500, { error: { kind: "server", message: "Broken." } });
      else
        request.answer(200, {
          messages: [
            { role: "user", content: "Hi" },
            { role: "assistant", content: "Hello" },
          ],
        });
    });
    void chat.send("Hi");
    await pass();
    expect(chat.snapshot.status).toBe("failed");
    await Promise.all([chat.load(), pass()]);
    expect(said(chat)).toEqual(["user: Hi", "assistant: Hello"]);
    expect(chat.snapshot).toMatchObject({ status: "idle", error: undefined });
  });
});

test("two pages that write at once: both see the reply, and the message that was kept out follows it", async () => {
  const gate = new Gate();
  const site = chatSite([{ steps: [{ text: "One " }, { pause: gate }, { text: "two" }] }, { text: "Three" }]);
  const one = site.chats.open("c");
  const other = site.reload().open("c");
  await Promise.all([one.load(), other.load()]);
  const first = one.send("A");
  await until(one, ({ messages }) => messages[1]?.content === "One ");
  void other.send("B");
  await until(other, ({ messages }) => messages[2]?.content === "One ");
  expect(said(other)).toEqual(["user: B", "user: A", "assistant: One "]);
  gate.open();
  await first;
  await until(other, ({ status }) => status === "failed");
  await other.retry();
  expect(said(other)).toEqual(["user: A", "assistant: One two", "user: B", "assistant: Three"]);
});
