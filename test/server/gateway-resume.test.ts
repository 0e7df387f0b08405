/** Our own client at our own gateway: a reply over Responses whose connections break is read on where they broke. */

import { OpenAIClient, SendError, type SendOptions } from "cloudllm";
import { memoryLog } from "cloudllm/server";
import { Gate, type ReplyScript } from "cloudllm/testing";
import { describe, expect, test, vi } from "vitest";
import { type Break, breakingProxy, type Plan } from "../support/breaking-proxy.ts";
import { gatewaySite, KEY, testGateway } from "../support/gateway.ts";

const QUESTION = [{ role: "user", content: "Count" }] as const;
const WORDS = Array.from({ length: 30 }, (_, index) => `word${index} 🌍 `);
const REPLY: ReplyScript = {
  steps: [
    { reasoning: ["Let me ", "count."] },
    { text: WORDS },
    { toolCall: { id: "call_a", name: "done", fragments: ['{ "at":', " 30 }"] } },
  ],
  ending: { usage: { inputTokens: 5, outputTokens: 60 } },
};
const TOOLS = [{ name: "done", parameters: { type: "object", properties: { at: { type: "number" } } } }];

/** A client whose connections go through a proxy that breaks them. */
async function broken(script: ReplyScript, planOf: (connection: number) => Plan | undefined) {
  const gateway = testGateway(() => script, { log: memoryLog() });
  const site = await gatewaySite(gateway);
  const proxy = await breakingProxy(Number(new URL(site.origin).port), planOf);
  const options: SendOptions = { recover: "resume", tools: TOOLS };
  const client = new OpenAIClient({ model: "gpt-6-sol", apiKey: KEY, baseUrl: `http://127.0.0.1:${proxy.port}/v1` });
  return {
    gateway,
    proxy,
    send: (more: SendOptions = {}) => client.sendMessageStream(QUESTION, { ...options, ...more }),
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await site[Symbol.asyncDispose]();
    },
  };
}

describe("a reply whose connection breaks", () => {
  test.each<Break>(["reset", "end"])("anywhere (%s) is one reply: each word once, billed once", async (how) => {
    vi.spyOn(Math, "random").mockReturnValue(0); // nobody waits before a retry
    for (let afterBytes = 2_400; afterBytes < 14_000; afterBytes += 733) {
      // The second connection breaks as well, a little later.
      const plans: readonly (Plan | undefined)[] = [
        { afterBytes, how },
        { afterBytes: 900, how },
      ];
      await using site = await broken(REPLY, (connection) => plans[connection]);
      const stream = await site.send();
      const texts: string[] = [];
      for await (const { content } of stream) texts.push(content);
      const message = await stream.finalMessage();
      expect(texts.join(""), `after ${afterBytes} bytes`).toBe(WORDS.join(""));
      expect(message).toMatchObject({
        reasoning: "Let me count.",
        toolCalls: [{ id: "call_a", name: "done", arguments: { at: 30 } }],
        usage: { inputTokens: 5, outputTokens: 60 },
      });
      expect(message.metrics.attempts.length).toBeGreaterThan(1);
      expect(site.gateway.model.calls).toHaveLength(1);
    }
  });

  test("is stopped at the gateway, which stops the model", async () => {
    const gate = new Gate();
    await using site = await broken({ steps: [{ text: "Half " }, { pause: gate }] }, () => undefined);
    const stream = await site.send();
    for await (const { content } of stream) if (content !== "") break;
    await site.gateway.model.calls[0]?.closed;
  });

  test("and that fails at the model is a failure with its text, not asked for again and again", async () => {
    await using site = await broken({ text: ["Half ", "a reply"], ending: "cut" }, () => undefined);
    const error: unknown = await site
      .send({ retries: 0, recover: undefined })
      .then((stream) => stream.finalMessage())
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(SendError);
    expect((error as SendError).partial?.content).toBe("Half a reply");
    expect(site.gateway.model.calls).toHaveLength(1);
  });
});
