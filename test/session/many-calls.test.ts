/** Many calls, many steps: the work of a session grows with them, not with their square. Reads are counted, no time is taken. */

import {
  type AssistantMessage,
  type ClientWrapper,
  LLMSession,
  type Message,
  SendError,
  type SessionRecord,
  type Tool,
  type ToolCall,
  type ToolMessage,
} from "cloudllm";
import { scriptedClient } from "cloudllm/testing";
import { expect, test } from "vitest";
import { checkedHistory, messagesOf, pendingCalls } from "../../src/session/history.ts";
import type { SessionState } from "../../src/session/record.ts";
import { reduce } from "../../src/session/reducer.ts";
import { replay } from "../../src/session/replay.ts";
import { streamOf } from "../../src/stream/complete-source.ts";

/** How often the ids of these calls and results were read. */
class Reads {
  count = 0;
  call(id: string): ToolCall {
    const reads = this;
    return {
      get id() {
        reads.count++;
        return id;
      },
      name: "look",
      arguments: {},
    };
  }
  result(id: string): ToolMessage {
    const reads = this;
    return {
      role: "tool",
      get toolCallId() {
        reads.count++;
        return id;
      },
      content: "a bird",
    };
  }
}

const idsOf = (count: number) => Array.from({ length: count }, (_, at) => `c${at}`);

/** Four times the calls may cost some more than four times the reads (they are sorted), never sixteen times. */
function expectLinear(work: (count: number, reads: Reads) => unknown): void {
  const readsFor = (count: number) => {
    const reads = new Reads();
    work(count, reads);
    return reads.count;
  };
  expect(readsFor(800) / readsFor(200)).toBeLessThan(7);
}

function recordsOf(ids: readonly string[], reads: Reads): readonly SessionRecord[] {
  return [
    { type: "said", messages: [{ role: "user", content: "question" }] },
    { type: "reply", message: { role: "assistant", content: "", toolCalls: ids.map((id) => reads.call(id)) } },
    ...ids.toReversed().map((id) => ({ type: "result", message: reads.result(id) }) as const),
    { type: "end", stays: true, message: { role: "assistant", content: "done" } },
  ];
}

const historyOf = (ids: readonly string[], reads: Reads): readonly Message[] => [
  { role: "user", content: "question" },
  { role: "assistant", content: "", toolCalls: ids.map((id) => reads.call(id)) },
];

test.each<[string, (ids: readonly string[], reads: Reads) => unknown]>([
  ["results that come, the last call's first", (ids, reads) => play(recordsOf(ids, reads))],
  ["records that are read", (ids, reads) => replay(recordsOf(ids, reads))],
  [
    "a history that is checked",
    (ids, reads) => checkedHistory([...historyOf(ids, reads), ...ids.toReversed().map((id) => reads.result(id))]),
  ],
  [
    "calls that wait",
    (ids, reads) => pendingCalls([...historyOf(ids, reads), ...ids.toReversed().map((id) => reads.result(id))]),
  ],
  [
    "results that the caller gives",
    (ids, reads) =>
      messagesOf(
        ids.toReversed().map((id) => reads.result(id)),
        historyOf(ids, reads),
      ),
  ],
])("%s cost what they are", (_name, work) => {
  expectLinear((count, reads) => work(idsOf(count), reads));
});

function play(records: readonly SessionRecord[]): SessionState {
  return records.reduce<SessionState>((state, record) => reduce(state, record), { history: [], turns: [] });
}

test("results stand in the order of their calls, whenever they came", () => {
  const { history } = play(recordsOf(["a", "b", "c"], new Reads()));
  expect(history.map((message) => (message.role === "tool" ? message.toolCallId : message.role))).toEqual([
    "user",
    "assistant",
    "a",
    "b",
    "c",
    "assistant",
  ]);
});

test("a turn that runs four times the calls asks four times as often which call is which", async () => {
  const readsFor = async (count: number) => {
    const reads = new Reads();
    const calls = idsOf(count).map((id) => reads.call(id));
    const { metrics } = await scriptedClient([{ text: "x" }]).sendMessage([{ role: "user", content: "x" }]);
    const reply: AssistantMessage = {
      role: "assistant",
      content: "",
      reasoning: "",
      toolCalls: calls,
      citations: [],
      finishReason: "toolCalls",
      metrics,
      provider: "p",
      model: "m",
    };
    let asked = 0;
    const answer = (): AssistantMessage =>
      asked++ === 0 ? reply : { ...reply, toolCalls: [], content: "done", finishReason: "stop" };
    const client: ClientWrapper = {
      provider: "p",
      model: "m",
      sendMessage: async () => answer(),
      sendMessageStream: async () => streamOf(answer()),
    };
    const look: Tool = { name: "look", run: () => "a bird" };
    const session = new LLMSession({ client });
    await session.sendMessage("go", { tools: [look] });
    expect(session.history).toHaveLength(count + 3);
    return reads.count;
  };
  expect((await readsFor(800)) / (await readsFor(200))).toBeLessThan(7);
});

test("a result that no call of its turn waits for is still an error", () => {
  const state = play([{ type: "said", messages: [{ role: "user", content: "question" }] }]);
  expect(() => reduce(state, { type: "result", message: new Reads().result("c") })).toThrow("without a call");
  expect(() => messagesOf([new Reads().result("c")], historyOf(["a"], new Reads()))).toThrow(SendError);
});
