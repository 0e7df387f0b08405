/** Tools that a person must allow: which calls run, which wait, and how the turn goes on after the answers. */

import { LLMSession, type Message, type MessageChunk, type Tool, tool } from "cloudllm";
import { Gate, type ReplyScript, scriptedClient } from "cloudllm/testing";
import { describe, expect, test, vi } from "vitest";
import { historyFault, requestFault } from "./legality.ts";

const calls = (...made: readonly (readonly [name: string, id: string])[]): ReplyScript => ({
  steps: [{ text: "Let me see. " }, ...made.map(([name, id]) => ({ toolCall: { name, id, arguments: { of: id } } }))],
});
const DONE: ReplyScript = { text: "Done." };

interface Ran {
  readonly ran: string[];
  readonly tools: readonly Tool[];
}

/** `look` runs, `pay` asks, `wipe` never runs, `mail` is the caller's. */
function toolbox(): Ran {
  const ran: string[] = [];
  const run =
    (name: string) =>
    (_args: object, { toolCallId }: { readonly toolCallId: string }) => {
      ran.push(toolCallId);
      return `${name} did it`;
    };
  const tools: readonly Tool[] = [
    { name: "look", run: run("look") },
    { name: "pay", approve: "ask", run: run("pay") },
    { name: "wipe", approve: false, run: run("wipe") },
    { name: "mail" },
  ];
  return { ran, tools };
}

