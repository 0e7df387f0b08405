/** How often the hook renders in a browser, with a relay behind it. */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { memoryLog } from "cloudllm/server";
import type { Browser, Page } from "playwright-core";
import { rolldown } from "rolldown";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MemoryStore } from "../../src/index.ts";
import { Gate, type ReplyScript } from "../../src/testing/index.ts";
import { launch, noBrowser } from "../support/browser.ts";
import { type RelaySite, relaySite } from "../support/relay-site.ts";

const PROGRAM = fileURLToPath(new URL("renders-page.mjs", import.meta.url));
const packages = fileURLToPath(new URL("../interop/node_modules/", import.meta.url));
const isInstalled = ["react", "react-dom"].every((name) => existsSync(packages + name));
const missing = isInstalled ? noBrowser : "React is not installed: npm ci --prefix test/interop";

/** What the page has seen. */
interface Seen {
  /** When it rendered, in milliseconds. */
  readonly at: readonly number[];
  /** The beginning of what each render showed. */
  readonly texts: readonly string[];
  readonly text: string;
}

describe.skipIf(missing)(`the hook in Chromium${missing === undefined ? "" : ` (${missing})`}`, () => {
  let browser: Browser;
  let program: string;

  beforeAll(async () => {
    const build = await rolldown({
      input: PROGRAM,
      platform: "browser",
      logLevel: "silent",
      transform: { define: { "process.env.NODE_ENV": '"production"' } },
      resolve: { alias: { "react-dom": `${packages}react-dom`, react: `${packages}react` } },
    });
    const { output } = await build.generate({ format: "iife", codeSplitting: false });
    await build.close();
    program = output[0].code;
    browser = await launch();
  });
  afterAll(() => browser?.close());

  const site = (script: ReplyScript): Promise<RelaySite> =>
    relaySite([script], { authorize: "public", log: memoryLog(), sessions: { store: new MemoryStore() } });

  /** Opens a page of the relay's own origin. */
  async function opened({ url }: RelaySite): Promise<Page> {
    const page = await browser.newPage();
    await page.route(`${url}/page`, (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html>" }));
    await page.goto(`${url}/page`);
    await page.addScriptTag({ content: program });
    await page.evaluate((address) => (globalThis as unknown as { open(url: string): void }).open(address), url);
    return page;
  }

  const send = (page: Page): Promise<void> =>
    page.evaluate(() => (globalThis as unknown as { send(text: string): void }).send("Tell"));
  const seenIn = (page: Page): Promise<Seen> =>
    page.evaluate(() => (globalThis as unknown as { readonly seen: Seen }).seen);

  test("200 tokens a second make at most 65 renders in any second", async () => {
    const tokens = Array.from({ length: 400 }, (_, token) => [{ text: `${token} ` }, { pause: 5 }] as const).flat();
    await using at = await site({ steps: tokens });
    const page = await opened(at);
    await send(page);
    await expect.poll(async () => (await seenIn(page)).text, { timeout: 30_000 }).toContain("399 ");
    const times = (await seenIn(page)).at;
    const inSecondFrom = (start: number): number => times.filter((at) => at >= start && at < start + 1_000).length;
    expect(Math.max(...times.map(inSecondFrom))).toBeLessThanOrEqual(65);
    expect(times.length).toBeGreaterThan(20);
    await page.close();
  });

  test("a reload in the middle of a reply of 3,000 chunks renders at most twice", async () => {
    const gate = new Gate();
    const words = Array.from({ length: 3_000 }, (_, word) => `word${word} `);
    await using at = await site({ steps: [{ text: words }, { pause: gate }] });
    const first = await opened(at);
    await send(first);
    await expect.poll(async () => (await seenIn(first)).text).toContain("word2999 ");
    const second = await opened(at);
    await expect.poll(async () => (await seenIn(second)).text).toBe(`Tell\n${words.join("")}`);
    const { texts } = await seenIn(second);
    const known = texts.findIndex((text) => text.startsWith("Tell"));
    expect(texts.slice(known + 1).length, "behind that of the conversation").toBeLessThanOrEqual(2);
    gate.open();
    await Promise.all([first.close(), second.close()]);
  });
});
