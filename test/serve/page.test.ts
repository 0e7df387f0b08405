/** The chat page in a browser: what a person types, sees, stops, edits, keeps and deletes. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Gate, type ProviderServer, type ReplyScript, startProviderServer } from "cloudllm/testing";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch, noBrowser, openPage, type WatchedPage } from "../support/browser.ts";
import { type Served, startServed } from "../support/served.ts";

const folder = mkdtempSync(join(tmpdir(), "cloudllm-page-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A server whose provider plays a script, and a page of it. */
interface Site extends AsyncDisposable {
  readonly page: Page;
  readonly served: Served;
  readonly provider: ProviderServer;
  readonly watched: WatchedPage;
}

describe.skipIf(noBrowser !== undefined)(`the page${noBrowser ? ` (${noBrowser})` : ""}`, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(() => browser?.close());

  async function siteWith(
    replies: readonly ReplyScript[],
    args: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Site> {
    const provider = await startProviderServer(replies);
    const served = await startServed(["--base-url", provider.baseUrl, "--model", "gpt-6-luna", ...args], env);
    const watched = await openPage(browser, served.url);
    return {
      page: watched.page,
      served,
      provider,
      watched,
      [Symbol.asyncDispose]: async () => {
        expect({ faults: watched.faults, strangers: watched.strangers }).toEqual({ faults: [], strangers: [] });
        await watched[Symbol.asyncDispose]();
        await served[Symbol.asyncDispose]();
        await provider.close();
      },
    };
  }

  async function say(page: Page, text: string): Promise<void> {
    await page.getByLabel("Message", { exact: true }).fill(text);
    await page.keyboard.press("Enter");
  }

  const reply = (page: Page, text: string) => page.locator(".reply", { hasText: text });
  const isComplete = (page: Page, text: string) =>
    page.locator(".reply.is-complete", { hasText: text }).waitFor({ state: "visible" });

  test("a message is sent with Enter, its reply is shown while it is written, and has a line about itself", async () => {
    const gate = new Gate();
    await using site = await siteWith([
      {
        steps: [{ text: "Once **up" }, { pause: gate }, { text: "on** a time" }],
        ending: { usage: { inputTokens: 9, outputTokens: 4 } },
      },
    ]);
    const { page } = site;
    await page.getByText("What would you like to know?").waitFor();
    await page.keyboard.type("A story");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("please");
    await page.keyboard.press("Enter");
    await reply(page, "Once").waitFor();
    expect(await page.locator(".bubble").innerText()).toBe("A story\nplease");
    expect(await page.locator(".welcome").isVisible()).toBe(false);
    expect(await page.getByRole("button", { name: "Stop the reply" }).isEnabled()).toBe(true);
    gate.open();
    await isComplete(page, "Once upon a time");
    expect(await page.locator(".reply strong").innerText()).toBe("upon");
    expect(await page.locator(".figures").innerText()).toMatch(/^gpt-6-luna · 0\.\d\d s to first token · 4 tokens$/);
    expect(await page.title()).toBe("A story please · CloudLLM");
    expect(await page.getByLabel("Message", { exact: true }).evaluate((box) => box === document.activeElement)).toBe(
      true,
    );
  });

  test("Escape stops the reply, and what has come of it stays", async () => {
    const endless = new Gate();
    await using site = await siteWith([{ steps: [{ text: "For ever and" }, { pause: endless }] }, { text: "Yes." }]);
    const { page, provider } = site;
    await say(page, "Go on");
    await reply(page, "For ever and").waitFor();
    await page.keyboard.press("Escape");
    await page.locator(".reply.is-interrupted", { hasText: "For ever and" }).waitFor();
    await provider.requests[0]?.closed;
    await page.locator(".figures", { hasText: "stopped" }).waitFor();
    await say(page, "Are you there?");
    await isComplete(page, "Yes.");
  });

  test("a reply is written again in its place", async () => {
    await using site = await siteWith([{ text: "First try" }, { text: "Second try" }]);
    const { page, provider } = site;
    await say(page, "Try");
    await isComplete(page, "First try");
    await page.getByRole("button", { name: "Write again" }).click();
    await isComplete(page, "Second try");
    expect(await page.locator(".turn").count()).toBe(2);
    expect(JSON.stringify(provider.requests[1]?.body)).not.toContain("First try");
  });

  test("an earlier message is edited and sent again; what came after it goes", async () => {
    await using site = await siteWith([{ text: "Rome" }, { text: "Tall" }, { text: "Paris" }]);
    const { page, provider } = site;
    await say(page, "Capital of Italy?");
    await isComplete(page, "Rome");
    await say(page, "And the tower?");
    await isComplete(page, "Tall");
    const edit = () => page.getByRole("button", { name: "Edit" }).first().click();
    await edit();
    const box = page.getByLabel("Edit your message");
    expect(await box.inputValue()).toBe("Capital of Italy?");
    await page.keyboard.press("Escape");
    expect(await page.locator(".turn").count()).toBe(4);
    await edit();
    await box.fill("Capital of France?");
    await page.locator(".editor").getByRole("button", { name: "Send" }).click();
    await isComplete(page, "Paris");
    expect(await page.locator(".turn").allInnerTexts()).toHaveLength(2);
    const sent = JSON.stringify(provider.requests[2]?.body);
    expect(sent).toContain("Capital of France?");
    expect(sent).not.toContain("Italy");
  });

  test("a failure is shown with its reason, and tried again", async () => {
    await using site = await siteWith([
      { refusal: { status: 401, message: "Incorrect API key provided." } },
      { text: "Here I am" },
    ]);
    const { page, watched } = site;
    await say(page, "Hello");
    await page.getByRole("alert").getByText("Incorrect API key provided.").waitFor();
    expect(await page.locator(".bubble").innerText()).toBe("Hello");
    await page.getByRole("button", { name: "Try again" }).click();
    await isComplete(page, "Here I am");
    // The browser itself reports answers with such a status.
    expect(watched.faults.splice(0)).toEqual([expect.stringContaining("status of 502")]);
  });

  test("thinking is folded, a tool is shown as it runs, and both can be read", async () => {
    const path = join(folder, "tools.mjs");
    const run = `({ city }) => new Promise((done) => setTimeout(() => done({ city, sky: "grey" }), 300))`;
    const parameters = `{ type: "object", properties: { city: { type: "string" } } }`;
    writeFileSync(path, `export const weather = { name: "weather", parameters: ${parameters}, run: ${run} };`);
    await using site = await siteWith(
      [
        {
          steps: [
            { reasoning: "I look it up." },
            { text: "Let me look." },
            { toolCall: { name: "weather", arguments: { city: "Oslo" } } },
          ],
        },
        { text: "Take an umbrella." },
      ],
      ["--tools", path],
    );
    const { page } = site;
    await say(page, "Umbrella?");
    await page.locator(".tool.is-running", { hasText: "weather" }).waitFor();
    await isComplete(page, "Take an umbrella.");
    await page.locator(".tool.is-done", { hasText: `"city":"Oslo"` }).waitFor();
    expect(await page.getByText("grey").isVisible()).toBe(false);
    await page.locator(".tool summary").click();
    expect(await page.getByText("grey").isVisible()).toBe(true);
    expect(await page.getByText("I look it up.").isVisible()).toBe(false);
    await page.getByText("Thinking").click();
    expect(await page.getByText("I look it up.").isVisible()).toBe(true);
    const order = await page.locator(".reply > *").evaluateAll((parts) => parts.map((part) => part.textContent ?? ""));
    const at = (text: string) => order.findIndex((part) => part.includes(text));
    expect([at("Let me look."), at("weather"), at("Take an umbrella.")]).toEqual([2, 3, 4]);
  });

  test("sources are links that lead away safely, once each", async () => {
    const citation = { url: "https://www.example.com/rain", title: "Rain, explained" };
    await using site = await siteWith(
      [
        {
          steps: [
            { text: "It rains." },
            { citation },
            { citation },
            { citation: { url: "javascript:alert(1)", title: "Evil" } },
          ],
        },
      ],
      ["--provider", "openai"],
      { OPENAI_API_KEY: "sk-of-the-tests" },
    );
    const { page } = site;
    await say(page, "Why?");
    await isComplete(page, "It rains.");
    const sources = page.getByRole("complementary", { name: "Sources" });
    const links = await sources.locator("a").evaluateAll((all) => all.map((each) => each.outerHTML));
    expect(links).toHaveLength(1);
    expect(links[0]).toContain('rel="noopener noreferrer"');
    expect(await sources.innerText()).toContain("example.com");
  });

  test("conversations are kept in a list: opened, begun, deleted after a question", async () => {
    await using site = await siteWith([{ text: "One" }, { text: "Two" }]);
    const { page } = site;
    const list = page.getByRole("navigation", { name: "Conversations" });
    await say(page, "The first question");
    await isComplete(page, "One");
    await list.getByRole("link", { name: "The first question" }).waitFor();
    await page.getByRole("button", { name: "New conversation" }).click();
    await page.getByText("What would you like to know?").waitFor();
    await say(page, "The second question");
    await isComplete(page, "Two");
    await list.getByRole("link", { name: "The first question" }).click();
    await isComplete(page, "One");
    expect(await page.locator(".turn").count()).toBe(2);
    const remove = list.getByRole("button", { name: "Delete The first question" });
    await remove.click();
    await page.getByRole("dialog").getByRole("button", { name: "Keep it" }).click();
    expect(await list.getByRole("link").count()).toBe(2);
    await remove.click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.getByText("What would you like to know?").waitFor();
    await list.getByRole("link", { name: "The first question" }).waitFor({ state: "detached" });
    await page.reload();
    await list.getByRole("link", { name: "The second question" }).waitFor();
    expect(await list.getByRole("link").count()).toBe(1);
  });

  test("code is copied as it is", async () => {
    const code = 'print("<b>&amp;")';
    await using site = await siteWith([{ text: `So:\n\n\`\`\`python\n${code}\n\`\`\`\n` }]);
    const { page, served } = site;
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: served.url });
    await say(page, "Code");
    await isComplete(page, "So:");
    await page.locator("figure.code").getByRole("button", { name: "Copy" }).click();
    await page.locator("figure.code").getByText("Copied").waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(code);
  });

  test("a text that was begun is there after a reload, and an empty one is not sent", async () => {
    await using site = await siteWith([{ text: "Hi" }]);
    const { page, provider } = site;
    await say(page, "   ");
    expect(await page.getByRole("button", { name: "Send" }).isDisabled()).toBe(true);
    await say(page, "Hello");
    await isComplete(page, "Hi");
    await page.getByLabel("Message", { exact: true }).fill("Half a thou");
    await page.reload();
    await isComplete(page, "Hi");
    expect(await page.getByLabel("Message", { exact: true }).inputValue()).toBe("Half a thou");
    expect(provider.requests).toHaveLength(1);
  });
});
