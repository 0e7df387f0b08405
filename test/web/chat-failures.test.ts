/** Chats whose relay fails, breaks or speaks again: each answer is written by hand, and the test has the timers. */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { shownHistory } from "../../src/dialects/native/shown-history.ts";
import type { ChatHistory } from "../../src/dialects/native/wire.ts";
import { type Chat, type ChatsOptions, createChats } from "../../src/web/index.ts";
import { said } from "../support/chats.ts";
import {
  complete,
  type FakeRelay,
  type FakeRequest,
  fakeRelay,
  opened,
  text,
  URL_OF_RELAY,
} from "../support/fake-relay.ts";

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(1);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Lets pending promises settle, and so many milliseconds pass. */
const pass = (ms = 20): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

function open(relay: FakeRelay, history?: ChatHistory, options: Partial<ChatsOptions> = {}): Chat {
  const chat = createChats({ url: URL_OF_RELAY, fetch: relay.fetch, ...options }).open(
    "c",
    history && shownHistory(history),
  );
  chat.subscribe(() => undefined);
  return chat;
}

/** A chat that is loaded, and the relay of it. */
function chatOf(answer: (request: FakeRequest, index: number) => void, history: ChatHistory = { messages: [] }) {
  const relay = fakeRelay(answer);
  return { relay, chat: open(relay, history) };
}

const runs = ({ requests }: FakeRelay): readonly unknown[] => requests.map(({ body }) => body.run);

describe("a connection that is lost", () => {
  test("shows as reconnecting, and the text continues", async () => {
    const { relay, chat } = chatOf((request, index) => {
      if (index === 0) request.stream(opened(request.body.run), text("Hel", "1-1"));
    });
    const sent = chat.send("Hi");
    await pass();
    expect(chat.snapshot.status).toBe("streaming");
    const [, reply] = chat.snapshot.messages;
    relay.requests[0]?.break();
    await pass();
    expect(chat.snapshot.status).toBe("reconnecting");
    expect(chat.snapshot.messages[1], "no word of it has changed").toBe(reply);
    expect(said(chat)).toEqual(["user: Hi", "assistant: Hel"]);
    await pass(300);
    expect(relay.requests[1]?.path).toContain("after=1-1");
    relay.requests[1]?.stream(opened(runs(relay)[0]), text("lo", "1-2"), complete("Hello"));
    await pass();
    expect(chat.snapshot.status).toBe("idle");
    expect((await sent)?.content).toBe("Hello");
  });

  test("shows no word twice, and none less, when the relay begins again", async () => {
    const { relay, chat } = chatOf((request, index) => {
      if (index === 0) request.stream(opened(request.body.run), text("One two ", "1-1"), text("three"));
    });
    void chat.send("Count");
    await pass();
    const seen: string[] = [];
    chat.subscribe(() => seen.push(chat.snapshot.messages[1]?.content ?? ""));
    relay.requests[0]?.break();
    await pass(300);
    const again = relay.requests[1];
    expect(again?.path).not.toContain("after=");
    again?.stream(opened(runs(relay)[0]), text("One ", "1-1"));
    await pass();
    again?.write(text("two three four", "1-2"));
    await pass();
    expect(seen.every((content) => content.startsWith("One two three"))).toBe(true);
    expect(chat.snapshot.messages[1]?.content).toBe("One two three four");
  });

  test("shows other words when another process wrote them, and a summary in the place of what came", async () => {
    const { relay, chat } = chatOf((request, index) => {
      if (index === 0) request.stream(opened(request.body.run), text("One two", "1-1"));
    });
    void chat.send("Count");
    await pass();
    relay.requests[0]?.write({ type: "snapshot", id: "2-0", message: complete("Uno due").message });
    await pass();
    expect(said(chat)[1]).toBe("assistant: Uno due");
    relay.requests[0]?.write({ type: "snapshot", id: "2-1", message: complete("Uno").message });
    await pass();
    expect(said(chat)[1]).toBe("assistant: Uno due");
    relay.requests[0]?.write(text(" due tre", "2-2"));
    await pass();
    expect(said(chat)[1]).toBe("assistant: Uno due tre");
    expect(chat.snapshot.messages[1]).toMatchObject({ state: "writing" });
  });

  test("is given up after its time with the text that came, and a retry asks for the reply again", async () => {
    const { relay, chat } = chatOf((request, index) => {
      if (index === 0) request.stream(opened(request.body.run), text("Half", "1-1"));
      else request.break();
    });
    const sent = chat.send("Hi");
    await pass();
    relay.requests[0]?.break();
    await pass(400_000);
    expect(await sent).toMatchObject({ content: "Half", state: "interrupted" });
    expect(chat.snapshot).toMatchObject({ status: "failed", error: { kind: "network" } });
    const before = relay.requests.length;
    void chat.retry();
    await pass(0);
    expect(relay.requests[before]?.body).toMatchObject({ regenerate: true });
    expect(said(chat)).toEqual(["user: Hi"]);
  });
});

