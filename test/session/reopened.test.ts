/** A session that a store keeps is the same when it is opened again. */

import { LLMSession, MemoryStore, type StandardSchema } from "cloudllm";
import { scriptedClient } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { DONE, LOOK, linesOf, look, plain, reopened } from "./stored-session.ts";

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

test.each([
  ["a store", { id: "s" }, /`store` must be an object with methods `append`/],
  ["an id", { store: new MemoryStore() }, /`id` must be a string/],
])("opening without %s says so", async (_name, given, message) => {
  const options = { client: scriptedClient([]), ...given } as unknown as Parameters<typeof LLMSession.open>[0];
  await expect(LLMSession.open(options)).rejects.toThrow(message);
});