async function read(stream: AsyncIterable<MessageChunk>): Promise<MessageChunk[]> {
  const chunks: MessageChunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

const idsOf = (session: LLMSession): readonly string[] => session.waiting.map(({ id }) => id);
const resultsIn = (messages: readonly Message[]): readonly string[] =>
  messages.flatMap((message) => (message.role === "tool" ? `${message.toolCallId}: ${message.content}` : []));
const shown = (chunks: readonly MessageChunk[]): readonly string[] =>
  chunks.flatMap((chunk) => (chunk.type === "toolResult" ? `${chunk.name} ${chunk.toolCallId}: ${chunk.result}` : []));

describe("a reply whose calls a person must allow", () => {
  test("runs the others, marks those that wait everywhere, and ends", async () => {
    const { ran, tools } = toolbox();
    const client = scriptedClient([calls(["pay", "a"], ["look", "b"], ["wipe", "c"], ["mail", "d"])]);
    const session = new LLMSession({ client, tools });
    const chunks = await read(await session.sendMessageStream("Buy it"));
    expect(ran).toEqual(["b"]);
    expect(chunks.flatMap((chunk) => (chunk.type === "toolCall" ? chunk.toolCall : []))).toEqual([
      { id: "a", name: "pay", arguments: { of: "a" }, needsApproval: true },
      { id: "b", name: "look", arguments: { of: "b" } },
      { id: "c", name: "wipe", arguments: { of: "c" } },
      { id: "d", name: "mail", arguments: { of: "d" } },
    ]);
    expect(shown(chunks)).toEqual(["wipe c: This call is not allowed.", "look b: look did it"]);
    expect(chunks.find((chunk) => chunk.type === "toolResult" && chunk.toolCallId === "c")).toMatchObject({
      isError: true,
      denied: true,
    });
    const final = chunks.at(-1);
    expect(final).toMatchObject({
      message: { finishReason: "toolCalls", toolCalls: [{ id: "a", needsApproval: true }, { id: "d" }] },
    });
    expect(session.waiting).toMatchObject([{ id: "a", needsApproval: true }, { id: "d" }]);
    expect(JSON.parse(JSON.stringify(session)).history[1].toolCalls[0]).toMatchObject({ id: "a", needsApproval: true });
    expect(historyFault(session.history)).toBeUndefined();
    expect(client.calls.length).toBe(1);
  });

  test("says the same without a stream", async () => {
    const { ran, tools } = toolbox();
    const client = scriptedClient([calls(["pay", "a"]), DONE]);
    const session = new LLMSession({ client, tools });
    const reply = await session.sendMessage("Buy it");
    expect(reply.toolCalls).toMatchObject([{ id: "a", needsApproval: true }]);
    expect(await session.answer("a", true)).toBe(0);
    expect((await session.sendMessage([])).content).toBe("Done.");
    expect(ran).toEqual(["a"]);
  });
});

describe("answers", () => {
  test("let the turn go on when all are there: allowed calls run, and the model learns the reasons of the others", async () => {
    const { ran, tools } = toolbox();
    const client = scriptedClient([
      calls(["pay", "a"], ["pay", "b"], ["look", "c"], ["pay", "d"], ["mail", "e"]),
      DONE,
      { text: "Next." },
    ]);
    const session = new LLMSession({ client, tools });
    await session.sendMessage("Buy it");
    expect(await session.answer("b", { deny: "Too expensive." })).toBe(3);
    expect(await session.answer("e", { result: { sent: 2n } })).toBe(2);
    await expect(session.sendMessage([])).rejects.toThrow("The calls a of pay, d of pay have no result");
    expect(await session.answer("d", false)).toBe(1);
    expect(await session.answer("a", true)).toBe(0);
    expect(idsOf(session)).toEqual([]);
    const stream = await session.sendMessageStream([]);
    const chunks = await read(stream);
    expect(ran).toEqual(["c", "a"]);
    expect(shown(chunks)).toEqual([
      "pay b: The user did not allow this call: Too expensive.",
      "pay d: The user did not allow this call.",
      'mail e: {"sent":"2"}',
      "pay a: pay did it",
    ]);
    const sent = client.calls[1]?.messages ?? [];
    expect(requestFault(sent)).toBeUndefined();
    expect(resultsIn(sent)).toEqual([
      "a: pay did it",
      "b: The user did not allow this call: Too expensive.",
      "c: look did it",
      "d: The user did not allow this call.",
      'e: {"sent":"2"}',
    ]);
    expect(historyFault(session.history)).toBeUndefined();
    await session.sendMessage("And now?");
    expect(resultsIn(client.calls[2]?.messages ?? [])).toEqual(resultsIn(sent));
  });

  test("are taken once: the same again does nothing, another is refused, and so is one for a call that does not wait", async () => {
    const { tools } = toolbox();
    const session = new LLMSession({ client: scriptedClient([calls(["pay", "a"], ["mail", "b"])]), tools });
    await session.sendMessage("Buy it");
    await session.answer("a", true);
    expect(await session.answer("a", true)).toBe(1);
    const refused = async (id: string, answer: unknown) => {
      await expect(session.answer(id, answer as boolean)).rejects.toMatchObject({ kind: "invalidRequest" });
    };
    await refused("a", false);
    await refused("nobody", true);
    await refused("b", true);
    for (const answer of ["yes", undefined, null, {}, { deny: 1 }]) await refused("b", answer);
    await refused("b", { result: () => 1 });
    expect(idsOf(session)).toEqual(["b"]);
  });

  test("of a result may come with the turn, and a call that was answered takes no second result", async () => {
    const { ran, tools } = toolbox();
    const client = scriptedClient([calls(["pay", "a"], ["mail", "b"]), DONE]);
    const session = new LLMSession({ client, tools });
    await session.sendMessage("Buy it");
    await session.answer("a", true);
    const result = (toolCallId: string) => ({ role: "tool", toolCallId, content: "sent" }) as const;
    await expect(session.sendMessage([result("a"), result("b")])).rejects.toThrow("answers no call");
    await session.sendMessage([result("b")]);
    expect(ran).toEqual(["a"]);
    expect(resultsIn(client.calls[1]?.messages ?? [])).toEqual(["a: pay did it", "b: sent"]);
  });

  test("survive JSON", async () => {
    const { ran, tools } = toolbox();
    const first = new LLMSession({ client: scriptedClient([calls(["pay", "a"], ["pay", "b"])]), tools });
    await first.sendMessage("Buy it");
    await first.answer("b", { deny: "No." });
    const client = scriptedClient([DONE]);
    const second = LLMSession.fromJSON(JSON.parse(JSON.stringify(first)), { client, tools });
    const third = new LLMSession({ client, tools });
    third.restore(JSON.parse(JSON.stringify(first)));
    for (const session of [second, third]) expect(idsOf(session)).toEqual(["a"]);
    await second.answer("a", true);
    await second.sendMessage([]);
    expect(ran).toEqual(["a"]);
    expect(JSON.parse(JSON.stringify(second))).not.toHaveProperty("answers");
  });

  test("are forgotten with the calls: by a new message, `undo` and `clear`", async () => {
    const { ran, tools } = toolbox();
    const client = scriptedClient(({ messages }) =>
      messages.at(-1)?.content === "Buy it" ? calls(["pay", "a"], ["pay", "b"]) : DONE,
    );
    const session = new LLMSession({ client, tools });
    await session.sendMessage("Buy it");
    await session.answer("a", true);
    await session.sendMessage("Never mind");
    expect(ran).toEqual([]);
    expect(resultsIn(session.history)).toEqual([
      "a: This call was allowed, but it did not run.",
      "b: No result was given for this call.",
    ]);
    for (const forget of [() => session.undo(), () => session.clear()]) {
      await session.sendMessage("Buy it");
      await session.answer("a", true);
      await forget();
      expect(idsOf(session)).toEqual([]);
      await session.sendMessage("Buy it");
      expect(idsOf(session)).toEqual(["a", "b"]);
    }
  });
});

describe("a turn that goes on", () => {
  test("that is not read, or refused, leaves the answers as they are, and runs nothing", async () => {
    const { ran, tools } = toolbox();
    const client = scriptedClient([calls(["pay", "a"], ["pay", "b"]), DONE]);
    const session = new LLMSession({ client, tools });
    await session.sendMessage("Buy it");
    await session.answer("a", true);
    await session.answer("b", false);
    const stream = await session.sendMessageStream([]);
    await stream.stop();
    await expect(session.sendMessage([], { tools: [] })).rejects.toThrow("no tool pay with a `run`");
    await expect(session.sendMessage([], { temperature: 9 })).rejects.toMatchObject({ kind: "invalidRequest" });
    await expect(session.sendMessage([], { signal: AbortSignal.abort() })).rejects.toMatchObject({ kind: "aborted" });
    expect(ran).toEqual([]);
    expect(session.history.length).toBe(2);
    expect((await session.sendMessage([])).content).toBe("Done.");
    expect(ran).toEqual(["a"]);
  });

  test.each(["keep", "discard"] as const)(
    "that fails after a tool ran keeps its result, and never runs it again (%s)",
    async (onInterrupt) => {
      const { ran, tools } = toolbox();
      const client = scriptedClient([calls(["pay", "a"], ["pay", "b"]), { refusal: { status: 400 } }, DONE]);
      const session = new LLMSession({ client, tools, onInterrupt });
      await session.sendMessage("Buy it");
      await session.answer("a", true);
      await session.answer("b", false);
      await expect(session.sendMessage([])).rejects.toMatchObject({ status: 400 });
      expect(resultsIn(session.history)).toEqual(["a: pay did it", "b: The user did not allow this call."]);
      expect((await session.sendMessage([])).content).toBe("Done.");
      expect(ran).toEqual(["a"]);
    },
  );

  test("that fails when nothing was to be run may be repeated", async () => {
    const { tools } = toolbox();
    const client = scriptedClient([calls(["pay", "a"]), { refusal: { status: 400 } }, DONE]);
    const session = new LLMSession({ client, tools });
    await session.sendMessage("Buy it");
    await session.answer("a", false);
    await expect(session.sendMessage([])).rejects.toMatchObject({ status: 400 });
    expect((await session.sendMessage([])).content).toBe("Done.");
  });

  test("that is stopped while a tool runs closes the call, and never runs it again", async () => {
    const running = new Gate();
    const pay: Tool = { name: "pay", approve: "ask", run: () => running.pass() };
    const client = scriptedClient([calls(["pay", "a"]), DONE]);
    const session = new LLMSession({ client, tools: [pay] });
    await session.sendMessage("Buy it");
    await session.answer("a", true);
    const stream = await session.sendMessageStream([]);
    const reading = read(stream);
    await running.reached;
    await stream.stop();
    await reading;
    running.open();
    expect(resultsIn(session.history)).toEqual(["a: The turn was ended before this call had a result."]);
    expect(session.waiting).toEqual([]);
    expect((await session.sendMessage([])).content).toBe("Done.");
  });

  test("may ask again, and lets the model choose although the first reply was forced to call", async () => {
    const { ran, tools } = toolbox();
    const client = scriptedClient([calls(["pay", "a"]), calls(["pay", "b"]), DONE]);
    const session = new LLMSession({ client, tools, defaults: { toolChoice: "required" }, maxSteps: 1 });
    await session.sendMessage("Buy it");
    await session.answer("a", true);
    const again = await session.sendMessage([]);
    expect(again.toolCalls).toMatchObject([{ id: "b", needsApproval: true }]);
    expect(client.calls.map(({ options }) => options.toolChoice)).toEqual(["required", "auto"]);
    await session.answer("b", true);
    expect((await session.sendMessage([])).steps?.length).toBe(1);
    expect(ran).toEqual(["a", "b"]);
    expect(historyFault(session.history)).toBeUndefined();
  });

  test("validates the arguments again, and reports what a tool throws", async () => {
    const onToolError = vi.fn();
    const failing: Tool = { name: "pay", approve: "ask", run: () => Promise.reject(new Error("No money.")) };
    const client = scriptedClient([calls(["pay", "a"]), DONE]);
    const session = new LLMSession({ client, tools: [failing], onToolError });
    await session.sendMessage("Buy it");
    await session.answer("a", true);
    await session.sendMessage([]);
    expect(resultsIn(session.history)).toEqual(["a: No money."]);
    expect(onToolError).toHaveBeenCalledOnce();
    const strict: Tool = { ...failing, parameters: { type: "object", required: ["amount"] }, run: () => "paid" };
    const other = new LLMSession({
      client: scriptedClient([calls(["pay", "a"]), DONE]),
      tools: [{ ...strict, parameters: undefined }],
    });
    await other.sendMessage("Buy it");
    await other.answer("a", true);
    await other.sendMessage([], { tools: [strict] });
    expect(resultsIn(other.history)[0]).toContain("do not match the schema of pay");
  });
});

describe("`approve` as a function", () => {
  const pay = (approve: Tool["approve"]): Ran => {
    const ran: string[] = [];
    const made = tool({
      name: "pay",
      parameters: { type: "object", properties: { of: { type: "string" } }, required: ["of"] },
      approve,
      run: ({ of }) => void ran.push(of),
    });
    return { ran, tools: [made] };
  };

  test("decides about each call by its arguments, now or later", async () => {
    const approve = async ({ of }: { of?: string }) => {
      await Promise.resolve();
      return of === "c" ? false : of === "b" ? "ask" : true;
    };
    const { ran, tools } = pay(approve);
    const session = new LLMSession({
      client: scriptedClient([calls(["pay", "a"], ["pay", "b"], ["pay", "c"])]),
      tools,
    });
    const chunks = await read(await session.sendMessageStream("Buy it"));
    expect(ran).toEqual(["a"]);
    expect(idsOf(session)).toEqual(["b"]);
    expect(
      chunks.flatMap((chunk) => (chunk.type === "toolCall" ? (chunk.toolCall.needsApproval ?? false) : [])),
    ).toEqual([false, true, false]);
  });

  test("that throws, or returns something else, runs nothing: the model and the program learn why", async () => {
    for (const approve of [
      () => {
        throw new Error("No rights.");
      },
      () => "yes" as "ask",
    ]) {
      const onToolError = vi.fn();
      const { ran, tools } = pay(approve);
      const session = new LLMSession({ client: scriptedClient([calls(["pay", "a"]), DONE]), tools, onToolError });
      await session.sendMessage("Buy it");
      expect(ran).toEqual([]);
      expect(onToolError).toHaveBeenCalledOnce();
      expect(session.history[2]).toMatchObject({ role: "tool", isError: true });
    }
  });

  test("is not asked about invalid arguments: the model learns of them", async () => {
    const approve = vi.fn(() => "ask" as const);
    const { tools } = pay(approve);
    const client = scriptedClient([{ steps: [{ toolCall: { name: "pay", id: "a", arguments: {} } }] }, DONE]);
    const session = new LLMSession({ client, tools });
    expect((await session.sendMessage("Buy it")).content).toBe("Done.");
    expect(approve).not.toHaveBeenCalled();
  });

  test("that never decides does not keep a turn from being left, aborted or timed out", async () => {
    const leaves: readonly ((session: LLMSession, asked: Promise<void>) => Promise<unknown>)[] = [
      async (session, asked) => {
        const abort = new AbortController();
        const stream = await session.sendMessageStream("Buy it", { signal: abort.signal });
        const reading = read(stream);
        await asked;
        abort.abort();
        await expect(reading).rejects.toMatchObject({ kind: "aborted" });
      },
      async (session, asked) => {
        const stream = await session.sendMessageStream("Buy it");
        const reading = read(stream);
        await asked;
        await stream.stop();
        await reading;
      },
      async (session, asked) => {
        const stream = await session.sendMessageStream("Buy it");
        const reading = read(stream);
        await asked;
        await stream.stop({ drain: true });
        await reading;
      },
      async (session) => {
        await expect(session.sendMessage("Buy it", { timeouts: { total: 30 } })).rejects.toMatchObject({
          kind: "timeout",
        });
      },
    ];
    for (const leave of leaves) {
      const asked = new Gate();
      const { ran, tools } = pay(() => asked.pass().then(() => true));
      const session = new LLMSession({ client: scriptedClient(() => calls(["pay", "a"], ["pay", "b"])), tools });
      await leave(session, asked.reached);
      expect(ran).toEqual([]);
      expect(session.waiting).toEqual([]);
      expect(historyFault(session.history)).toBeUndefined();
      asked.open();
    }
  });
});