describe("a message that does not arrive", () => {
  test("fails after a minute, stays, and is sent again under the same run", async () => {
    const { relay, chat } = chatOf((request, index) => {
      if (index < 15) request.break();
      else request.stream(opened(request.body.run), complete("Fine"));
    });
    void chat.send("Hi");
    await pass(70_000);
    expect(chat.snapshot).toMatchObject({
      status: "failed",
      error: { kind: "network" },
      messages: [{ content: "Hi", state: "failed" }],
    });
    const tries = relay.requests.length;
    expect(tries).toBeLessThan(15);
    const retried = chat.retry();
    await pass(0);
    expect(chat.snapshot.messages).toMatchObject([{ id: "m0", content: "Hi", state: "sending" }]);
    await pass(60_000);
    expect((await retried)?.content).toBe("Fine");
    expect(new Set(runs(relay)).size).toBe(1);
    expect(said(chat)).toEqual(["user: Hi", "assistant: Fine"]);
  });

  test("is refused, and is sent again as another run", async () => {
    const { relay, chat } = chatOf((request, index) => {
      if (index > 0) return request.stream(opened(request.body.run), complete("Fine"));
      request.answer(429, { error: { kind: "rateLimit", message: "Later.", retryable: true, retryAfterMs: 5_000 } });
    });
    void chat.send("Hi");
    await pass();
    expect(chat.snapshot.error).toMatchObject({ kind: "rateLimit", retryAfterMs: 5_000, message: "Later." });
    void chat.retry();
    await pass();
    expect(said(chat)).toEqual(["user: Hi", "assistant: Fine"]);
    expect(new Set(runs(relay)).size).toBe(2);
  });

  test("stays above the next ones, which stay the same, with an id that no other message has", async () => {
    const { message: fine } = complete("Fine");
    const { chat } = chatOf((request, index) => {
      if (index === 0) request.answer(400, { error: { kind: "invalidRequest", message: "No." } });
      else if (request.path === "/c") request.answer(200, { messages: [{ role: "user", content: "Good" }, fine] });
      else request.stream(opened(request.body.run), { type: "complete", message: fine });
    });
    void chat.send("Bad");
    await pass();
    void chat.send("Good");
    await pass();
    expect(said(chat)).toEqual(["user: Bad", "user: Good", "assistant: Fine"]);
    expect(chat.snapshot.messages.map(({ id }) => id)).toEqual(["m0-0", "m0", "m1"]);
    const before = chat.snapshot.messages;
    await Promise.all([chat.load(), pass()]);
    for (const [place, message] of chat.snapshot.messages.entries()) expect(message).toBe(before[place]);
  });

  test("waits for the chat to be loaded, and has its place behind what the server has", async () => {
    const relay = fakeRelay(({ path, answer, ...request }) => {
      if (path === "/c")
        answer(200, {
          messages: [
            { role: "user", content: "A" },
            { role: "assistant", content: "B" },
          ],
        });
      else request.stream(opened(request.body.run), complete("D"));
    });
    const chat = createChats({ url: URL_OF_RELAY, fetch: relay.fetch }).open("c");
    void chat.send("C");
    expect(said(chat)).toEqual(["user: C"]);
    await pass(50);
    expect(said(chat)).toEqual(["user: A", "assistant: B", "user: C", "assistant: D"]);
    expect(chat.snapshot.messages.map(({ id }) => id)).toEqual(["m0", "m1", "m2", "m3"]);
  });
});

