/** `useChat` of the AI SDK against a relay: a reply as each supported version shows it. */

import { aiSdk, memoryLog } from "cloudllm/server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ReplyScript } from "../../src/testing/index.ts";
import { type AiSdkBrowser, aiSdkBrowser, aiSdkVersions, partsOf, textOf } from "../support/ai-sdk.ts";
import { relaySite } from "../support/relay-site.ts";

const OPEN = { authorize: "public", dialect: aiSdk, expose: { reasoning: true, providerTools: true } } as const;

describe.each(aiSdkVersions)("ai $version", (version) => {
  const { missing } = version;
  let browser: AiSdkBrowser;
  beforeAll(async () => {
    if (missing === undefined) browser = await aiSdkBrowser(version);
  });
  afterAll(() => browser?.close());
  const scene = test.skipIf(missing !== undefined);

  scene("a question gets its reply, with the thinking before it", async () => {
    const script: ReplyScript = {
      steps: [{ reasoning: "Hm. " }, { reasoning: "Yes." }, { text: "Hello " }, { text: "Ada" }],
    };
    await using site = await relaySite([script], { ...OPEN, log: memoryLog() });
    const page = await browser.open({ url: site.url });
    const view = await page.call("sendMessage", { text: "Hi" });
    expect(view.error).toBeUndefined();
    expect(view.status).toBe("ready");
    expect(view.messages.map(({ role }) => role)).toEqual(["user", "assistant"]);
    expect(partsOf(view.messages[1])).toEqual(["step-start", "reasoning:done", "text:done"]);
    expect(textOf(view.messages[1])).toBe("Hello Ada");
  });
});
