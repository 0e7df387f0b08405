/** Calls that wait for a person, in stores: the answer and its tool survive the process, whenever that ends. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LLMSession, MemoryStore, type SessionRecord, type SessionStore, type Tool } from "cloudllm";
import { FileStore } from "cloudllm/store/file";
import { SQLiteStore } from "cloudllm/store/sqlite";
import { Gate, type ReplyScript, scriptedClient } from "cloudllm/testing";
import { describe, expect, test, vi } from "vitest";
import { sqliteDrivers, sqliteMissing } from "../interop/drivers.mjs";
import { historyFault, requestFault } from "./legality.ts";

const ASKS: ReplyScript = {
  steps: [
    { text: "May I? " },
    ...[
      ["pay", "a"],
      ["look", "b"],
      ["pay", "c"],
    ].map(([name = "", id = ""]) => ({ toolCall: { name, id } })),
  ],
};
const DONE: ReplyScript = { text: ["It is ", "done."] };

/** Answers a question with calls, and their results with a text. */
const shop = () => scriptedClient(({ messages }) => (messages.at(-1)?.role === "user" ? ASKS : DONE));

function toolbox(): { readonly ran: string[]; readonly tools: readonly Tool[] } {
  const ran: string[] = [];
  const run: Tool["run"] = (_args, { toolCallId }) => void ran.push(toolCallId);
  return {
    ran,
    tools: [
      { name: "pay", approve: "ask", run },
      { name: "look", run },
    ],
  };
}

/** Does what a program does that finds a session: answers what waits, and goes on, until the reply is there. */
async function finish(session: LLMSession): Promise<void> {
  for (let steps = 0; steps < 10; steps++) {
    for (const { id } of session.waiting) await session.answer(id, id === "a" ? true : { deny: "No." });
    const last = session.history.at(-1);
    if (last?.role === "assistant" && !last.toolCalls?.length) return;
    await session.sendMessage(last === undefined ? "Buy it" : []);
    expect(historyFault(session.history)).toBeUndefined();
  }
  throw new Error("It has no end.");
}

const contentOf = (session: LLMSession, id: string): string | undefined => {
  const result = session.history.find((message) => message.role === "tool" && message.toolCallId === id);
  return result?.role === "tool" ? result.content : undefined;
};

const inMemory = async (): Promise<[SessionStore, () => SessionStore]> => {
  const store = new MemoryStore();
  return [store, () => store];
};

describe("a call that waits", () => {
  const skipped = sqliteMissing === undefined ? "" : ` [skipped: ${sqliteMissing}]`;

  test("in memory is answered by one process, and run by another", () => acrossProcesses(inMemory));

  test("in files is answered by one process, and run by another", () =>
    acrossProcesses(async (folder) => [new FileStore(folder), () => new FileStore(folder)]));

  test.skipIf(skipped)(`in SQLite is answered by one process, and run by another${skipped}`, () =>
    acrossProcesses(async (folder) => {
      const [driver] = sqliteDrivers;
      if (!driver) throw new Error("There is no driver.");
      const database = await driver.open(join(folder, "chats.db"));
      return [new SQLiteStore(database), () => new SQLiteStore(database)];
    }),
  );

  async function acrossProcesses(open: (folder: string) => Promise<[SessionStore, () => SessionStore]>): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), "cloudllm-approval-"));
    try {
      const [store, again] = await open(folder);
      const { ran, tools } = toolbox();
      const client = shop();
      const first = await LLMSession.open({ client, store, id: "s", tools });
      await first.sendMessage("Buy it");
      await first.close();
      expect((await LLMSession.peek({ store, id: "s" })).waiting).toMatchObject([
        { id: "a", name: "pay", needsApproval: true },
        { id: "c", needsApproval: true },
      ]);
      const second = await LLMSession.open({ client, store: again(), id: "s" });
      expect(await second.answer("c", { deny: "Later." })).toBe(1);
      expect(await second.answer("a", true)).toBe(0);
      await second.close();
      expect(await LLMSession.peek({ store, id: "s" })).not.toHaveProperty("waiting");
      const third = await LLMSession.open({ client, store: again(), id: "s", tools });
      expect(third.waiting).toEqual([]);
      expect((await third.sendMessage([])).content).toBe("It is done.");
      await third.close();
      expect(ran).toEqual(["b", "a"]);
      expect(requestFault(client.calls[1]?.messages ?? [])).toBeUndefined();
      const { history } = await LLMSession.peek({ store, id: "s" });
      expect(history.map(({ role }) => role)).toEqual(["user", "assistant", "tool", "tool", "tool", "assistant"]);
      expect(history[4]).toMatchObject({ toolCallId: "c", denied: true });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  test("is answered once the store has the answer, and again when the store had failed", async () => {
    const store = new MemoryStore();
    const { tools } = toolbox();
    const session = await LLMSession.open({ client: shop(), store, id: "s", tools });
    await session.sendMessage("Buy it");
    const failing = vi.spyOn(store, "append").mockRejectedValue(new Error("The disk is full."));
    await expect(session.answer("a", true)).rejects.toMatchObject({ kind: "storage" });
    failing.mockRestore();
    expect(await session.answer("a", true)).toBe(1);
    expect((await store.load("s")).filter(({ type }) => type === "answer").length).toBe(1);
  });
});

