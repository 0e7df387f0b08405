/** A turn ends at its budget of tokens or dollars: with a legal history, and with what was paid. */

import {
  type AssistantMessage,
  type ClientWrapper,
  LLMSession,
  MemoryStore,
  type MessageChunk,
  type TokenUsage,
  type Tool,
  type TurnBudget,
} from "cloudllm";
import { costOf } from "cloudllm/models";
import { type ReplyScript, scriptedClient } from "cloudllm/testing";
import { describe, expect, test, vi } from "vitest";
import { ask, testGateway } from "../support/gateway.ts";
import { requestFault } from "./legality.ts";

const USAGE = { inputTokens: 500, outputTokens: 100 };
const CALL: ReplyScript = {
  steps: [{ text: "I look. " }, { toolCall: { name: "look", arguments: {} } }],
  ending: { usage: USAGE },
};
const DONE: ReplyScript = { text: ["Done."], ending: { usage: USAGE } };

/** Calls the tool for ever. */
const looping = () => scriptedClient(() => CALL);

function look(): Tool & { readonly run: ReturnType<typeof vi.fn> } {
  return { name: "look", run: vi.fn(() => "blue") };
}

async function chunksOf(stream: AsyncIterable<MessageChunk>): Promise<readonly MessageChunk[]> {
  const chunks: MessageChunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

const textIn = (chunks: readonly MessageChunk[]) =>
  chunks.map((chunk) => (chunk.type === "text" ? chunk.content : "")).join("");

/** Whether a provider would take the history with another question behind it. */
function faultOf(session: LLMSession): string | undefined {
  return requestFault([...session.history, { role: "user", content: "And now?" }]);
}

describe("between the replies of a turn", () => {
  test.each(["sendMessage", "sendMessageStream"] as const)(
    "a loop of tools ends at the tokens it may cost (%s)",
    async (method) => {
      const tool = look();
      const client = looping();
      const session = new LLMSession({ client, tools: [tool], maxSteps: 100, budget: { tokens: 1_750 } });
      const reply =
        method === "sendMessage"
          ? await session.sendMessage("Go")
          : await (await session.sendMessageStream("Go")).finalMessage();
      expect(reply.finishReason).toBe("budget");
      expect(client.calls).toHaveLength(3); // 600, 1,200, 1,800
      expect(tool.run).toHaveBeenCalledTimes(2);
      expect(reply.usage).toMatchObject({ inputTokens: 1_500, outputTokens: 300, totalTokens: 1_800 });
      expect(reply.steps).toHaveLength(3);
      expect([reply.toolCalls, reply.interrupted]).toEqual([[], undefined]);
      expect(session.history.at(-1)).toMatchObject({
        role: "tool",
        isError: true,
        content: expect.stringContaining("not run"),
      });
      expect(faultOf(session)).toBeUndefined();
      expect(session.tokenUsage().totalTokens).toBe(1_800);
    },
  );

  test("every call that was shown has a result that is shown", async () => {
    const session = new LLMSession({ client: looping(), tools: [look()], budget: { tokens: 600 } });
    const chunks = await chunksOf(await session.sendMessageStream("Go"));
    const calls = chunks.flatMap((chunk) => (chunk.type === "toolCall" ? chunk.toolCall.id : []));
    const results = chunks.flatMap((chunk) => (chunk.type === "toolResult" ? chunk.toolCallId : []));
    expect(calls).toHaveLength(1);
    expect(results).toEqual(calls);
    const last = chunks.at(-1);
    expect(last?.type === "final" && last.message.finishReason).toBe("budget");
    expect(textIn(chunks)).toBe("I look. ");
  });

  test("a reply that is done is done, also beyond the budget", async () => {
    const session = new LLMSession({ client: scriptedClient([DONE]), tools: [look()], budget: { tokens: 1 } });
    const reply = await session.sendMessage("Go");
    expect([reply.finishReason, reply.content]).toEqual(["stop", "Done."]);
  });

  test("the next turn has a budget of its own, and goes on from a legal history", async () => {
    const client = scriptedClient([CALL, CALL, DONE]);
    const session = new LLMSession({ client, tools: [look()], budget: { tokens: 1_000 } });
    expect((await session.sendMessage("Go")).finishReason).toBe("budget");
    expect(requestFault(client.calls[1]?.messages ?? [])).toBeUndefined();
    expect((await session.sendMessage("Go on")).finishReason).toBe("stop");
    expect(requestFault(client.calls[2]?.messages ?? [])).toBeUndefined();
  });

  test("`onInterrupt: discard` keeps a turn that ended behind a complete reply", async () => {
    const options = { tools: [look()], budget: { tokens: 1 }, onInterrupt: "discard" } as const;
    const session = new LLMSession({ client: looping(), ...options });
    await session.sendMessage("Go");
    expect(session.history.map(({ role }) => role)).toEqual(["user", "assistant", "tool"]);
  });

  test("a turn's own budget takes the place of its session's", async () => {
    const client = scriptedClient([CALL, DONE]);
    const session = new LLMSession({ client, tools: [look()], budget: { tokens: 1 } });
    expect((await session.sendMessage("Go", { budget: { tokens: 10_000 } })).finishReason).toBe("stop");
  });

  test("a stored session opens with the end of its turn", async () => {
    const store = new MemoryStore();
    const options = { store, id: "a", tools: [look()], budget: { tokens: 1_000 } };
    const first = await LLMSession.open({ ...options, client: looping() });
    const reply = await first.sendMessage("Go");
    await first.close();
    const client = scriptedClient([DONE]);
    const second = await LLMSession.open({ ...options, client });
    expect(second.history).toEqual(first.history);
    expect(second.tokenUsage().totalTokens).toBe(reply.usage?.totalTokens);
    await second.sendMessage("Go on");
    expect(requestFault(client.calls[0]?.messages ?? [])).toBeUndefined();
  });
});

describe("inside a reply", () => {
  const WORDS = Array.from({ length: 200 }, (_, index) => `word${index} `);
  const long = () => scriptedClient(() => ({ text: WORDS, ending: { usage: { inputTokens: 5, outputTokens: 600 } } }));

  test("a stream ends where the estimate reaches the tokens, with all that was shown", async () => {
    const session = new LLMSession({ client: long(), budget: { tokens: 100 } });
    const chunks = await chunksOf(await session.sendMessageStream("Go"));
    const last = chunks.at(-1);
    const message = last?.type === "final" ? last.message : undefined;
    expect(message).toMatchObject({ finishReason: "budget", interrupted: true, content: textIn(chunks) });
    expect(message?.estimatedUsage?.totalTokens).toBeGreaterThanOrEqual(100);
    expect(message?.estimatedUsage?.totalTokens).toBeLessThan(120);
    expect(message?.usage).toBeUndefined();
    expect(session.history.at(-1)).toMatchObject({ content: message?.content, interrupted: true });
    expect(faultOf(session)).toBeUndefined();
    expect(session.tokenUsage().estimated.totalTokens).toBe(message?.estimatedUsage?.totalTokens);
  });

  test("the provider's socket closes: the rest is not paid for", async () => {
    const client = long();
    const session = new LLMSession({ client, budget: { tokens: 100 } });
    await (await session.sendMessageStream("Go")).finalMessage();
    await client.calls[0]?.closed;
    expect(client.calls[0]?.chunks).toBeLessThan(WORDS.length);
  });

  test("`onInterrupt: discard` removes the turn, and its tokens stay counted", async () => {
    const session = new LLMSession({ client: long(), budget: { tokens: 100 }, onInterrupt: "discard" });
    const reply = await (await session.sendMessageStream("Go")).finalMessage();
    expect(reply.finishReason).toBe("budget");
    expect(session.history).toEqual([]);
    expect(session.tokenUsage().estimated.totalTokens).toBeGreaterThanOrEqual(100);
  });

  test("a call that is cut is not one, and a complete call before the cut is closed", async () => {
    const client = scriptedClient(() => ({ steps: [{ toolCall: { name: "look", arguments: {} } }, { text: WORDS }] }));
    const tool = look();
    const session = new LLMSession({ client, tools: [tool], budget: { tokens: 100 } });
    const reply = await (await session.sendMessageStream("Go")).finalMessage();
    expect([reply.finishReason, reply.toolCalls]).toEqual(["budget", []]);
    expect(tool.run).not.toHaveBeenCalled();
    expect(faultOf(session)).toBeUndefined();
  });

  test("the second reply of a turn has what the first one left", async () => {
    const client = scriptedClient([CALL, { text: WORDS }]);
    const session = new LLMSession({ client, tools: [look()], budget: { tokens: 1_000 } });
    const reply = await (await session.sendMessageStream("Go")).finalMessage();
    expect(reply).toMatchObject({ finishReason: "budget", interrupted: true });
    expect(reply.usage?.totalTokens).toBe(600);
    const total = reply.estimatedUsage?.totalTokens ?? 0;
    expect(total).toBeGreaterThanOrEqual(1_000);
    expect(total).toBeLessThan(1_050);
    expect(faultOf(session)).toBeUndefined();
  });
});

describe("dollars", () => {
  /** One dollar a token; a tenth for input from the cache. */
  const price = ({ inputTokens, outputTokens, cachedInputTokens = 0 }: TokenUsage) =>
    inputTokens - cachedInputTokens * 0.9 + outputTokens;

  test("a turn ends at what it may cost, by the prices of each reply's model", async () => {
    const models: string[] = [];
    const priced = (usage: TokenUsage, { provider, model }: { readonly provider: string; readonly model: string }) => {
      models.push(`${provider}/${model}`);
      return price(usage);
    };
    const client = looping();
    const budget: TurnBudget = { dollars: 1_100, costOf: priced };
    const reply = await new LLMSession({ client, tools: [look()], budget }).sendMessage("Go");
    expect([reply.finishReason, client.calls.length]).toEqual(["budget", 2]);
    expect(new Set(models)).toEqual(new Set([`${client.provider}/${client.model}`]));
  });

  test.each([
    ["is unknown", () => undefined],
    [
      "cannot be computed",
      () => {
        throw new Error("no prices today");
      },
    ],
  ])("a reply whose cost %s ends the turn: a limit is never broken in silence", async (_name, costOf) => {
    const client = looping();
    const reply = await new LLMSession({ client, tools: [look()], budget: { dollars: 10_000, costOf } }).sendMessage(
      "Go",
    );
    expect([reply.finishReason, client.calls.length]).toEqual(["budget", 1]);
  });

  test("input that may come from the cache cuts no reply too early", async () => {
    const question = "word ".repeat(1_000);
    const client = scriptedClient(() => ({ text: ["one ", "two ", "three"], ending: { usage: USAGE } }));
    const asked = new LLMSession({ client, budget: { dollars: 400, costOf: price } });
    expect((await (await asked.sendMessageStream(question)).finalMessage()).finishReason).toBe("stop");
    const poor = new LLMSession({ client, budget: { dollars: 90, costOf: price } });
    expect((await (await poor.sendMessageStream(question)).finalMessage()).finishReason).toBe("budget");
  });

  test("`costOf` of `cloudllm/models` fits as it is", async () => {
    const session = new LLMSession({ client: looping(), tools: [look()], budget: { dollars: 0.01, costOf } });
    expect((await session.sendMessage("Go")).finishReason).toBe("budget"); // a scripted model has no price
  });
});

test.each<readonly [unknown, RegExp]>([
  [5, /`budget` must be an object/],
  [null, /`budget` must be an object/],
  [{ tokens: 0 }, /`budget.tokens` must be a number above 0/],
  [{ tokens: Number.NaN }, /`budget.tokens` must be a number above 0/],
  [{ dollars: -1, costOf }, /`budget.dollars` must be a number above 0/],
  [{ dollars: 1 }, /`budget.dollars` needs `budget.costOf`/],
  [{ dollars: 1, costOf: 3 }, /`budget.costOf` must be a function/],
  [{ token: 5 }, /Unknown option `budget.token`/],
])("a budget that cannot hold is refused before anything is sent: %j", async (budget, words) => {
  const client = looping();
  expect(() => new LLMSession({ client, budget: budget as TurnBudget })).toThrow(words);
  await expect(new LLMSession({ client }).sendMessage("Go", { budget: budget as TurnBudget })).rejects.toThrow(words);
  expect(client.calls).toEqual([]);
});

test.each([
  ["chat/completions", { choices: [{ finish_reason: "length" }] }],
  ["messages", { stop_reason: "max_tokens" }],
  ["responses", { status: "incomplete", incomplete_details: { reason: "max_output_tokens" } }],
] as const)("a program behind a gateway reads a limit (%s)", async (route, expected) => {
  const turn = () => new LLMSession({ client: looping(), tools: [look()], budget: { tokens: 1 } });
  const client: ClientWrapper = {
    provider: "ours",
    model: "agent",
    sendMessage: (): Promise<AssistantMessage> => turn().sendMessage("Go"),
    sendMessageStream: () => turn().sendMessageStream("Go"),
  };
  const body = { model: "agent", max_tokens: 50, messages: [{ role: "user", content: "Go" }], input: "Go" };
  const response = await testGateway([], { client }).handle(ask(route, body));
  expect(await response.json()).toMatchObject(expected);
});
