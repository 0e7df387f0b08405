/** The process of a conversation that no store keeps dies while tools of the server run in it: nothing happens twice. */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { AssistantMessage, ClientWrapper, MessageChunk, Tool } from "../../src/index.ts";
import { MessageStream } from "../../src/index.ts";
import { createRelay, memoryLog, type Relay, type RelayOptions, type ReplyLog } from "../../src/server/index.ts";
import { recovery } from "../../src/stream/load-recovery.ts";
import { Gate, type ReplyScript, type ScriptedClient, scriptedClient } from "../../src/testing/index.ts";
import { counting, endIn, isAt } from "../support/killed-tools.ts";
import { get, killable, post, runId, throughJson, type Watching, watch } from "../support/relay.ts";

await recovery.load(); // the clock of these tests waits for no file

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const question = [{ role: "user", content: "How is it in Oslo?" }];
const USAGE = { inputTokens: 10, outputTokens: 4 };

const asks: ReplyScript = {
  steps: [{ text: "I look. " }, { toolCall: { name: "weather", arguments: { a: 1 } } }],
  ending: { usage: USAGE },
};

interface Scene {
  readonly log: ReplyLog;
  readonly relay: Relay;
  readonly run: string;
  readonly viewer: Watching;
  kill(): void;
  next(client: ClientWrapper, tools?: readonly Tool[]): Relay;
}

/** A run that is under way in one process. */
async function begun(
  client: ClientWrapper,
  tools: readonly Tool[],
  body: object = { messages: question },
  more: Partial<RelayOptions> = {},
): Promise<Scene> {
  const log = throughJson(memoryLog());
  const dying = killable(log);
  const options = { authorize: "public", recover: "continue", onError: () => undefined, ...more } as const;
  const relay = createRelay({ ...options, client, log: dying.log, tools });
  const run = runId();
  const viewer = watch(await relay.handle(post({ run, ...body })));
  const next: Scene["next"] = (its, own = tools) => createRelay({ ...options, client: its, log, tools: own });
  return { log, relay, run, viewer, kill: () => dying.kill(), next };
}

const pathOf = (run: string, after = "") => `${run}/stream?run=${run}${after}`;

function messageOf({ events }: Watching): AssistantMessage | undefined {
  const end = events.at(-1);
  if (end?.type === "complete") return end.message;
  return end?.type === "failed" ? end.error.partial : undefined;
}

/** The same client, whose replies carry what their provider needs when they come back. */
function signing(inner: ScriptedClient): ClientWrapper {
  const replay = { provider: "scripted", protocol: "script", data: "signature" };
  async function* signed(stream: MessageStream): AsyncGenerator<MessageChunk> {
    for await (const chunk of stream) {
      yield chunk.type === "final" ? { ...chunk, message: { ...chunk.message, replay } } : chunk;
    }
  }
  const { provider, model, sendMessage } = inner;
  return {
    provider,
    model,
    sendMessage,
    sendMessageStream: async (...call) => MessageStream.from(signed(await inner.sendMessageStream(...call))),
  };
}