describe("a process that ends", () => {
  async function records(): Promise<readonly SessionRecord[]> {
    const store = new MemoryStore();
    const session = await LLMSession.open({
      client: shop(),
      store,
      id: "s",
      tools: toolbox().tools,
      flushIntervalMs: 0,
    });
    await finish(session);
    await session.close();
    return store.load("s");
  }

  test("after any record leaves a history that goes on: no call runs twice, and none that was denied", async () => {
    const all = await records();
    const begun = all.findLastIndex(({ type }) => type === "said");
    expect(all.filter(({ type }) => type === "answer").length).toBe(2);
    for (let length = 0; length <= all.length; length++) {
      const store = new MemoryStore();
      await store.append("s", all.slice(0, length));
      const { ran, tools } = toolbox();
      const session = await LLMSession.open({ client: shop(), store, id: "s", tools });
      const at = `after ${length} records, the last of type ${all[length - 1]?.type}`;
      expect(historyFault(session.history), at).toBeUndefined();
      await finish(session);
      expect(session.history.at(-1), at).toMatchObject({ content: "It is done." });
      const runs = ran.filter((id) => id === "a").length;
      expect(ran.includes("c"), at).toBe(false);
      if (length > begun) expect(runs, at).toBe(0);
      const result = contentOf(session, "a");
      const isLost = length === begun + 1;
      if (isLost) expect(result, at).toBe("The program ended while this call ran, or before.");
      else expect(result, at).toBe("null");
      expect(contentOf(session, "c"), at).toBe("The user did not allow this call: No.");
    }
  });

  test("after the reply, before its end was stored, leaves the calls that wait open", async () => {
    const all = await records();
    const reply = all.findIndex(({ type }) => type === "reply");
    for (const onInterrupt of ["keep", "discard"] as const) {
      const store = new MemoryStore();
      const results = all.slice(0, reply + 2);
      expect(results.at(-1)?.type).toBe("result");
      await store.append("s", results);
      const session = await LLMSession.open({ client: shop(), store, id: "s", onInterrupt });
      expect(session.waiting.map(({ id }) => id)).toEqual(["a", "c"]);
    }
  });

  test("cannot have run a tool that its store does not know of", async () => {
    const store = new MemoryStore();
    const { ran, tools } = toolbox();
    const session = await LLMSession.open({ client: shop(), store, id: "s", tools });
    await session.sendMessage("Buy it");
    await session.answer("a", true);
    await session.answer("c", false);
    const append = store.append.bind(store);
    const gate = new Gate();
    vi.spyOn(store, "append").mockImplementationOnce(async (id, given) => {
      await gate.pass();
      return append(id, given);
    });
    const reply = session.sendMessage([]);
    await gate.reached;
    await new Promise((resolve) => setImmediate(resolve));
    expect(ran).toEqual(["b"]);
    gate.open();
    await reply;
    expect(ran).toEqual(["b", "a"]);
  });

  test("that cannot store the turn runs nothing, and keeps the answers", async () => {
    const store = new MemoryStore();
    const { ran, tools } = toolbox();
    const session = await LLMSession.open({ client: shop(), store, id: "s", tools });
    await session.sendMessage("Buy it");
    await session.answer("a", true);
    await session.answer("c", false);
    const failing = vi.spyOn(store, "append").mockRejectedValue(new Error("The disk is full."));
    await expect(session.sendMessage([])).rejects.toMatchObject({ kind: "storage" });
    failing.mockRestore();
    expect(ran).toEqual(["b"]);
    expect((await session.sendMessage([])).content).toBe("It is done.");
    expect(ran).toEqual(["b", "a"]);
  });
});

test("a reader of the store sees a turn that goes on, with the results so far", async () => {
  const store = new MemoryStore();
  const gate = new Gate();
  const { tools } = toolbox();
  const slow: readonly Tool[] = [{ name: "pay", approve: "ask", run: () => gate.pass() }, ...tools.slice(1)];
  const session = await LLMSession.open({ client: shop(), store, id: "s", tools: slow });
  await session.sendMessage("Buy it");
  await session.answer("c", false);
  await session.answer("a", true);
  const reply = session.sendMessage([]);
  await gate.reached;
  const snapshot = await LLMSession.peek({ store, id: "s" });
  expect(snapshot.turn?.messages).toMatchObject([{ role: "tool", toolCallId: "c", denied: true }]);
  expect(snapshot).not.toHaveProperty("waiting");
  gate.open();
  await reply;
});

test("a log with an answer to nothing is reported as damaged", async () => {
  const said: SessionRecord = { type: "said", messages: [{ role: "user", content: "Hi" }] };
  const end: SessionRecord = { type: "end", stays: true, message: { role: "assistant", content: "Hello" } };
  const answer: SessionRecord = { type: "answer", toolCallId: "a", answer: { type: "allow" } };
  const odd = { ...answer, answer: { type: "perhaps" } } as unknown as SessionRecord;
  for (const log of [[answer], [said, answer, end], [said, end, answer], [said, end, odd]]) {
    const store = new MemoryStore();
    await store.append("s", log);
    await expect(LLMSession.open({ client: shop(), store, id: "s" })).rejects.toMatchObject({ kind: "storage" });
  }
});