describe("a chat that cannot be loaded", () => {
  test("says why, and loads when it is asked again", async () => {
    const relay = fakeRelay((request, index) => {
      if (index === 0) request.answer(503, { error: { kind: "storage", message: "Away.", retryAfterMs: 1_000 } });
      else
        request.answer(200, {
          messages: [
            { role: "user", content: "A" },
            { role: "assistant", content: "B" },
          ],
        });
    });
    const chat = open(relay);
    await pass();
    expect(chat.snapshot).toMatchObject({ status: "failed", isLoaded: false, error: { kind: "storage" } });
    await Promise.all([chat.retry(), pass(50)]);
    expect(chat.snapshot).toMatchObject({ status: "idle", isLoaded: true, error: undefined });
    expect(said(chat)).toEqual(["user: A", "assistant: B"]);
  });

  test("shows a question that got no reply, and asks it again", async () => {
    const relay = fakeRelay((request) => {
      if (request.path === "/c") request.answer(200, { messages: [], unanswered: "Why?" });
      else request.stream(opened(request.body.run), complete("Because."));
    });
    const chat = open(relay);
    await pass();
    expect(chat.snapshot).toMatchObject({ status: "idle", messages: [{ content: "Why?", state: "failed" }] });
    void chat.retry();
    await pass();
    expect(relay.requests[1]?.body).toMatchObject({ regenerate: true });
    expect(said(chat)).toEqual(["user: Why?", "assistant: Because."]);
  });
});

test("a sound that comes in pieces is there at the end, as the relay has joined it", async () => {
  const sound = { mediaType: "audio/mpeg", data: "AAAA" };
  const piece = { type: "media", content: "", index: 0, ...sound, append: true, isFinal: false } as const;
  const { chat } = chatOf((request) => {
    const { run } = request.body;
    request.stream(
      opened(run),
      { type: "chunks", id: "1-1", chunks: [piece, piece] },
      complete("", { media: [{ ...sound, data: "AAAAAAAA" }] }),
    );
  });
  const [reply] = await Promise.all([chat.send("Sing"), pass()]);
  expect(reply).toMatchObject({ state: "complete", media: [{ ...sound, data: "AAAAAAAA" }] });
});

