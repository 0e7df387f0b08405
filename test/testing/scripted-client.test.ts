import { type Message, type MessageChunk, SendError } from "cloudllm";
import { Gate, scriptedClient } from "cloudllm/testing";
import { describe, expect, test } from "vitest";

const QUESTION: readonly Message[] = [{ role: "user", content: "Tell me." }];

async function chunksOf(stream: AsyncIterable<MessageChunk>): Promise<MessageChunk[]> {
  const chunks: MessageChunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

describe("a scripted client", () => {
  test("plays one script for each call, in order", async () => {
    const client = scriptedClient([{ text: ["Hel", "lo"] }, { text: "Bye" }]);
    const stream = await client.sendMessageStream(QUESTION);
    expect((await chunksOf(stream)).map(({ content }) => content)).toEqual(["Hel", "lo", ""]);
    expect((await client.sendMessage(QUESTION)).content).toBe("Bye");
  });

  test("chooses its script by the call when it is given a function", async () => {
    const echo = scriptedClient(({ messages, method }) => ({ text: `${method}: ${messages.at(-1)?.content}` }));
    expect((await echo.sendMessage(QUESTION)).content).toBe("sendMessage: Tell me.");
    expect((await echo.sendMessage(QUESTION)).content).toBe("sendMessage: Tell me.");
  });

  test("estimates a conversation by its texts, and not by what its replies say about themselves", async () => {
    const client = scriptedClient([{ text: "Hello" }, { text: "Bye" }]);
    const reply = await client.sendMessage(QUESTION);
    const { estimatedUsage } = await client.sendMessage([...QUESTION, reply, { role: "user", content: "And?" }]);
    expect(estimatedUsage?.inputTokens).toBeLessThan(30);
  });

  test("says which call has no script", async () => {
    const client = scriptedClient([{ text: "only" }]);
    await client.sendMessage(QUESTION);
    const again = client.sendMessage(QUESTION);
    await expect(again).rejects.toThrow("Call 2 has no script: the scripted client was given 1.");
    await expect(again).rejects.toBeInstanceOf(SendError);
  });

  test("records what it was asked, as it was then", async () => {
    const client = scriptedClient([{ text: "a" }, { text: ["b", "c"], ending: "hang" }]);
    const messages = [...QUESTION];
    await client.sendMessage(messages, { temperature: 0.5 });
    messages.push({ role: "user", content: "And?" });
    for await (const _chunk of await client.sendMessageStream(messages)) break;
    expect(client.calls).toMatchObject([
      { method: "sendMessage", messages: QUESTION, options: { temperature: 0.5 }, chunks: 1 },
      { method: "sendMessageStream", messages: [...QUESTION, { content: "And?" }], chunks: 1 },
    ]);
    await client.calls[1]?.closed;
  });

  test("does every kind of step", async () => {
    const client = scriptedClient([
      {
        steps: [
          { reasoning: ["Hm", "."] },
          { text: "See" },
          { citation: { url: "https://example.org", title: "Example" } },
          { toolCall: { name: "look", fragments: ['{"at":', "1}"] } },
          { toolCall: { name: "wait" } },
        ],
        ending: { usage: { inputTokens: 3, outputTokens: 4, cachedInputTokens: 1 } },
      },
    ]);
    const chunks = await chunksOf(await client.sendMessageStream(QUESTION));
    expect(chunks.map(({ type }) => type)).toEqual([
      ...["reasoning", "reasoning", "text", "citation"],
      ...["toolCallDelta", "toolCallDelta", "toolCall", "toolCallDelta", "toolCall", "final"],
    ]);
    expect(chunks.at(-1)).toMatchObject({
      message: {
        reasoning: "Hm.",
        content: "See",
        citations: [{ url: "https://example.org", title: "Example" }],
        toolCalls: [
          { id: "call_1", name: "look", arguments: { at: 1 } },
          { id: "call_2", name: "wait", arguments: {} },
        ],
        finishReason: "toolCalls",
        usage: { inputTokens: 3, outputTokens: 4, totalTokens: 7, cachedInputTokens: 1 },
        provider: "scripted",
        model: "script",
      },
    });
  });

  test("takes its time from the clock it is given", async () => {
    let time = 1_000;
    const client = scriptedClient([{ opensAfter: 100, steps: [{ text: "a" }, { pause: 500 }, { text: "b" }] }], {
      now: () => time,
      sleep: async (ms) => {
        time += ms;
      },
    });
    const { metrics } = await client.sendMessage(QUESTION);
    expect(metrics).toMatchObject({ timeToFirstChunkMs: 100, durationMs: 600, longestGapMs: 500, chunks: 2 });
    expect(metrics.attempts).toEqual([
      { provider: "scripted", model: "script", durationMs: 600, outcome: "answered", status: 200 },
    ]);
  });

  test("waits at a gate until it is opened, and says when it has come there", async () => {
    const gate = new Gate();
    const client = scriptedClient([{ steps: [{ text: "a" }, { pause: gate }, { text: "b" }] }]);
    const stream = await client.sendMessageStream(QUESTION);
    const message = stream.finalMessage();
    await gate.reached;
    expect(stream.partial.content).toBe("a");
    gate.open();
    expect((await message).content).toBe("ab");
  });

  test("asks an endless script for no more than is read", async () => {
    function* forEver() {
      for (let word = 0; ; word++) yield `${word} `;
    }
    const client = scriptedClient([{ text: forEver() }]);
    let text = "";
    for await (const chunk of await client.sendMessageStream(QUESTION)) {
      text += chunk.content;
      if (chunk.content === "3 ") break;
    }
    expect(text).toBe("0 1 2 3 ");
    expect(client.calls[0]?.chunks).toBe(4);
  });

  test("reports a pause whose promise is rejected", async () => {
    const pause = Promise.reject(new Error("no"));
    pause.catch(() => undefined); // it is rejected before the script comes to it
    const client = scriptedClient([{ steps: [{ text: "a" }, { pause }] }]);
    await expect(client.sendMessage(QUESTION)).rejects.toMatchObject({ kind: "protocol", partial: { content: "a" } });
  });
});
