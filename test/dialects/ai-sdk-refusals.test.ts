/** `useChat` of the AI SDK: a request that the relay refuses is shown as one sentence, and nothing of it is lost. */

import type { RelayOptions } from "cloudllm/server";
import { describe, expect } from "vitest";
import { Gate } from "../../src/testing/index.ts";
import { aiSdkVersions, textOf, until, untilText, useAiSdk } from "../support/ai-sdk.ts";
import { aiSdkSite } from "../support/relay-site.ts";

/** One sentence, which may begin with the name of a field. */
const SENTENCE = /^[A-Z`][^{}<>\n]*\.$/;

/** A refusal by its status, the relay that gives it, and what is sent. */
const REFUSALS: readonly (readonly [number, Partial<RelayOptions>, string])[] = [
  [400, { limits: { textLength: 5 } }, "Hello there"],
  [401, { authorize: () => undefined }, "Hi"],
  [403, { authorize: () => new Response("Not you.", { status: 403 }) }, "Hi"],
  [413, { limits: { bodyBytes: 1_000 } }, "Hi".repeat(1_000)],
  [429, { limit: () => ({ retryAfterMs: 2_000 }) }, "Hi"],
];

describe.each(aiSdkVersions)("ai $title", (version) => {
  const { scene, open } = useAiSdk(version);

  scene.each(REFUSALS)("a POST that is refused with %i is an error of one sentence", async (status, options, text) => {
    await using site = await aiSdkSite([], options);
    const statuses: number[] = [];
    site.server.on("request", (_request, response) => response.on("close", () => statuses.push(response.statusCode)));
    const page = await open({ url: site.url });
    const view = await page.call("sendMessage", { text });
    expect([view.status, view.messages.map(textOf)]).toEqual(["error", [text]]);
    expect(view.error).toMatch(SENTENCE);
    await expect.poll(() => statuses).toEqual([status]);
    expect(site.provider.calls).toHaveLength(0);
  });

  scene("a server that ends refuses a question in one sentence", async () => {
    await using site = await aiSdkSite([]);
    await site.relay.drain(0);
    const page = await open({ url: site.url });
    const view = await page.call("sendMessage", { text: "Hi" });
    expect(view.status).toBe("error");
    expect(view.error).toMatch(SENTENCE);
  });

  scene("a chat whose reply is still being written refuses a second page, where the relay says so", async () => {
    const gate = new Gate();
    const scripts = [{ steps: [{ text: "Hello " }, { pause: gate }, { text: "Ada" }] }, { text: "Yes." }];
    await using site = await aiSdkSite(scripts, { onBusy: "reject" });
    const first = await open({ url: site.url });
    await first.begin("sendMessage", { text: "Hi" });
    const { messages } = await untilText(first, "Hello ");
    const second = await open({ url: site.url, id: first.id, messages: messages.slice(0, 1) });
    const view = await second.call("sendMessage", { text: "And?" });
    expect(view.status).toBe("error");
    expect(view.error).toMatch(SENTENCE);
    gate.open();
    expect(textOf((await until(first, ({ status }) => status === "ready")).messages[1])).toBe("Hello Ada");
    const again = await second.call("regenerate");
    expect([again.status, textOf(again.messages.at(-1))]).toEqual(["ready", "Yes."]);
  });
});
