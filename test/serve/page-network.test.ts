/** The chat page over a network that fails: reloads, lost connections, a second tab, a second device, a new server. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Gate, type ReplyScript, startProviderServer } from "cloudllm/testing";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type BreakingProxy, breakingProxy } from "../support/breaking-proxy.ts";
import { launch, noBrowser, openPage, watch } from "../support/browser.ts";
import { completed, messageBox, type PageSiteOptions, pageSite, reply, say } from "../support/page-site.ts";
import { startServed } from "../support/served.ts";

describe.skipIf(noBrowser !== undefined)(`the page${noBrowser ? ` (${noBrowser})` : ""}`, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(() => browser?.close());

  const proxies: BreakingProxy[] = [];
  afterEach(async () => {
    for (const proxy of proxies.splice(0)) await proxy[Symbol.asyncDispose]();
  });

  const siteWith = (replies: readonly ReplyScript[], options?: PageSiteOptions) => pageSite(browser, replies, options);

  /** A reply that waits in the middle of a word. */
  function halved(): { readonly script: ReplyScript; readonly gate: Gate } {
    const gate = new Gate();
    return { gate, script: { steps: [{ text: "It was a dark and stor" }, { pause: gate }, { text: "my night." }] } };
  }

  test("a reload in the middle of a word continues the word, and the provider is asked once", async () => {
    const { gate, script } = halved();
    await using site = await siteWith([script]);
    const { page, provider } = site;
    await say(page, "A story");
    await reply(page, "dark and stor").waitFor();
    await page.reload();
    await page.locator(".reply.is-writing", { hasText: "dark and stor" }).waitFor();
    expect(await page.locator(".bubble").innerText()).toBe("A story");
    gate.open();
    await completed(page, "It was a dark and stormy night.");
    expect(await page.locator(".turn").count()).toBe(2);
    expect(await page.locator(".prose").innerText()).toBe("It was a dark and stormy night.");
    expect(provider.requests).toHaveLength(1);
  });

  test("a line about a reply is there after a reload", async () => {
    await using site = await siteWith([{ text: "Hi", ending: { usage: { inputTokens: 3, outputTokens: 2 } } }]);
    const { page } = site;
    await say(page, "Hello");
    await completed(page, "Hi");
    const line = await page.locator(".figures").innerText();
    expect(line).toMatch(/2 tokens/);
    await page.reload();
    await completed(page, "Hi");
    expect(await page.locator(".figures").innerText()).toBe(line);
  });

  test("a second tab sees a reply as it is written, and the conversation in its list", async () => {
    const { gate, script } = halved();
    await using site = await siteWith([script]);
    const { page, served, provider } = site;
    await say(page, "A story");
    await reply(page, "dark and stor").waitFor();
    const tab = await page.context().newPage();
    const { faults } = watch(tab, new URL(served.url).host);
    await tab.goto(page.url());
    await reply(tab, "dark and stor").waitFor();
    await tab.getByRole("link", { name: "A story" }).waitFor();
    gate.open();
    await Promise.all([completed(page, "stormy night."), completed(tab, "stormy night.")]);
    expect(provider.requests).toHaveLength(1);
    expect(faults).toEqual([]);
  });

  test("a tab that is open already follows what is said in another one, and that it is deleted", async () => {
    const { gate, script } = halved();
    await using site = await siteWith([{ text: "Hello." }, script]);
    const { page } = site;
    await say(page, "Hi");
    await completed(page, "Hello.");
    const tab = await page.context().newPage();
    await tab.goto(page.url());
    await completed(tab, "Hello.");
    await say(page, "A story");
    await reply(tab, "dark and stor").waitFor();
    gate.open();
    await completed(tab, "stormy night.");
    expect(await tab.locator(".turn").count()).toBe(4);
    await page.getByRole("button", { name: "Delete Hi" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await tab.locator(".turn").first().waitFor({ state: "detached" });
    await tab.getByRole("link", { name: "Hi" }).waitFor({ state: "detached" });
  });

  test("a second device continues in the middle of a word, and can stop the reply for both", async () => {
    const { gate, script } = halved();
    await using site = await siteWith([script]);
    const { page, provider } = site;
    await say(page, "A story");
    await reply(page, "dark and stor").waitFor();
    await using device = await openPage(browser, page.url(), { viewport: { width: 390, height: 844 } });
    await reply(device.page, "dark and stor").waitFor();
    await device.page.getByRole("button", { name: "Stop the reply" }).click();
    await page.locator(".figures", { hasText: "stopped" }).waitFor();
    await provider.requests[0]?.closed;
    expect(device.faults).toEqual([]);
    gate.open();
  });

  test("a lost connection is said, made again, and costs no word", async () => {
    const { gate, script } = halved();
    await using site = await siteWith([script], {
      through: async ({ url }) => {
        const proxy = await breakingProxy(Number(new URL(url).port), () => undefined);
        proxies.push(proxy);
        return `http://localhost:${proxy.port}`;
      },
    });
    const { page, provider, watched } = site;
    await say(page, "A story");
    await reply(page, "dark and stor").waitFor();
    await page.context().setOffline(true);
    proxies[0]?.breakAll();
    await page.getByRole("status").getByText("Reconnecting").waitFor();
    expect(await page.locator(".prose").innerText()).toBe("It was a dark and stor");
    gate.open();
    await page.context().setOffline(false);
    await completed(page, "It was a dark and stormy night.");
    expect(await page.locator(".notice").innerText()).toBe("");
    expect(provider.requests).toHaveLength(1);
    // The browser reports the broken connection itself.
    expect(watched.faults.splice(0).filter((fault) => !/net::ERR_/.test(fault))).toEqual([]);
  });

  test("a server that dies and is started again leaves what was written, and the conversation goes on", async () => {
    const folder = mkdtempSync(join(tmpdir(), "cloudllm-restarted-"));
    const endless = new Gate();
    await using provider = await startProviderServer([
      { text: "Hello." },
      { steps: [{ text: "It was a dark and stor" }, { pause: endless }] },
      { text: "And they lived on." },
    ]);
    const args = ["--base-url", provider.baseUrl, "--model", "m"];
    const first = await startServed(args, { folder });
    await using watched = await openPage(browser, first.url);
    const { page } = watched;
    await say(page, "Hi");
    await completed(page, "Hello.");
    await say(page, "A story");
    await reply(page, "dark and stor").waitFor();
    await first[Symbol.asyncDispose]();
    await page.getByRole("status").getByText("Reconnecting").waitFor();
    await using _second = await startServed(args, { folder, port: Number(new URL(first.url).port) });
    await page.locator(".reply.is-interrupted", { hasText: "It was a dark and stor" }).waitFor();
    expect(await page.locator(".turn").count()).toBe(4);
    await say(page, "Go on");
    await completed(page, "And they lived on.");
    expect(watched.faults.filter((fault) => !/net::ERR_|status of 404/.test(fault))).toEqual([]);
    rmSync(folder, { recursive: true, force: true });
  });

  test("the letters of a person who types before the page knows its server are there when it does", async () => {
    await using site = await siteWith([{ text: "Here." }]);
    const { page } = site;
    const gate = new Gate();
    await page.route("**/info", async (route) => {
      await gate.pass();
      await route.continue();
    });
    const box = messageBox(page);
    await page.reload();
    await box.pressSequentially("Good mor");
    await gate.reached;
    gate.open();
    await page.locator("#app:not([aria-busy])").waitFor();
    await page.locator("#welcome:not([hidden])").waitFor();
    await page.keyboard.type("ning"); // the caret stays
    expect(await box.inputValue()).toBe("Good morning");
    await page.reload();
    await box.pressSequentially("Ada");
    await expect.poll(() => box.inputValue()).toMatch(/^Good morning\n?.*Ada$/s);
    await page.keyboard.press("Enter");
    await completed(page, "Here.");
    expect(await page.locator(".bubble").innerText()).toContain("Good morning");
  });

  test("a page that is opened while the server is away starts when it is back", async () => {
    await using site = await siteWith([{ text: "Here." }]);
    const { page, watched } = site;
    let isAway = true;
    await page.route("**/info", (route) => (isAway ? route.abort() : route.continue()));
    await page.reload();
    await page.getByText("The server cannot be reached.").waitFor();
    for (const part of ["#sidebar", "#thread", "#attach", "#send"]) {
      expect(await page.locator(part).evaluate((element: HTMLElement) => element.inert)).toBe(true);
    }
    isAway = false;
    await say(page, "Hello");
    await completed(page, "Here.");
    watched.faults.splice(0);
  });
});
