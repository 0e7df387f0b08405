/** What a turn had cost when its process died: an estimate in the place where the provider would have said it. */

import { LLMSession, MemoryStore, type SessionRecord, type Tool } from "cloudllm";
import { Gate, type ReplyScript, type ScriptStep as Step, scriptedClient } from "cloudllm/testing";
import { describe, expect, test, vi } from "vitest";
import { estimateInputTokens, estimateTokens } from "../../src/tokens/estimate.ts";

const QUESTION = "What is it that sings there in the morning?";
const SYSTEM = "You know birds.";
const look: Tool = { name: "look", run: () => "a bird" };
const CALL: ReplyScript = {
  steps: [{ text: "Let me see. " }, { toolCall: { name: "look" } }],
  ending: { usage: { inputTokens: 10, outputTokens: 4 } },
};

/** What the store of a process held that died when the reader waited for one more chunk than this, and the log had got so far. */
async function crashedAfter(
  chunks: number,
  last: SessionRecord["type"],
  scripts: readonly ReplyScript[],
  tools?: readonly Tool[],
) {
  const store = new MemoryStore();
  const client = scriptedClient(scripts, { provider: "birds", model: "b-1" });
  const session = await LLMSession.open({ client, store, id: "s", systemPrompt: SYSTEM, flushIntervalMs: 0 });
  const leaving = new AbortController();
  const options = { signal: leaving.signal, ...(tools && { tools }) };
  const stream = await session.sendMessageStream(QUESTION, options);
  const iterator = stream[Symbol.asyncIterator]();
  for (let taken = 0; taken < chunks; taken++) await iterator.next();
  const waiting = iterator.next().catch(() => undefined);
  await vi.waitFor(async () => expect((await store.load("s")).at(-1)?.type).toBe(last));
  const records = await store.load("s");
  leaving.abort(); // a reply that nobody ends would fail in the time of another file
  await waiting;
  return records;
}

async function reopened(records: readonly SessionRecord[], model = "another") {
  const store = new MemoryStore();
  await store.append("s", records);
  return LLMSession.open({ client: scriptedClient([], { provider: "fish", model }), store, id: "s" });
}

const system = { role: "system", content: SYSTEM } as const;
const user = { role: "user", content: QUESTION } as const;
const asked = estimateInputTokens([system, user]);
const hanging = (...steps: readonly Step[]): ReplyScript => ({
  steps: [...steps, { pause: new Gate() }],
});

describe("a turn that its process cut", () => {
  test.each<[name: string, chunks: number, script: ReplyScript, outputTokens: number]>([
    ["in its text", 1, hanging({ text: "It is a blackbird" }), estimateTokens("It is a blackbird")],
    ["while it thought", 1, hanging({ reasoning: "Hm, a bird, perhaps." }), estimateTokens("Hm, a bird, perhaps.")],
  ])("%s has cost what was sent and what came, marked as an estimate", async (_name, chunks, script, outputTokens) => {
    const session = await reopened(await crashedAfter(chunks, "text", [script]));
    const estimatedUsage = { inputTokens: asked, outputTokens, totalTokens: asked + outputTokens };
    expect(session.tokenUsage()).toMatchObject({
      totalTokens: 0,
      estimated: estimatedUsage,
      turns: [{ provider: "birds", model: "b-1", estimatedUsage }],
    });
    expect(session.tokenUsage().turns[0]).not.toHaveProperty("usage");
  });

  test("in the second reply of a tool loop has cost the first, as reported, and the second, as estimated", async () => {
    const records = await crashedAfter(5, "text", [CALL, hanging({ text: "A blackbird" })], [look]);
    const { turns } = (await reopened(records)).tokenUsage();
    expect(turns).toHaveLength(2);
    expect(turns[0]).toMatchObject({ usage: { totalTokens: 14 } });
    expect(turns[1]?.estimatedUsage?.inputTokens).toBeGreaterThan(asked + estimateTokens("Let me see. "));
  });

  test("before its reply began, or while its tools ran, has cost nothing that is known", async () => {
    const nothing = await reopened(await crashedAfter(0, "said", [hanging()]));
    expect(nothing.tokenUsage()).toMatchObject({ turns: [], estimated: { totalTokens: 0 } });
    const endless: Tool = { name: "look", run: () => new Promise(() => undefined) };
    const inTools = await reopened(await crashedAfter(3, "reply", [CALL], [endless]));
    expect(inTools.tokenUsage()).toMatchObject({ totalTokens: 14, estimated: { totalTokens: 0 }, turns: [{}] });
  });

  test("is counted once, however often it is opened", async () => {
    const store = new MemoryStore();
    await store.append("s", await crashedAfter(1, "text", [hanging({ text: "It is a blackbird" })]));
    const usages = [];
    for (let time = 0; time < 3; time++) {
      await using session = await LLMSession.open({ client: scriptedClient([]), store, id: "s" });
      usages.push(session.tokenUsage());
    }
    expect(usages[0]?.turns).toHaveLength(1);
    expect(usages).toEqual([usages[0], usages[0], usages[0]]);
  });

  test("counts text that a recovery took back", async () => {
    const records = await reopened([
      { type: "said", messages: [user], asked: { provider: "birds", model: "b-1" } },
      { type: "text", text: "It is a blackbird" },
      { type: "text", text: "A wren", rewind: "It is a blackbird".length },
    ]);
    const outputTokens = estimateTokens("It is a blackbird") + estimateTokens("A wren");
    expect(records.tokenUsage().estimated.outputTokens).toBe(outputTokens);
    expect(records.history.at(-1)?.content).toBe("A wren");
  });

  test.each<[name: string, asked: unknown]>([
    ["does not say who was asked", undefined],
    ["says nonsense", "birds"],
    ["says half of it", { provider: "birds" }],
  ])("and whose log %s opens all the same, and stays whole", async (_name, asked) => {
    const store = new MemoryStore();
    const said: unknown = { type: "said", messages: [user], asked };
    await store.append("s", [said as SessionRecord, { type: "text", text: "It is" }]);
    for (let time = 0; time < 2; time++) {
      await using session = await LLMSession.open({ client: scriptedClient([]), store, id: "s" });
      expect(session.tokenUsage().turns).toEqual([]);
      expect(session.history.at(-1)).toMatchObject({ content: "It is", interrupted: true });
    }
  });
});
