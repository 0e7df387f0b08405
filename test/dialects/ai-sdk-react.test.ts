/** `useChat` of `@ai-sdk/react` 4 in React 19 and StrictMode, against a relay that keeps conversations. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Gate } from "../../src/testing/index.ts";
import { type AiSdkBrowser, type ChatPage, reactBrowser, reactMissing, until } from "../support/ai-sdk.ts";
import { aiSdkSite, type RelaySite } from "../support/relay-site.ts";

const shows = (page: ChatPage, ...lines: readonly string[]) =>
  until(page, (view) => JSON.stringify(view.lines) === JSON.stringify(lines));

describe.skipIf(reactMissing !== undefined)(`React 19 (${reactMissing ?? "installed"})`, () => {
  let browser: AiSdkBrowser;
  beforeAll(async () => {
    browser = await reactBrowser();
  });
  afterAll(() => browser?.close());

  /** Opens a page that loads its conversation from the relay, and resumes. */
  async function reloaded(at: RelaySite, id: string): Promise<ChatPage> {
    const messages = (await (await fetch(`${at.url}/${id}`)).json()) as readonly unknown[];
    return browser.open({ url: at.url, id, messages, resume: true });
  }

  test("a chat is shown, continued and written again", async () => {
    await using at = await aiSdkSite([{ text: ["Hel", "lo"] }, { text: "Yes" }, { text: "No" }]);
    const page = await browser.open({ url: at.url, id: "c1" });
    await page.call("sendMessage", { text: "Hi" });
    await shows(page, "Hi", "Hello");
    await page.call("sendMessage", { text: "Sure?" });
    await shows(page, "Hi", "Hello", "Sure?", "Yes");
    await page.call("regenerate");
    const { status, error } = await shows(page, "Hi", "Hello", "Sure?", "No");
    expect([status, error]).toEqual(["ready", undefined]);
  });

  test("a reload in the middle of a reply shows the conversation and the whole reply", async () => {
    const half = new Gate();
    await using at = await aiSdkSite([
      { text: "Hm." },
      { steps: [{ text: "Hello " }, { pause: half }, { text: "Ada" }] },
    ]);
    const page = await browser.open({ url: at.url, id: "c2" });
    await page.call("sendMessage", { text: "Hi" });
    await page.begin("sendMessage", { text: "Again" });
    await shows(page, "Hi", "Hm.", "Again", "Hello ");
    const again = await reloaded(at, "c2");
    const { requests = [] } = await shows(again, "Hi", "Hm.", "Again", "Hello ");
    expect(new Set(requests), "StrictMode may ask twice").toEqual(new Set(["GET stream"]));
    half.open();
    await shows(again, "Hi", "Hm.", "Again", "Hello Ada");
    const { status } = await shows(page, "Hi", "Hm.", "Again", "Hello Ada");
    expect(status).toBe("ready");
  });

  test("a page that is left and opened again, as a route of an application is, continues the reply", async () => {
    const half = new Gate();
    await using at = await aiSdkSite([{ steps: [{ text: "Hello " }, { pause: half }, { text: "Ada" }] }]);
    const page = await browser.open({ url: at.url, id: "c3" });
    await page.begin("sendMessage", { text: "Hi" });
    await shows(page, "Hi", "Hello ");
    await page.begin("unmount");
    const again = await reloaded(at, "c3");
    await shows(again, "Hi", "Hello ");
    half.open();
    await shows(again, "Hi", "Hello Ada");
    expect(at.provider.calls).toHaveLength(1);
  });

  test("a reload after the end shows each message once, and calls nothing twice", async () => {
    await using at = await aiSdkSite([{ text: "Hello" }, { text: "Yes" }]);
    const page = await browser.open({ url: at.url, id: "c4" });
    await page.call("sendMessage", { text: "Hi" });
    await page.call("sendMessage", { text: "Sure?" });
    const again = await reloaded(at, "c4");
    await until(again, ({ finishes }) => finishes.length > 0);
    const { status } = await shows(again, "Hi", "Hello", "Sure?", "Yes");
    expect(status).toBe("ready");
    expect(at.provider.calls).toHaveLength(2);
  });

  test("a page without a reply to resume stays as it is", async () => {
    await using at = await aiSdkSite([]);
    const page = await browser.open({ url: at.url, id: "c5", resume: true });
    const view = await until(page, ({ requests = [] }) => requests.length > 0);
    expect([view.requests?.[0], view.lines]).toEqual(["GET stream", []]);
    expect((await until(page, ({ status }) => status === "ready")).error).toBeUndefined();
  });

  test("500 pieces of a reply that is shown again are few renders", async () => {
    const words = Array.from({ length: 500 }, (_, index) => `w${index} `);
    const half = new Gate();
    await using at = await aiSdkSite([{ steps: [{ text: words }, { pause: half }] }]);
    const page = await browser.open({ url: at.url, id: "c6" });
    await page.begin("sendMessage", { text: "Hi" });
    await shows(page, "Hi", words.join(""));
    const again = await reloaded(at, "c6");
    const { writes } = await shows(again, "Hi", words.join(""));
    expect(writes).toBeLessThan(30);
    half.open();
  });
});