describe("a stop", () => {
  test("shows at once, ignores later words, and ends with the relay's last word", async () => {
    const { relay, chat } = chatOf((request, index) => {
      if (index === 0) request.stream(opened(request.body.run), text("Half", "1-1"));
    });
    void chat.send("Hi");
    await pass();
    const stopped = chat.stop();
    await pass();
    expect(chat.snapshot).toMatchObject({ status: "idle", messages: [{}, { content: "Half", state: "interrupted" }] });
    expect(relay.requests[1]).toMatchObject({ path: "/c/stop", keepalive: true, body: { run: runs(relay)[0] } });
    relay.requests[0]?.write(text(" more", "1-2"));
    await pass();
    expect(chat.snapshot.messages[1]?.content).toBe("Half");
    const usage = { inputTokens: 1, outputTokens: 2, totalTokens: 3 };
    relay.requests[0]?.write(complete("Half mo", { interrupted: true, finishReason: "stopped", usage }));
    relay.requests[1]?.answer(200, { stopped: true });
    await pass();
    expect(await stopped).toMatchObject({ content: "Half mo", finishReason: "stopped", usage });
  });

  test("that the network loses leaves the text, and the next message goes out", async () => {
    const { relay, chat } = chatOf((request, index) => {
      if (index === 0) request.stream(opened(request.body.run), text("Half", "1-1"));
      else if (request.path === "/c/stop") request.break();
      else request.stream(opened(request.body.run), complete("Next"));
    });
    void chat.send("Hi");
    await pass();
    void chat.stop();
    void chat.send("More");
    await pass(1_000);
    expect(said(chat)).toEqual(["user: Hi", "assistant: Half", "user: More", "assistant: Next"]);
    expect(relay.requests[0]?.signal?.aborted).toBe(true);
  });

  test("before the first word leaves the question, to be asked again", async () => {
    const { relay, chat } = chatOf((request) => {
      if (request.path === "/c/stop") request.answer(404, {});
    });
    void chat.send("Hi");
    await pass();
    await Promise.all([chat.stop(), pass(1_000)]);
    expect(chat.snapshot).toMatchObject({ status: "idle", messages: [{ content: "Hi", state: "failed" }] });
    void chat.retry();
    await pass();
    expect(relay.requests.at(-1)?.body).toMatchObject({ regenerate: true });
  });

  test("of a reply that is written again brings the old one back when nothing came", async () => {
    const messages = [
      { role: "user", content: "A" },
      { role: "assistant", content: "B" },
    ] as const;
    const { chat } = chatOf((request) => request.path === "/c/stop" && request.answer(200, {}), { messages });
    void chat.regenerate();
    await pass();
    expect(said(chat)).toEqual(["user: A"]);
    await Promise.all([chat.stop(), pass(1_000)]);
    expect(said(chat)).toEqual(["user: A", "assistant: B"]);
  });
});

describe("a reply that is asked for again", () => {
  test("must be there", async () => {
    const { chat, relay } = chatOf(() => undefined);
    await expect(chat.regenerate()).rejects.toMatchObject({ kind: "invalidRequest" });
    await expect(chat.regenerate("m7")).rejects.toMatchObject({ kind: "invalidRequest" });
    await expect(chat.edit("m7", "Hi")).rejects.toMatchObject({ kind: "invalidRequest" });
    await expect(chat.answer("call_7", true)).rejects.toMatchObject({ kind: "invalidRequest" });
    expect(relay.requests).toEqual([]);
  });

  test("is that of the last question, also when it got none", async () => {
    const messages = [
      { role: "user", content: "A" },
      { role: "assistant", content: "B" },
    ] as const;
    const { chat, relay } = chatOf(() => undefined, { messages, unanswered: "C" });
    void chat.regenerate();
    await pass();
    expect(relay.requests[0]?.body).toMatchObject({ regenerate: true });
    expect(relay.requests[0]?.body).not.toHaveProperty("keep");
    expect(said(chat)).toEqual(["user: A", "assistant: B", "user: C"]);
  });
});

describe("answers that do not arrive", () => {
  const call = { id: "call_1", name: "send", arguments: {}, needsApproval: true } as const;
  const messages = [
    { role: "user", content: "Send it" },
    { role: "assistant", content: "Shall I? ", toolCalls: [call] },
  ] as const;

  test("leave the question open, and are sent again", async () => {
    const { chat, relay } = chatOf(
      (request, index) => {
        if (index === 0) request.answer(400, { error: { kind: "invalidRequest", message: "No." } });
        else if (request.path === "/c") request.answer(200, { messages });
        else request.stream(opened(request.body.run), complete("Done."));
      },
      { messages },
    );
    void chat.answer("call_1", true);
    await pass(50);
    expect(chat.snapshot).toMatchObject({
      status: "failed",
      messages: [{}, { toolCalls: [{ state: "needsApproval" }] }],
    });
    void chat.retry();
    await pass();
    expect(relay.requests.at(-1)?.body).toMatchObject({ answers: [{ toolCallId: "call_1", approved: true }] });
    expect(said(chat)[1]).toBe("assistant: Shall I? Done.");
  });

  test("are shown as the server has them, when the reply to them broke", async () => {
    const ran = [...messages, { role: "tool", toolCallId: "call_1", content: "sent" }] as const;
    const { chat } = chatOf(
      (request, index) => {
        if (request.path === "/c") return request.answer(200, { messages: ran });
        if (index > 0) return;
        request.stream(opened(request.body.run), { type: "failed", error: { kind: "server", message: "It broke." } });
      },
      { messages },
    );
    void chat.answer("call_1", true);
    await pass(50);
    expect(chat.snapshot).toMatchObject({
      status: "failed",
      messages: [{}, { toolCalls: [{ state: "done", result: "sent" }] }],
    });
  });
});

