/** The chat page in a browser: what a person types, sees, stops, edits, keeps and deletes. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Gate, type ReplyScript } from "cloudllm/testing";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch, noBrowser } from "../support/browser.ts";
import { completed, messageBox, type PageSiteOptions, pageSite, reply, say } from "../support/page-site.ts";

const folder = mkdtempSync(join(tmpdir(), "cloudllm-page-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(noBrowser !== undefined)(`the page${noBrowser ? ` (${noBrowser})` : ""}`, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(() => browser?.close());

  const siteWith = (replies: readonly ReplyScript[], options?: PageSiteOptions) => pageSite(browser, replies, options);

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
    await completed(page, "Once upon a time");
    expect(await page.locator(".reply strong").innerText()).toBe("upon");
    expect(await page.locator(".figures").innerText()).toMatch(/^gpt-6-luna · 0\.\d\d s to first token · 4 tokens$/);
    expect(await page.title()).toBe("A story please · CloudLLM");
    expect(await messageBox(page).evaluate((box) => box === document.activeElement)).toBe(true);
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
    await completed(page, "Yes.");
  });

  test("a reply is written again in its place", async () => {
    await using site = await siteWith([{ text: "First try" }, { text: "Second try" }]);
    const { page, provider } = site;
    await say(page, "Try");
    await completed(page, "First try");
    await page.getByRole("button", { name: "Write again" }).click();
    await completed(page, "Second try");
    expect(await page.locator(".turn").count()).toBe(2);
    expect(JSON.stringify(provider.requests[1]?.body)).not.toContain("First try");
  });

  test("an earlier message is edited and sent again; what came after it goes", async () => {
    await using site = await siteWith([{ text: "Rome" }, { text: "Tall" }, { text: "Paris" }]);
    const { page, provider } = site;
    await say(page, "Capital of Italy?");
    await completed(page, "Rome");
    await say(page, "And the tower?");
    await completed(page, "Tall");
    const edit = () => page.getByRole("button", { name: "Edit" }).first().click();
    await edit();
    const box = page.getByLabel("Edit your message");
    expect(await box.inputValue()).toBe("Capital of Italy?");
    await page.keyboard.press("Escape");
    expect(await page.locator(".turn").count()).toBe(4);
    await edit();
    await box.fill("Capital of France?");
    await page.locator(".editor").getByRole("button", { name: "Send" }).click();
    await completed(page, "Paris");
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
    await completed(page, "Here I am");
    // The browser itself reports answers with such a status.
    expect(watched.faults.splice(0)).toEqual([expect.stringContaining("status of 502")]);
  });

  test("thinking is folded, a tool is shown as it runs, and both can be read", async () => {
    const path = join(folder, "tools.mjs");
    const arrived = join(folder, "arrived");
    const waits = `while (!existsSync(${JSON.stringify(arrived)})) await new Promise((done) => setTimeout(done, 20));`;
    const run = `async ({ city }) => { ${waits} return { city, sky: "grey" }; }`;
    const parameters = `{ type: "object", properties: { city: { type: "string" } } }`;
    const tool = `export const weather = { name: "weather", parameters: ${parameters}, run: ${run} };`;
    writeFileSync(path, `import { existsSync } from "node:fs";\n${tool}`);
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
      { args: ["--tools", path] },
    );
    const { page } = site;
    await say(page, "Umbrella?");
    await page.locator(".tool.is-running", { hasText: "weather" }).waitFor();
    writeFileSync(arrived, "");
    await completed(page, "Take an umbrella.");
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

  describe("a tool that a person must allow", () => {
    const path = join(folder, "asking.mjs");
    beforeAll(() => {
      writeFileSync(
        path,
        `export const pay = { name: "pay", approve: "ask", run: () => "paid", parameters: { type: "object" } };`,
      );
    });
    const pay = { name: "pay", arguments: { amount: 5, to: "Ada\u202e\u200bnaeJ" } };
    const asking = [{ steps: [{ toolCall: pay }] }, { text: "All done." }];

    test.each([
      ["Allow", "paid", ".tool.is-done"],
      ["Refuse", "refused", ".tool.is-denied"],
    ])("is a question: %s", async (button, told, shown) => {
      await using site = await siteWith(asking, { args: ["--tools", path] });
      const { page, provider } = site;
      await say(page, "Pay");
      const question = page.getByRole("group", { name: "Let pay run?" });
      await question.getByRole("group", { name: "Arguments" }).getByText('"amount": 5').waitFor();
      expect(await question.innerText(), "letters that deceive are shown").toContain('"Ada\\u202e\\u200bnaeJ"');
      await page.reload();
      await question.getByRole("button", { name: button }).click();
      await completed(page, "All done.");
      await page.locator(shown).waitFor();
      expect(JSON.stringify(provider.requests[1]?.body)).toContain(told);
    });

    test("is none any more when the user says something else", async () => {
      await using site = await siteWith(asking, { args: ["--tools", path] });
      const { page } = site;
      await say(page, "Pay");
      await page.getByRole("group", { name: "Let pay run?" }).waitFor();
      await say(page, "Forget it");
      await completed(page, "All done.");
      expect(await page.getByRole("button", { name: "Allow" }).count()).toBe(0);
      await page.locator(".tool.is-failed").waitFor();
    });
  });

  test("several questions are answered one by one; then the reply is seen to go on", async () => {
    const path = join(folder, "asking-twice.mjs");
    const tool = `{ approve: "ask", run: () => "done", parameters: { type: "object" } }`;
    writeFileSync(path, `export const one = { name: "one", ...${tool} }, two = { name: "two", ...${tool} };`);
    const opensAfter = new Gate();
    const calls = [{ toolCall: { name: "one", arguments: {} } }, { toolCall: { name: "two", arguments: {} } }];
    await using site = await siteWith([{ steps: calls }, { text: "Both.", opensAfter }], { args: ["--tools", path] });
    const { page, provider } = site;
    await say(page, "Do both");
    await page.getByRole("group", { name: "Let two run?" }).getByRole("button", { name: "Refuse" }).click();
    await page.locator(".tool", { hasText: "is answered" }).waitFor();
    expect(provider.requests).toHaveLength(1);
    await page.getByRole("group", { name: "Let one run?" }).getByRole("button", { name: "Allow" }).click();
    await opensAfter.reached;
    await page.locator(".reply .waiting").waitFor();
    expect(await page.getByRole("button", { name: "Write again" }).count()).toBe(0);
    opensAfter.open();
    await completed(page, "Both.");
    await page.locator(".tool.is-done", { hasText: "one" }).waitFor();
    await page.locator(".tool.is-denied", { hasText: "two" }).waitFor();
    expect(await page.locator(".waiting").count()).toBe(0);
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
      { args: ["--provider", "openai"], env: { OPENAI_API_KEY: "sk-of-the-tests" } },
    );
    const { page } = site;
    await say(page, "Why?");
    await completed(page, "It rains.");
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
    await completed(page, "One");
    await list.getByRole("link", { name: "The first question" }).waitFor();
    await page.getByRole("button", { name: "New conversation" }).click();
    await page.getByText("What would you like to know?").waitFor();
    await say(page, "The second question");
    await completed(page, "Two");
    await list.getByRole("link", { name: "The first question" }).click();
    await completed(page, "One");
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

  test("the text that was begun in a conversation goes with it: deleted, or left without a message", async () => {
    await using site = await siteWith([{ text: "One" }]);
    const { page } = site;
    const drafts = () => page.evaluate(() => Object.values(sessionStorage));
    const text = page.getByRole("textbox", { name: "Message" });
    const newConversation = page.getByRole("button", { name: "New conversation" });
    await page.getByText("What would you like to know?").waitFor();
    await text.fill("Never sent");
    expect(await drafts()).toEqual(["Never sent"]);
    await newConversation.click();
    expect(await drafts()).toEqual([]);
    await say(page, "Hello");
    await completed(page, "One");
    await text.fill("A secret that was begun");
    await newConversation.click();
    expect(await drafts()).toEqual(["A secret that was begun"]);
    await page.getByRole("button", { name: "Delete Hello" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await expect.poll(drafts).toEqual([]);
  });

  test("the browser's way back leads to the conversation before", async () => {
    await using site = await siteWith([{ text: "One" }, { text: "Two" }]);
    const { page } = site;
    await say(page, "First");
    await completed(page, "One");
    await page.getByRole("button", { name: "New conversation" }).click();
    await page.getByText("What would you like to know?").waitFor();
    await say(page, "Second");
    await completed(page, "Two");
    await page.goBack();
    await completed(page, "One");
    expect(await page.title()).toBe("First · CloudLLM");
    await page.goForward();
    await completed(page, "Two");
    await page.getByRole("link", { name: "First" }).click();
    await completed(page, "One");
    await page.goBack();
    await completed(page, "Two");
    expect(await page.locator(".turn").count()).toBe(2);
  });

  test("code is copied as it is", async () => {
    const code = 'print("<b>&amp;")';
    await using site = await siteWith([{ text: `So:\n\n\`\`\`python\n${code}\n\`\`\`\n` }]);
    const { page, served } = site;
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: served.url });
    await say(page, "Code");
    await completed(page, "So:");
    await page.locator("figure.code").getByRole("button", { name: "Copy" }).click();
    await page.locator("figure.code").getByText("Copied").waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(code);
  });

  test("a text that was begun in a new conversation is there after a reload, and only there", async () => {
    await using site = await siteWith([{ text: "Hi" }]);
    const { page } = site;
    const text = () => messageBox(page).inputValue();
    await messageBox(page).fill("The first thou");
    await page.reload();
    await page.getByText("What would you like to know?").waitFor();
    expect(await text()).toBe("The first thou");
    await page.getByRole("button", { name: "New conversation" }).click();
    await expect.poll(text).toBe("");
    await say(page, "Hello");
    await completed(page, "Hi");
    await page.getByRole("button", { name: "New conversation" }).click();
    await page.getByText("What would you like to know?").waitFor();
    expect(await text()).toBe("");
  });

  test("a text that was begun is there after a reload, and an empty one is not sent", async () => {
    await using site = await siteWith([{ text: "Hi" }]);
    const { page, provider } = site;
    await say(page, "   ");
    expect(await page.getByRole("button", { name: "Send" }).isDisabled()).toBe(true);
    await say(page, "Hello");
    await completed(page, "Hi");
    await messageBox(page).fill("Half a thou");
    await page.reload();
    await completed(page, "Hi");
    expect(await messageBox(page).inputValue()).toBe("Half a thou");
    expect(provider.requests).toHaveLength(1);
  });
});
