/** A session whose model answers with pictures. */

import { type AssistantMessage, LLMSession, type Media, MemoryStore, type MessageChunk, MessageStream } from "cloudllm";
import { Gate, type ReplyScript, scriptedClient } from "cloudllm/testing";
import { describe, expect, test, vi } from "vitest";

const PICTURE: Media = { mediaType: "image/png", data: "iVBORw0KGgo=" };

/** Answers each turn with these chunks, and then ends, breaks, or waits to be stopped. */
function client(chunks: readonly MessageChunk[], ending: "whole" | "broken" = "whole") {
  const base = scriptedClient(() => ({ text: "Fine." }));
  const asked: unknown[] = [];
  const open = async (messages: unknown) => {
    asked.push(messages);
    const { metrics } = await base.sendMessage([{ role: "user", content: "?" }]);
    async function* reply(): AsyncGenerator<MessageChunk> {
      yield* chunks;
      if (ending === "broken") return;
      const media = chunks.flatMap((chunk) => (chunk.type === "media" ? [PICTURE] : []));
      const message: AssistantMessage = {
        role: "assistant",
        content: "",
        reasoning: "",
        toolCalls: [],
        citations: [],
        media,
        finishReason: "stop",
        metrics,
        provider: "p",
        model: "m",
      };
      yield { type: "final", content: "", message, isFinal: true };
    }
    return MessageStream.from(reply());
  };
  return {
    provider: "p",
    model: "m",
    asked,
    sendMessageStream: open,
    sendMessage: async (messages: unknown) => (await open(messages)).finalMessage(),
  };
}

const picture: MessageChunk = { type: "media", content: "", index: 0, ...PICTURE, isFinal: false };

describe("a turn that answers with a picture alone", () => {
  test.each(["streamed", "non-streamed"])("stays in the history, %s", async (way) => {
    const session = new LLMSession({ client: client([picture]) });
    const reply =
      way === "streamed"
        ? await (await session.sendMessageStream("draw")).finalMessage()
        : await session.sendMessage("draw");
    expect(reply.media).toEqual([PICTURE]);
    expect(session.history).toHaveLength(2);
    expect(session.history[1]).toMatchObject({ role: "assistant", content: "", media: [PICTURE] });
  });

  test("is sent with the next turn, and survives JSON and a store", async () => {
    const store = new MemoryStore();
    const asked = client([picture]);
    const session = await LLMSession.open({ client: asked, store, id: "s" });
    await session.sendMessage("draw");
    await session.sendMessage("again");
    expect(asked.asked[1]).toMatchObject([{ role: "user" }, { media: [PICTURE] }, { role: "user", content: "again" }]);
    await session.close();
    const again = await LLMSession.open({ client: client([]), store, id: "s" });
    expect(again.history[1]).toMatchObject({ media: [PICTURE] });
    const copy = LLMSession.fromJSON(JSON.parse(JSON.stringify(session)), { client: client([]) });
    expect(copy.history).toEqual(again.history);
  });

  test("is kept when it breaks off after the picture", async () => {
    const session = new LLMSession({ client: client([picture], "broken") });
    await expect(session.sendMessage("draw")).rejects.toMatchObject({ partial: { media: [PICTURE] } });
    expect(session.history[1]).toMatchObject({ media: [PICTURE], interrupted: true });
  });

  test("is taken back when only a preview came", async () => {
    const preview: MessageChunk = { ...picture, partial: true };
    const session = new LLMSession({ client: client([preview], "broken") });
    await expect(session.sendMessage("draw")).rejects.toMatchObject({ partial: { media: [{ partial: true }] } });
    expect(session.history).toEqual([]);
    expect(session.unanswered).toBe("draw");
  });

  test("has its share of the token budget", async () => {
    const asked = client([picture]);
    const session = new LLMSession({ client: asked, maxTokens: 2_000, counter: { count: (text) => text.length } });
    await session.sendMessage("one");
    await session.sendMessage("two");
    await session.sendMessage("three");
    expect(asked.asked[2]).toMatchObject([{ content: "two" }, { media: [PICTURE] }, { content: "three" }]);
  });
});

test.each([
  ["no media type", [{ data: "AAAA" }]],
  ["no source", [{ mediaType: "image/png" }]],
  ["two sources", [{ mediaType: "image/png", data: "AAAA", url: "https://example.com/a.png" }]],
  ["no array", { mediaType: "image/png", data: "AAAA" }],
])("a history whose media have %s is refused by name", (_name, media) => {
  const history = [
    { role: "user", content: "draw" },
    { role: "assistant", content: "", media },
  ];
  expect(() => LLMSession.fromJSON({ version: 1, history, turns: [] } as never, { client: client([]) })).toThrow(
    /media/,
  );
});

describe("a process that dies after a picture", () => {
  async function died(flushIntervalMs: number): Promise<MemoryStore> {
    const store = new MemoryStore();
    const script: ReplyScript = { steps: [{ media: PICTURE }, { pause: new Gate() }] };
    const session = await LLMSession.open({ client: scriptedClient([script]), store, id: "s", flushIntervalMs });
    const chunks = (await session.sendMessageStream("draw"))[Symbol.asyncIterator]();
    await chunks.next();
    chunks.next().catch(() => undefined); // nobody ends it, also after the test
    return store;
  }

  test("leaves it in the store: it was paid for", async () => {
    const store = await died(0);
    await vi.waitFor(async () => expect((await store.load("s")).at(-1)?.type).toBe("text"));
    const copy = new MemoryStore();
    await copy.append("s", JSON.parse(JSON.stringify(await store.load("s"))));
    expect((await LLMSession.peek({ store: copy, id: "s" })).turn).toMatchObject({ text: "", media: [PICTURE] });
    const session = await LLMSession.open({ client: scriptedClient([]), store: copy, id: "s" });
    expect(session.history[1]).toMatchObject({ content: "", media: [PICTURE], interrupted: true });
    expect(session.tokenUsage().estimated.outputTokens).toBeGreaterThan(100);
  });

  test("a record with media that cannot be sent is refused", async () => {
    const store = await died(0);
    await vi.waitFor(async () => expect((await store.load("s")).at(-1)?.type).toBe("text"));
    const records = JSON.parse(JSON.stringify(await store.load("s")).replace('"mediaType"', '"kind"'));
    const copy = new MemoryStore();
    await copy.append("s", records);
    await expect(LLMSession.open({ client: scriptedClient([]), store: copy, id: "s" })).rejects.toMatchObject({
      kind: "storage",
      message: expect.stringContaining("media"),
    });
  });

  test("a reply that ends before anything is written down is written down once", async () => {
    const store = new MemoryStore();
    const client = scriptedClient([{ steps: [{ media: PICTURE }, { text: "Here." }] }]);
    const session = await LLMSession.open({ client, store, id: "s" });
    await session.sendMessage("draw");
    await session.close();
    expect(JSON.stringify(await store.load("s")).split(PICTURE.data ?? "?").length - 1).toBe(1);
  });
});
