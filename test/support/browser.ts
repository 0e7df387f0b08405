/** Chromium for tests: one browser, pages that report every fault, screenshots for the documents. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** Why there is no browser; `undefined` when there is one. */
export const noBrowser: string | undefined = existsSync(CHROMIUM) ? undefined : `${CHROMIUM} is not installed`;

const FLAGS = [
  "--no-sandbox", // tests may run as root
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Set, screenshots go to `docs/images`, of pages with the pauses of a provider: `SCREENSHOTS=1 npx vitest run …`. */
export const wantsScreenshots: boolean = process.env.SCREENSHOTS !== undefined;

const IMAGES = fileURLToPath(new URL("../../docs/images/", import.meta.url));

/** A page, and what it did wrong. */
export interface WatchedPage extends AsyncDisposable {
  readonly page: Page;
  /** Errors and warnings of the console, errors that were thrown, and violations of the page's own policy. */
  readonly faults: string[];
  /** Addresses of other hosts that the page asked for. */
  readonly strangers: string[];
}

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
}

/** Opens a page in a context of its own: storage, cookies and network are not those of other pages. */
export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1_180, height: 760 }, ...options });
  const page = await context.newPage();
  const watched = watch(page, new URL(url).host);
  await page.goto(url);
  return { ...watched, page, [Symbol.asyncDispose]: () => context.close() };
}

/** Watches a page that is open already, such as a second tab. */
export function watch(page: Page, host: string): Pick<WatchedPage, "faults" | "strangers"> {
  const faults: string[] = [];
  const strangers: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) faults.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith("http") && url.host !== host) strangers.push(request.url());
  });
  return { faults, strangers };
}

/** Writes a picture of the page for the documents, when it is asked for. */
export async function picture(page: Page, name: string): Promise<void> {
  if (wantsScreenshots) await page.screenshot({ path: join(IMAGES, `${name}.png`) });
}
