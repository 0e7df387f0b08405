/** Other readers than the providers' own libraries: the AI SDK's and LangChain's, against a gateway. */

import { existsSync } from "node:fs";
import type { ReplyScript } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { gatewaySite, KEY, testGateway } from "../support/gateway.ts";
import { aiSdk, aiSdkAnthropic, aiSdkOpenAi, langChain, type Question } from "./chat-readers.mjs";

const READERS = [
  { name: "@ai-sdk/openai-compatible", read: aiSdk, calls: "tool-calls" },
  { name: "@ai-sdk/openai", read: aiSdkOpenAi, calls: "tool-calls" },
  { name: "@ai-sdk/anthropic", read: aiSdkAnthropic, calls: "tool-calls" },
  { name: "@langchain/openai", read: langChain, calls: "tool_calls" },
];

const tools = [
  { type: "function", name: "weather", inputSchema: { type: "object", properties: { city: { type: "string" } } } },
] as const;

describe.each(READERS)("$name", ({ name, read, calls }) => {
  const isInstalled = existsSync(new URL(`node_modules/${name}`, import.meta.url));

  describe.skipIf(!isInstalled)(isInstalled ? "installed" : "not installed: npm ci --prefix test/interop", () => {
    async function outcome(script: ReplyScript, more: Partial<Question> = {}): Promise<unknown> {
      await using site = await gatewaySite(testGateway([script]));
      return await read({ origin: site.origin, key: KEY, text: "Hello", ...more });
    }

    test("reads a reply with its usage", async () => {
      const ending = { usage: { inputTokens: 40, outputTokens: 20 } };
      expect(await outcome({ text: ["Grüße ", "🌍", "!"], ending })).toMatchObject({
        text: "Grüße 🌍!",
        finish: "stop",
        usage: { input: 40, output: 20 },
      });
    });

    test("reads the calls of tools", async () => {
      const toolCall = { id: "call_a", name: "weather", fragments: ['{"city":', '"Oslo"}'] };
      const other = { id: "call_b", name: "weather", arguments: { city: "Rome" } };
      expect(await outcome({ steps: [{ toolCall }, { toolCall: other }] }, { tools })).toMatchObject({
        calls: [
          { id: "call_a", name: "weather", arguments: { city: "Oslo" } },
          { id: "call_b", name: "weather", arguments: { city: "Rome" } },
        ],
        finish: calls,
      });
    });

    test("takes half a reply for an error", async () => {
      expect(await outcome({ text: ["Half ", "a reply"], ending: "cut" })).toMatchObject({
        text: "Half a reply",
        error: expect.stringContaining("ended before it was complete"),
      });
    });
  });
});

test.skipIf(!existsSync(new URL("node_modules/@ai-sdk/openai-compatible", import.meta.url)))(
  "the AI SDK shows thinking",
  async () => {
    await using site = await gatewaySite(testGateway([{ steps: [{ reasoning: "Hm." }, { text: "Yes" }] }]));
    expect(await aiSdk({ origin: site.origin, key: KEY, text: "Hello" })).toMatchObject({
      reasoning: "Hm.",
      text: "Yes",
    });
  },
);