describe("a run of others", () => {
  test("that is gone leaves the reply that it went on from", async () => {
    const messages = [
      { role: "user", content: "Ask" },
      { role: "assistant", content: "Look. ", toolCalls: [{ id: "call_1", name: "ask", arguments: {} }] },
    ] as const;
    const results = [{ role: "tool", toolCallId: "call_1", content: "yes" }] as const;
    const { chat } = chatOf((request) => request.answer(404, {}), { messages, run: "r", turn: results });
    await pass();
    expect(said(chat)).toEqual(["user: Ask", "assistant: Look. "]);
    expect(chat.snapshot.status).toBe("idle");
  });

  const turn = [{ role: "user", content: "Tell" }] as const;

  test("that is gone leaves its question, to be asked again", async () => {
    const { chat } = chatOf((request) => request.answer(404, {}), { messages: [], run: "r", turn });
    expect(chat.snapshot.status).toBe("streaming");
    await pass();
    expect(chat.snapshot).toMatchObject({ status: "idle", messages: [{ content: "Tell", state: "failed" }] });
  });

  test("that has failed shows its text and its error", async () => {
    const error = {
      kind: "truncated",
      message: "It broke.",
      partial: complete("Half", { interrupted: true }).message,
    } as const;
    const { chat } = chatOf((request) => request.stream(opened("r"), { type: "failed", error }), {
      messages: [],
      run: "r",
      turn,
    });
    await pass();
    expect(chat.snapshot).toMatchObject({ status: "failed", error: { kind: "truncated", message: "It broke." } });
    expect(said(chat)).toEqual(["user: Tell", "assistant: Half"]);
  });

  test("that goes on after results of tools is one reply with what was before", async () => {
    const call = { id: "call_1", name: "ask", arguments: {} };
    const messages = [
      { role: "user", content: "Ask" },
      { role: "assistant", content: "Look. ", toolCalls: [call] },
    ] as const;
    const results = [{ role: "tool", toolCallId: "call_1", content: "yes" }] as const;
    const { chat } = chatOf((request) => request.stream(opened("r"), text("Fine", "1-1")), {
      messages,
      run: "r",
      turn: results,
    });
    await pass();
    expect(said(chat)).toEqual(["user: Ask", "assistant: Look. Fine"]);
    expect(chat.snapshot.messages[1]).toMatchObject({ id: "m1", toolCalls: [{ state: "done", result: "yes", at: 6 }] });
  });
});

test("options and headers are read when a request is made", async () => {
  const relay = fakeRelay((request) => request.stream(opened(request.body.run), complete("Fine")));
  let token = "one";
  const options = { model: "small", headers: () => ({ authorization: token }), options: () => ({ temperature: 1 }) };
  const chat = open(relay, { messages: [] }, options);
  void chat.send("Hi");
  await pass();
  token = "two";
  void chat.send("Hi", { model: "large" });
  await pass();
  expect(relay.requests.map(({ headers }) => headers.get("authorization"))).toEqual(["one", "two"]);
  expect(relay.requests.map(({ body }) => body.options)).toEqual([
    { model: "small", temperature: 1 },
    { model: "large", temperature: 1 },
  ]);
});

test("a message while a reply is written is refused, and changes nothing", async () => {
  const { chat } = chatOf((request) => request.stream(opened(request.body.run), text("a", "1-1")));
  void chat.send("Hi");
  await pass();
  const { snapshot } = chat;
  await expect(chat.send("More")).rejects.toMatchObject({ kind: "busy" });
  expect(chat.snapshot).toBe(snapshot);
});
