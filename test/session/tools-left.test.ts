/** Turns with tools that are left, aborted, or fail on the way. */

import { getEventListeners } from "node:events";
import { LLMSession, SendError, type Tool } from "cloudllm";
import { Gate, type ReplyScript, scriptedClient } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { requestFault } from "./legality.ts";
import { calling, DONE, linesOf, look, read, settled, USAGE } from "./tool-turns.ts";

/** A tool that runs until its signal fires, and reports both. */
function endless() {
  const running = new Gate();
  let ended = (_reason: unknown): void => undefined;
  const stopped = new Promise<unknown>((resolve) => {
    ended = resolve;
  });
  const tool: Tool = {
    name: "wait",
    run: (_args, { signal }) => {
      void running.pass();
      signal.addEventListener("abort", () => ended(signal.reason));
      return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("late"))));
    },
  };
  return { tool, running: running.reached, stopped };
}

describe("a turn that is left while its tools run", () => {
  const CLOSED = "tool: The turn was ended before this call had a result. (isError)";
  const KEPT = ["user: question", "assistant: Let me see. ", "tool: a bird", CLOSED];

  /** Plays a turn up to where `look` has answered and `wait` runs, then `leave`s. */
  async function left(
    leave: (
      stream: AsyncDisposable & { stop(options?: { drain: boolean }): Promise<unknown> },
      abort: AbortController,
    ) => unknown,
    options: { onInterrupt?: "keep" | "discard"; breaks?: boolean } = {},
  ) {
    const { breaks = false, ...sessionOptions } = options;
    const client = scriptedClient([calling("look", "wait"), DONE]);
    const session = new LLMSession({ client, ...sessionOptions });
    const waiting = endless();
    const abort = new AbortController();
    const tools = [look, waiting.tool];
    const stream = await session.sendMessageStream("question", { tools, signal: abort.signal });
    const ending = settled(
      (async () => {
        for await (const chunk of stream) if (breaks && chunk.type === "toolResult") break;
        return stream.finalMessage();
      })(),
    );
    await waiting.running;
    await new Promise((resolve) => setImmediate(resolve)); // the result of `look` is on its way
    leave(stream, abort);
    const outcome = await ending;
    await waiting.stopped;
    return { client, session, stream, outcome };
  }

  test.each<[string, Parameters<typeof left>[0], boolean]>([
    ["by stop()", (stream) => stream.stop(), false],
    ["by stop({ drain: true })", (stream) => stream.stop({ drain: true }), false],
    ["by the end of its block", (stream) => stream[Symbol.asyncDispose](), false],
    ["by break", () => undefined, true],
  ])("%s ends normally, and its calls are closed", async (_name, leave, breaks) => {
    const { client, session, stream, outcome } = await left(leave, { breaks });
    expect(outcome).toMatchObject({ content: "Let me see. ", finishReason: "stopped", toolCalls: [], usage: USAGE });
    expect(stream.partial).toBe(outcome);
    expect(linesOf(session.history)).toEqual(KEPT);
    expect(session.tokenUsage().turns).toHaveLength(1);
    expect(await session.sendMessage("go on")).toMatchObject({ content: "It is done." });
    expect(requestFault(client.calls[1]?.messages ?? [])).toBeUndefined();
  });

  test("by the signal fails as aborted, with all that came; the tools get the caller's reason", async () => {
    const { session, outcome } = await left((_stream, abort) => abort.abort("enough"));
    expect(outcome).toBeInstanceOf(SendError);
    expect(outcome).toMatchObject({
      kind: "aborted",
      provider: "scripted",
      cause: "enough",
      partial: { content: "Let me see. ", finishReason: "interrupted", toolCalls: [], usage: USAGE },
    });
    expect(linesOf(session.history)).toEqual(KEPT);
  });

  test("is taken back where interrupted turns are not kept", async () => {
    const { session } = await left((stream) => stream.stop(), { onInterrupt: "discard" });
    expect(session.history).toEqual([]);
    expect(session.unanswered).toBe("question");
    expect(session.tokenUsage().totalTokens).toBe(14);
  });

  test("also without a reader: the session is free at once", async () => {
    const client = scriptedClient([calling("look"), DONE]);
    const session = new LLMSession({ client });
    const abort = new AbortController();
    const stream = await session.sendMessageStream("question", { tools: [look], signal: abort.signal });
    for await (const chunk of stream) {
      if (chunk.type !== "toolResult") continue;
      abort.abort();
      expect(linesOf(session.history)).toEqual(["user: question", "assistant: Let me see. ", "tool: a bird"]);
      break;
    }
    await expect(stream.finalMessage()).rejects.toMatchObject({ kind: "aborted" });
  });

  test("does not wait for a tool that ignores its signal", async () => {
    const client = scriptedClient([calling("deaf"), DONE]);
    const session = new LLMSession({ client });
    const running = new Gate();
    const deaf: Tool = { name: "deaf", run: () => running.pass() };
    const stream = await session.sendMessageStream("question", { tools: [deaf] });
    const ending = stream.finalMessage();
    await running.reached;
    void stream.stop();
    await ending;
    running.open();
    await new Promise((resolve) => setImmediate(resolve));
    expect(linesOf(session.history).at(-1)).toBe(CLOSED);
  });
});

