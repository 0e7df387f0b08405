/** A viewer's connection is cut at every byte of a reply, in every way that a network has. */

import { describe, expect, test } from "vitest";
import type { ReplyScript } from "../../src/testing/index.ts";
import { relayClient } from "../../src/web/index.ts";
import { breakingProxy, type Plan } from "../support/breaking-proxy.ts";
import { read } from "../support/broken-replies.ts";
import { relaySite } from "../support/relay-site.ts";

const QUESTION = [{ role: "user", content: "Tell me." }] as const;

/** A reply with everything that a chunk may be. */
const SCRIPT: ReplyScript = {
  steps: [
    { reasoning: ["They ask ", "for more. "] },
    { text: ["Grüße ", "🌍", "\r\n\n", "data: x", "\u2028"] },
    { citation: { url: "https://example.org/oslo", title: "Oslo", startIndex: 0, endIndex: 6 } },
    { toolCall: { id: "call_a", name: "weather", fragments: ['{"city":', '"Tromsø"}'] } },
    { text: "More." },
  ],
  ending: { usage: { inputTokens: 3, outputTokens: 9 } },
};

describe.each([
  ["reset", 1],
  ["end", 3],
] as const)("a connection that ends by %s", (how, step) => {
  test("at any byte costs no word, and brings none twice", async () => {
    await using site = await relaySite(() => SCRIPT);
    const complete = await read(await relayClient({ url: site.url }).sendMessageStream(QUESTION));
    const { content, reasoning, toolCalls, citations, usage } = complete.message ?? {};
    expect(content).toBe("Grüße 🌍\r\n\ndata: x\u2028More.");
    let plan: Plan | undefined;
    await using proxy = await breakingProxy(site.port, () => {
      const now = plan;
      plan = undefined;
      return now;
    });
    const client = relayClient({ url: `http://127.0.0.1:${proxy.port}/chat` });
    let [afterBytes, reconnects] = [0, 1];
    while (reconnects > 0) {
      afterBytes += step;
      const [asked, connections] = [site.provider.calls.length, proxy.connections()];
      plan = { afterBytes, how };
      const { error, shown, message, chunks } = await read(await client.sendMessageStream(QUESTION));
      expect(error, `cut at byte ${afterBytes}`).toBeUndefined();
      expect(shown, `cut at byte ${afterBytes}`).toBe(content);
      expect(message).toMatchObject({ content, reasoning, toolCalls, citations, usage });
      expect(chunks.filter(({ type }) => type === "toolCall")).toHaveLength(1);
      expect(chunks.filter(({ type }) => type === "rewind")).toHaveLength(0);
      expect(site.provider.calls.length - asked, "the provider is asked once").toBe(1);
      reconnects = message?.metrics.reconnects ?? 0;
      expect(proxy.connections() - connections).toBe(1 + reconnects);
      proxy.breakAll(); // no kept connection for the next one
    }
    expect(afterBytes).toBeGreaterThan(1_000);
  }, 60_000);
});
