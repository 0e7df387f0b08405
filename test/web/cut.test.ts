/** A viewer's connection is cut at every byte of a reply, in every way that a network has. */

import { describe, type ExpectStatic, test } from "vitest";
import type { ReplyScript } from "../../src/testing/index.ts";
import { relayClient } from "../../src/web/index.ts";
import { type Break, breakingProxy, type Plan } from "../support/breaking-proxy.ts";
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

/** Cuts are tried side by side, each lane with a relay and a proxy of its own: most of a cut is waiting for sockets. */
const LANES = 4;

/** The limits are for a machine that hangs; how long it takes is not measured. */
describe.concurrent.each([
  ["reset", 1],
  ["end", 3],
] as const)("a connection that ends by %s", { timeout: 600_000 }, (how, step) => {
  test("at any byte costs no word, and brings none twice", async ({ expect }) => {
    const lanes = Array.from({ length: LANES }, (_, lane) =>
      cutUntilTheEnd(expect, how, step * (lane + 1), step * LANES),
    );
    for (const afterBytes of await Promise.all(lanes)) expect(afterBytes).toBeGreaterThan(1_000);
  });
});

/** Cuts behind these bytes, until a reply is over before its cut. Resolves with the last place. */
async function cutUntilTheEnd(expect: ExpectStatic, how: Break, first: number, step: number): Promise<number> {
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
  for (let afterBytes = first; ; afterBytes += step) {
    const [asked, connections] = [site.provider.calls.length, proxy.connections()];
    plan = { afterBytes, how };
    const { error, shown, message, chunks } = await read(await client.sendMessageStream(QUESTION));
    expect(error, `cut at byte ${afterBytes}`).toBeUndefined();
    expect(shown, `cut at byte ${afterBytes}`).toBe(content);
    expect(message).toMatchObject({ content, reasoning, toolCalls, citations, usage });
    expect(chunks.filter(({ type }) => type === "toolCall")).toHaveLength(1);
    expect(chunks.filter(({ type }) => type === "rewind")).toHaveLength(0);
    expect(site.provider.calls.length - asked, "the provider is asked once").toBe(1);
    const reconnects = message?.metrics.reconnects ?? 0;
    expect(proxy.connections() - connections).toBe(1 + reconnects);
    proxy.breakAll(); // no kept connection for the next one
    if (reconnects === 0) return afterBytes;
  }
}