describe("a turn that fails after its first step", () => {
  const KEPT = ["user: question", "assistant: Let me see. ", "tool: a bird"];

  test.each<[string, ReplyScript, Partial<SendError>, string[]]>([
    ["is refused", { refusal: { status: 503 } }, { kind: "overloaded" }, []],
    ["breaks before any text", { text: [], ending: "reset" }, { kind: "network" }, []],
    ["breaks in the text", { text: "It is", ending: "reset" }, { kind: "network" }, ["assistant: It is (interrupted)"]],
    ["just ends", { text: "It is", ending: "cut" }, { kind: "truncated" }, ["assistant: It is (interrupted)"]],
    [
      "is cut in a call",
      { steps: [{ text: "And" }, { toolCall: { name: "look", fragments: ['{"a'] } }], ending: "cut" },
      { kind: "truncated" },
      ["assistant: And (interrupted)"],
    ],
  ])("because the next reply %s keeps the step", async (_name, script, facts, added) => {
    for (const whole of [false, true]) {
      const client = scriptedClient([calling("look"), script, DONE]);
      const session = new LLMSession({ client });
      const options = { tools: [look] };
      const error = await settled(whole ? session.sendMessage("question", options) : read(session, options.tools));
      expect(error).toBeInstanceOf(SendError);
      const text = added.length > 0 ? added[0]?.slice("assistant: ".length, -" (interrupted)".length) : "";
      expect(error).toMatchObject({ ...facts, partial: { content: `Let me see. ${text}`, toolCalls: [] } });
      expect((error as SendError).attempts).toHaveLength(2);
      expect((error as SendError).partial?.steps?.[0]).toMatchObject({ usage: USAGE });
      expect(linesOf(session.history)).toEqual([...KEPT, ...added]);
      // Nothing that was paid for is paid for again.
      await session.sendMessage(added.length > 0 ? "go on" : []);
      const request = client.calls.at(-1)?.messages ?? [];
      expect(requestFault(request)).toBeUndefined();
      expect(linesOf(request).slice(0, 3)).toEqual(KEPT);
    }
  });

  test("because it has outgrown `maxTokens` keeps the step", async () => {
    const client = scriptedClient([calling("look"), DONE]);
    const session = new LLMSession({ client, maxTokens: 300 });
    const flood: Tool = { name: "look", run: () => "birds ".repeat(1_000) };
    await expect(session.sendMessage("question", { tools: [flood] })).rejects.toMatchObject({ kind: "contextLength" });
    expect(session.history).toHaveLength(3);
  });
});

test("stop({ drain: true }) reads the present reply to its end for the bill, and runs nothing", async () => {
  const gate = new Gate();
  const client = scriptedClient([
    {
      steps: [{ text: "Let" }, { pause: gate }, { text: " me" }, { toolCall: { name: "look" } }],
      ending: { usage: USAGE },
    },
  ]);
  const session = new LLMSession({ client });
  let ran = false;
  const tools: Tool[] = [
    {
      name: "look",
      run: () => {
        ran = true;
      },
    },
  ];
  const stream = await session.sendMessageStream("question", { tools });
  for await (const chunk of stream) {
    if (chunk.isFinal) break;
    const stopping = stream.stop({ drain: true });
    gate.open();
    expect(await stopping).toMatchObject({ content: "Let", finishReason: "stopped", usage: USAGE });
  }
  expect(ran).toBe(false);
  expect(linesOf(session.history)).toEqual(["user: question", "assistant: Let (interrupted)"]);
});

describe("a turn that is left in its second reply", () => {
  test("while that is asked for: the request is given up, also when the client answers all the same", async () => {
    const opening = new Gate();
    const scripted = scriptedClient([calling("look"), { ...DONE, opensAfter: opening }]);
    const client = {
      ...scripted,
      // Ignores its signal.
      sendMessageStream: (
        ...[messages, { signal: _signal, ...options } = {}]: Parameters<typeof scripted.sendMessageStream>
      ) => scripted.sendMessageStream(messages, options),
    };
    const session = new LLMSession({ client });
    const stream = await session.sendMessageStream("question", { tools: [look] });
    const ending = stream.finalMessage();
    await opening.reached;
    await stream.stop();
    expect(await ending).toMatchObject({ finishReason: "stopped", content: "Let me see. " });
    opening.open();
    await scripted.calls[1]?.closed;
    expect(linesOf(session.history)).toEqual(["user: question", "assistant: Let me see. ", "tool: a bird"]);
  });

  test("by the signal, without a reader: the session is free at once", async () => {
    const client = scriptedClient([calling("look"), { text: ["It is ", "done", "."] }]);
    const session = new LLMSession({ client });
    const abort = new AbortController();
    const stream = await session.sendMessageStream("question", { tools: [look], signal: abort.signal });
    const chunks = stream[Symbol.asyncIterator]();
    for (let chunk = await chunks.next(); chunk.value?.content !== "It is "; ) chunk = await chunks.next();
    abort.abort();
    await new Promise((resolve) => setImmediate(resolve));
    expect(linesOf(session.history).at(-1)).toBe("assistant: It is  (interrupted)");
    session.undo();
    await expect(chunks.next()).rejects.toMatchObject({ kind: "aborted" });
  });
});

test("leaves nothing on the caller's signal, however a turn ends", async () => {
  const { signal } = new AbortController();
  const client = scriptedClient([
    calling("look"),
    DONE,
    calling("look"),
    DONE,
    calling("look"),
    { text: "It", ending: "cut" },
  ]);
  const session = new LLMSession({ client });
  const options = { tools: [look], signal };
  await session.sendMessage("question", options);
  for await (const chunk of await session.sendMessageStream("question", options))
    if (chunk.type === "toolResult") break;
  await settled((await session.sendMessageStream("question", options)).finalMessage());
  await settled((await session.sendMessageStream("question", options)).finalMessage());
  expect(getEventListeners(signal, "abort")).toEqual([]);
});