describe("a loop of tools whose process dies", () => {
  test("in the middle of its first text is written on, and calls its tools", async () => {
    const gate = new Gate();
    const { calls, tool } = counting();
    const scene = await begun(scriptedClient([{ steps: [{ text: "I " }, { pause: gate }] }]), [tool]);
    await isAt(gate);
    scene.kill();
    const rest: ReplyScript = { steps: [{ text: "look. " }, { toolCall: { name: "weather" } }] };
    const client = scriptedClient([rest, { text: "Clear." }]);
    const viewer = await endIn(scene.next(client), pathOf(scene.run));
    expect([viewer.text, viewer.events.at(-1)?.type]).toEqual(["I look. Clear.", "complete"]);
    expect(client.calls[0]?.messages.at(-1)).toMatchObject({ content: "I ", interrupted: true });
    expect([calls.length, client.calls.length]).toEqual([1, 2]);
  });

  test("in the text after a tool keeps the result, what was paid, and what the provider needs", async () => {
    const gate = new Gate();
    const { calls, tool } = counting();
    const first = signing(scriptedClient([asks, { steps: [{ text: "It is " }, { pause: gate }] }]));
    const scene = await begun(first, [tool], undefined, { expose: { usage: true, toolResults: true } });
    await isAt(gate);
    scene.kill();
    const client = scriptedClient([{ text: "clear.", ending: { usage: USAGE } }]);
    const relay = scene.next(client);
    const seen = scene.viewer.events.findLast(({ type }) => type === "chunks");
    const back = await endIn(relay, pathOf(scene.run, seen?.type === "chunks" ? `&after=${seen.id}` : ""));
    const viewer = await endIn(relay, pathOf(scene.run));
    expect(viewer.text).toBe("I look. It is clear.");
    expect(scene.viewer.text + back.text).toBe(viewer.text);
    expect(calls.length).toBe(1);
    expect(messageOf(viewer)?.steps?.map(({ content }) => content)).toEqual(["I look. ", "It is clear."]);
    expect(messageOf(viewer)?.steps?.[0]).toMatchObject({ finishReason: "toolCalls", usage: USAGE });
    expect(messageOf(viewer)?.usage).toMatchObject({ inputTokens: 20, outputTokens: 8 });
    expect(client.calls[0]?.messages).toMatchObject([
      question[0],
      { content: "I look. ", toolCalls: [{ name: "weather" }], replay: { data: "signature" } },
      { role: "tool", content: "clear 1" },
      { content: "It is ", interrupted: true },
    ]);
  });

  test("between two replies asks for the next one", async () => {
    const gate = new Gate();
    const { calls, tool } = counting();
    const scene = await begun(scriptedClient([asks, { text: "never", opensAfter: gate }]), [tool]);
    await isAt(gate);
    scene.kill();
    const client = scriptedClient([{ text: "Clear." }]);
    const viewer = await endIn(scene.next(client), pathOf(scene.run));
    expect([viewer.text, calls.length, client.calls.length]).toEqual(["I look. Clear.", 1, 1]);
  });

  test("while a tool runs ends as cut: the tool has perhaps run", async () => {
    const running = new Gate();
    const calls: string[] = [];
    const run: Tool["run"] = async (_args, { toolCallId }) => {
      calls.push(toolCallId);
      await running.pass();
    };
    const scene = await begun(scriptedClient([asks]), [{ name: "weather", run }]);
    await isAt(running);
    scene.kill();
    const client = scriptedClient([]);
    const viewer = await endIn(scene.next(client), pathOf(scene.run));
    expect(viewer.events.at(-1)).toMatchObject({
      type: "failed",
      error: { kind: "truncated", partial: { content: "I look. ", toolCalls: [{ name: "weather" }] } },
    });
    expect([calls.length, client.calls.length]).toEqual([1, 0]);
    expect((await scene.log.read(scene.run))?.end).toMatchObject({ error: { code: "producerLost" } });
  });

  test("between a call and its tool runs the tool, once", async () => {
    const gate = new Gate();
    const { calls, tool } = counting();
    const script = { steps: [{ text: "I look. " }, { toolCall: { name: "weather" } }, { pause: gate }] };
    const scene = await begun(scriptedClient([script]), [tool]);
    await isAt(gate);
    scene.kill();
    const client = scriptedClient([{ text: "Clear." }]);
    const relay = scene.next(client);
    const viewer = await endIn(relay, pathOf(scene.run));
    expect([viewer.text, calls.length, client.calls.length]).toEqual(["I look. Clear.", 1, 1]);
    expect((await endIn(relay, pathOf(scene.run))).text, "a viewer that comes after the end").toBe("I look. Clear.");
  });

  test("behind a call that the page answers ends there, and the page answers it", async () => {
    const gate = new Gate();
    const { calls, tool } = counting();
    const tools: readonly Tool[] = [tool, { name: "ask" }];
    const script = { steps: [{ text: "I ask. " }, { toolCall: { name: "ask" } }, { pause: gate }] };
    const scene = await begun(scriptedClient([script]), tools);
    await isAt(gate);
    scene.kill();
    const client = scriptedClient([]);
    const viewer = await endIn(scene.next(client), pathOf(scene.run));
    expect(viewer.events.at(-1)).toMatchObject({ type: "complete", message: { toolCalls: [{ name: "ask" }] } });
    expect([viewer.text, calls.length, client.calls.length]).toEqual(["I ask. ", 0, 0]);
  });

  test("between two tools of one reply ends as cut, with the result of the first", async () => {
    const running = new Gate();
    const first = counting("first");
    const slow: Tool = { name: "second", run: () => running.pass() };
    const both = { steps: [{ toolCall: { name: "first" } }, { toolCall: { name: "second" } }] };
    const scene = await begun(scriptedClient([both]), [first.tool, slow], undefined, { expose: { toolResults: true } });
    await isAt(running);
    scene.kill();
    const viewer = await endIn(scene.next(scriptedClient([])), pathOf(scene.run));
    expect(viewer.events.at(-1)).toMatchObject({ type: "failed", error: { kind: "truncated" } });
    expect(messageOf(viewer)?.toolCalls).toMatchObject([{ name: "second" }]);
    const shown = viewer.events.flatMap((event) => (event.type === "chunks" ? event.chunks : []));
    expect(shown.filter(({ type }) => type === "toolResult")).toMatchObject([{ result: "clear 1" }]);
  });

  test("twice is written by the third process, which knows all that the first has done", async () => {
    const [gate, second] = [new Gate(), new Gate()];
    const { calls, tool } = counting();
    const scene = await begun(signing(scriptedClient([asks, { steps: [{ text: "It " }, { pause: gate }] }])), [tool]);
    await isAt(gate);
    scene.kill();
    const dying = killable(scene.log);
    const options = { authorize: "public", recover: "continue", onError: () => undefined, tools: [tool] } as const;
    const heir = scriptedClient([{ steps: [{ text: "is " }, { pause: second }] }]);
    const relay = createRelay({ ...options, client: heir, log: dying.log });
    const viewer = watch(await relay.handle(get(`${scene.run}/stream`)));
    await isAt(second);
    dying.kill();
    const last = scriptedClient([{ text: "clear." }]);
    const late = await endIn(scene.next(last), pathOf(scene.run));
    expect([viewer.text, late.text, calls.length]).toEqual(["I look. It is ", "I look. It is clear.", 1]);
    expect(last.calls[0]?.messages[1]).toMatchObject({ content: "I look. ", replay: { data: "signature" } });
  });

  test("in a long turn, of which the log keeps a summary, goes on from that", async () => {
    const gate = new Gate();
    const { calls, tool } = counting();
    const long = Array.from({ length: 1_200 }, (_, index) => ({ text: `w${index} ` }));
    const pause = { pause: 1 };
    const steps = long.flatMap((step) => [step, pause]);
    const scene = await begun(signing(scriptedClient([asks, { steps: [...steps, { pause: gate }] }])), [tool]);
    await isAt(gate);
    scene.kill();
    expect((await scene.log.read(scene.run))?.entries[0]?.type).toBe("snapshot");
    const client = scriptedClient([{ text: "end." }]);
    const viewer = await endIn(scene.next(client), pathOf(scene.run));
    expect(viewer.text).toBe(`I look. ${long.map(({ text }) => text).join("")}end.`);
    expect(calls.length).toBe(1);
    expect(client.calls[0]?.messages[1]).toMatchObject({ content: "I look. ", replay: { data: "signature" } });
  });

  test("is handed over by a process that ends in peace", async () => {
    const gate = new Gate();
    const { calls, tool } = counting();
    const scene = await begun(scriptedClient([asks, { steps: [{ text: "It is " }, { pause: gate }] }]), [tool]);
    await isAt(gate);
    const drained = scene.relay.drain(100);
    await vi.advanceTimersByTimeAsync(1_500);
    await drained;
    await scene.viewer.over;
    expect(scene.viewer.events.at(-1)?.type).toBe("reconnect");
    const back = await endIn(scene.next(scriptedClient([{ text: "clear." }])), pathOf(scene.run));
    expect([back.text, calls.length]).toEqual(["I look. It is clear.", 1]);
  });

  test("ends where the budget of the turn ends, which counts the replies before", async () => {
    const gate = new Gate();
    const { calls, tool } = counting();
    const scene = await begun(scriptedClient([asks, { text: "never", opensAfter: gate }]), [tool], undefined, {
      budget: { tokens: 30 },
    });
    await isAt(gate);
    scene.kill();
    const again: ReplyScript = {
      steps: [{ toolCall: { name: "weather" } }],
      ending: { usage: { inputTokens: 15, outputTokens: 5 } },
    };
    const client = scriptedClient([again]);
    const viewer = await endIn(scene.next(client), pathOf(scene.run));
    expect(viewer.events.at(-1)).toMatchObject({ type: "complete", message: { finishReason: "budget" } });
    expect([calls.length, client.calls.length]).toEqual([1, 1]);
  });
});

