/** The chat page over a provider that plays a script: what tests of the page share. */

import { type ProviderServer, type ReplyScript, startProviderServer } from "cloudllm/testing";
import type { Browser, BrowserContextOptions, Locator, Page } from "playwright-core";
import { expect } from "vitest";
import { openPage, type WatchedPage } from "./browser.ts";
import { type Served, startServed } from "./served.ts";

/** A page, its server, and the provider behind it. Disposed of, it fails when the page had a fault. */
export interface PageSite extends AsyncDisposable {
  readonly page: Page;
  readonly served: Served;
  readonly provider: ProviderServer;
  readonly watched: WatchedPage;
}

/** Differences from the usual site. */
export interface PageSiteOptions {
  /** More arguments of `cloudllm serve`. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly context?: BrowserContextOptions;
  /** Returns the address that the page is opened at, such as that of a proxy before the server. */
  readonly through?: (served: Served) => Promise<string>;
}

export async function pageSite(
  browser: Browser,
  replies: readonly ReplyScript[],
  { args = [], env = {}, context = {}, through = async ({ url }) => url }: PageSiteOptions = {},
): Promise<PageSite> {
  const provider = await startProviderServer(replies);
  const served = await startServed(["--base-url", provider.baseUrl, "--model", "gpt-6-luna", ...args], { env });
  const watched = await openPage(browser, await through(served), context);
  return {
    page: watched.page,
    served,
    provider,
    watched,
    [Symbol.asyncDispose]: async () => {
      await watched[Symbol.asyncDispose]();
      await served[Symbol.asyncDispose]();
      await provider.close();
      expect({ faults: watched.faults, strangers: watched.strangers }).toEqual({ faults: [], strangers: [] });
    },
  };
}

/** Writes a message and sends it. */
export async function say(page: Page, text: string): Promise<void> {
  await page.locator("#app:not([aria-busy])").waitFor();
  await messageBox(page).fill(text);
  await page.keyboard.press("Enter");
}

export function messageBox(page: Page): Locator {
  return page.getByLabel("Message", { exact: true });
}

/** The reply that has this text. */
export function reply(page: Page, text: string): Locator {
  return page.locator(".reply", { hasText: text });
}

/** Resolves when a reply with this text is complete. */
export function completed(page: Page, text: string): Promise<void> {
  return page.locator(".reply.is-complete", { hasText: text }).waitFor();
}
