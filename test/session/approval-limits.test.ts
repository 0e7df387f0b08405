/** The limits of a turn that goes on after answers: time, tokens, readers, and the end of its session. */

import { LLMSession, MemoryStore, type TokenCounter, type Tool } from "cloudllm";
import { Gate, type ReplyScript, scriptedClient } from "cloudllm/testing";
import { describe, expect, test, vi } from "vitest";
import { requestFault } from "./legality.ts";

const ASKS: ReplyScript = { steps: [{ text: "May I? " }, { toolCall: { name: "pay", id: "a" } }] };
const DONE: ReplyScript = { text: "Done." };

async function allowed(run: Tool["run"], options: Partial<ConstructorParameters<typeof LLMSession>[0]> = {}) {
  const pay: Tool = { name: "pay", approve: "ask", ...(run && { run }) };
  const client = scriptedClient([ASKS, DONE]);
  const session = new LLMSession({ client, tools: [pay], ...options });
  await session.sendMessage("Buy it");
  await session.answer("a", true);
  return { client, session };
}

/** A tool that hears its signal. */
function hanging() {
  const started = new Gate();
  const aborted = vi.fn();
  const run: Tool["run"] = (_args, { signal }) => {
    signal.addEventListener("abort", aborted);
    return started.pass();
  };
  return { started, aborted, run };
}

describe("an allowed call", () => {
  test("ends with `timeouts.total`, which counts from the turn that goes on", async () => {
    const { run, aborted } = hanging();
    const { session } = await allowed(run);
    await expect(session.sendMessage([], { timeouts: { total: 1_000 } })).rejects.toMatchObject({ kind: "timeout" });
    expect(aborted).toHaveBeenCalledOnce();
    expect(session.history[2]).toMatchObject({ content: "The turn was ended before this call had a result." });
    expect(session.waiting).toEqual([]);
  });

  test("ends with the signal of its caller, and with its session", async () => {
    for (const leave of ["signal", "dispose"] as const) {
      const { run, aborted, started } = hanging();
      const { session } = await allowed(run);
      const abort = new AbortController();
      const stream = await session.sendMessageStream([], { signal: abort.signal });
      const reading = stream.finalMessage().catch(() => undefined);
      await started.reached;
      if (leave === "signal") abort.abort();
      else await session[Symbol.asyncDispose]();
      await reading;
      expect(aborted).toHaveBeenCalledOnce();
      expect(session.history[2]).toMatchObject({ toolCallId: "a", isError: true });
    }
  });

  test("does not run in a turn whose stream nobody reads, and stays allowed", async () => {
    const ran = vi.fn(() => "paid");
    const { session } = await allowed(ran, { unreadTimeoutMs: 20 });
    const stream = await session.sendMessageStream([]);
    await expect(vi.waitFor(async () => session.answer("a", true))).resolves.toBe(0);
    expect(ran).not.toHaveBeenCalled();
    await expect(stream.finalMessage()).rejects.toMatchObject({ kind: "aborted" });
    expect((await session.sendMessage([])).content).toBe("Done.");
    expect(ran).toHaveBeenCalledOnce();
  });

  test("does not run in a turn that exceeds the token budget, and its result stays when that exceeds it", async () => {
    const characters: TokenCounter = { count: (text) => text.length };
    const ran = vi.fn(() => "x".repeat(500));
    const { session } = await allowed(ran, { maxTokens: 400, counter: characters });
    const tight = LLMSession.fromJSON(
      { ...session.toJSON(), maxTokens: 20 },
      { client: session.client, counter: characters, tools: [{ name: "pay", run: ran }] },
    );
    await expect(tight.sendMessage([])).rejects.toMatchObject({ kind: "contextLength" });
    expect(ran).not.toHaveBeenCalled();
    await expect(session.sendMessage([])).rejects.toMatchObject({ kind: "contextLength" });
    expect(session.history[2]).toMatchObject({ role: "tool", content: "x".repeat(500) });
    expect(ran).toHaveBeenCalledOnce();
  });

  test("is sent with its reply and its result when older exchanges are left out", async () => {
    const characters: TokenCounter = { count: (text) => text.length };
    const pay: Tool = { name: "pay", approve: "ask", run: () => "paid" };
    const client = scriptedClient([{ text: "x".repeat(200) }, ASKS, DONE]);
    const session = new LLMSession({ client, tools: [pay], maxTokens: 300, counter: characters });
    await session.sendMessage("Long");
    await session.sendMessage("Buy it");
    await session.answer("a", true);
    await session.sendMessage([]);
    const sent = client.calls[2]?.messages ?? [];
    expect(sent.map(({ role }) => role)).toEqual(["user", "assistant", "tool"]);
    expect(requestFault(sent)).toBeUndefined();
  });

  test("is refused as busy while its turn is under way", async () => {
    const { run, started } = hanging();
    const { session } = await allowed(run);
    const reply = session.sendMessage([]);
    await started.reached;
    await expect(session.answer("a", true)).rejects.toMatchObject({ kind: "busy" });
    started.open();
    await reply;
    await expect(session.answer("a", true)).rejects.toMatchObject({ kind: "invalidRequest" });
  });

  test("runs in the process that goes on, although another one took the answer", async () => {
    const store = new MemoryStore();
    const ran = vi.fn(() => "paid");
    const tools: readonly Tool[] = [{ name: "pay", approve: "ask", run: ran }];
    const client = scriptedClient([ASKS, DONE]);
    {
      await using session = await LLMSession.open({ client, store, id: "s", tools });
      await session.sendMessage("Buy it");
    }
    {
      await using session = await LLMSession.open({ client, store, id: "s" });
      await session.answer("a", true);
      await expect(session.sendMessage([])).rejects.toThrow("no tool pay with a `run`. Pass `tools`.");
    }
    await using session = await LLMSession.open({ client, store, id: "s", tools });
    expect((await session.sendMessage([])).content).toBe("Done.");
    expect(ran).toHaveBeenCalledOnce();
  });
});

test.each<[name: string, tool: object, fault: string]>([
  ["an `approve` that is another word", { run: () => 1, approve: "maybe" }, "is not true, false"],
  ["an `approve` without a `run`", { approve: "ask" }, "needs a `run`"],
])("%s is refused", async (_name, tool, fault) => {
  const session = new LLMSession({ client: scriptedClient([DONE]) });
  const tools = [{ name: "pay", ...tool } as Tool];
  await expect(session.sendMessage("Buy it", { tools })).rejects.toThrow(fault);
});