describe("a call that a user has allowed, without a session", () => {
  const secret = "a secret of at least 32 characters!";

  /** The turn after the answer, in the middle of which its process dies. */
  async function allowed(slow: Tool, then: ReplyScript) {
    const tool: Tool = { ...slow, approve: "ask" };
    const first = await begun(scriptedClient([asks, then]), [tool], undefined, { secret });
    await first.viewer.over;
    const reply = messageOf(first.viewer);
    const run = runId();
    const answers = [{ toolCallId: reply?.toolCalls[0]?.id, approved: true }];
    const viewer = watch(await first.relay.handle(post({ run, messages: [...question, reply], answers })));
    return { ...first, tool, run, viewer };
  }

  test("is not run again when it has begun", async () => {
    const running = new Gate();
    const { calls, tool } = counting();
    const slow: Tool = {
      ...tool,
      run: async (args, context) => {
        await tool.run?.(args, context);
        await running.pass();
      },
    };
    const scene = await allowed(slow, { text: "never" });
    await isAt(running);
    scene.kill();
    const client = scriptedClient([]);
    const viewer = await endIn(scene.next(client), pathOf(scene.run));
    expect(viewer.events.at(-1)).toMatchObject({ type: "failed", error: { kind: "truncated" } });
    expect([calls.length, client.calls.length]).toEqual([1, 0]);
  });

  test("is not run again when it has run: its result stays", async () => {
    const gate = new Gate();
    const { calls, tool } = counting();
    const scene = await allowed(tool, { steps: [{ text: "It is " }, { pause: gate }] });
    await isAt(gate);
    scene.kill();
    const client = scriptedClient([{ text: "clear." }]);
    const viewer = await endIn(scene.next(client), pathOf(scene.run));
    expect([viewer.text, viewer.events.at(-1)?.type, calls.length]).toEqual(["It is clear.", "complete", 1]);
    expect(client.calls[0]?.messages.at(-2)).toMatchObject({ role: "tool", content: "clear 1" });
  });
});
