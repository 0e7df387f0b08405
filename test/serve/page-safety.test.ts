/** The chat page as a guard: text of others in the browser itself, its policy, its weight, the sign-in. */

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { ReplyScript } from "cloudllm/testing";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch, noBrowser, openPage } from "../support/browser.ts";
import { completed, messageBox, type PageSiteOptions, pageSite, say } from "../support/page-site.ts";
import { ask, startServed } from "../support/served.ts";

const PAGE = fileURLToPath(new URL("../../dist/page/", import.meta.url));

/** All that the page may weigh, compressed. */
const MAX_BYTES = 80 * 1_024;

test("the page weighs at most 80 kB, with everything that it needs", async () => {
  await using served = await startServed(["--provider", "embedded"]);
  let bytes = 0;
  for (const name of readdirSync(PAGE)) {
    const { status, headers } = await ask(`${served.url}/${name === "index.html" ? "" : name}`, {
      "accept-encoding": "gzip",
    });
    expect({ name, status, encoding: headers["content-encoding"] }).toEqual({ name, status: 200, encoding: "gzip" });
    bytes += Number(headers["content-length"] ?? gzipSync(readFileSync(PAGE + name), { level: 9 }).length);
  }
  expect(bytes).toBeGreaterThan(10_000);
  expect(bytes).toBeLessThan(MAX_BYTES);
});

test("a browser that has the page is not sent it again", async () => {
  await using served = await startServed(["--provider", "embedded"]);
  const { etag } = (await ask(`${served.url}/main.js`)).headers;
  const again = await ask(`${served.url}/main.js`, { "if-none-match": String(etag) });
  expect({ status: again.status, body: again.body }).toEqual({ status: 304, body: "" });
});

test("the page has no script or style of its own in its text, and names no other host", () => {
  const html = readFileSync(`${PAGE}index.html`, "utf8");
  expect(html).not.toMatch(/<script(?![^>]* src="\/)|<style|\sstyle=|\son\w+=/i);
  expect(html).not.toMatch(/https?:/);
});

describe.skipIf(noBrowser !== undefined)(`in a browser${noBrowser ? ` (${noBrowser})` : ""}`, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(() => browser?.close());

  const siteWith = (replies: readonly ReplyScript[], options?: PageSiteOptions) => pageSite(browser, replies, options);

  const HOSTILE = [
    "<script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'>",
    "<svg onload='window.hacked = 1'></svg>",
    "![pixel](http://203.0.113.1/pixel.png)",
    "[click](javascript:window.hacked=1)",
    "<style>body { display: none }</style>",
    "<iframe src='http://203.0.113.1/'></iframe>",
    '<a href="javascript:window.hacked=1">x</a>',
    "```html\n<script>window.hacked = 1</script>\n```",
    "<base href='http://203.0.113.1/'><form action='http://203.0.113.1/'><input name=q autofocus></form>",
  ].join("\n\n");

  test("neither a model, nor a tool, nor the user can put markup into the page", async () => {
    const citation = { url: "http://203.0.113.1/<img>", title: HOSTILE };
    await using site = await siteWith([{ steps: [{ reasoning: HOSTILE }, { text: HOSTILE }, { citation }] }], {
      args: ["--provider", "openai"],
      env: { OPENAI_API_KEY: "sk-of-the-tests" },
    });
    const { page } = site;
    await say(page, HOSTILE);
    await completed(page, "window.hacked");
    const found = await page.evaluate(() => ({
      hacked: "hacked" in window,
      foreign: [
        ...document.querySelectorAll("#turns :is(script, style, iframe, object, embed, link, base, img, input)"),
      ].length,
      links: [...document.querySelectorAll<HTMLAnchorElement>("#turns a")].map(
        ({ protocol, rel }) => `${protocol} ${rel}`,
      ),
      handlers: [...document.querySelectorAll("#turns *")].flatMap((element) =>
        element.getAttributeNames().filter((name) => name.startsWith("on") || name === "style"),
      ),
    }));
    expect(found).toMatchObject({ hacked: false, foreign: 0, handlers: [] });
    expect(new Set(found.links)).toEqual(new Set(["http: noopener noreferrer"]));
    expect(await page.title()).toContain("<script>");
  });

  test("its own policy stops what would get through", async () => {
    await using site = await siteWith([]);
    const { page, watched } = site;
    const blocked = await page.evaluate(async () => {
      const reports: string[] = [];
      document.addEventListener("securitypolicyviolation", ({ effectiveDirective }) =>
        reports.push(effectiveDirective),
      );
      const inline = document.createElement("script");
      try {
        inline.textContent = "window.hacked = 1";
        document.head.append(inline);
      } catch {
        reports.push("trusted types");
      }
      try {
        document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.hacked = 1'>");
      } catch {
        reports.push("trusted types");
      }
      const picture = new Image();
      picture.src = "http://203.0.113.1/pixel.png";
      document.body.append(picture);
      await fetch("http://203.0.113.1/").catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 200));
      return { hacked: "hacked" in window, reports: [...new Set(reports)].sort() };
    });
    expect(blocked.hacked).toBe(false);
    expect(blocked.reports).toEqual(expect.arrayContaining(["connect-src", "img-src", "trusted types"]));
    // The violations that were provoked.
    watched.faults.splice(0);
    watched.strangers.splice(0);
  });

  test.each(["full", "blocked"])("a browser whose storage is %s shows the page, and can send", async (how) => {
    await using site = await siteWith([{ text: "Welcome." }]);
    const { page } = site;
    await page.addInitScript((isBlocked) => {
      const refuse = () => {
        throw new DOMException("No.", "SecurityError");
      };
      Storage.prototype.setItem = refuse;
      if (!isBlocked) return;
      for (const name of ["localStorage", "sessionStorage"]) Object.defineProperty(window, name, { get: refuse });
      window.BroadcastChannel = new Proxy(BroadcastChannel, { construct: refuse }); // as in Firefox
    }, how === "blocked");
    await page.reload();
    await say(page, "Hello");
    await completed(page, "Welcome.");
    await page.getByRole("button", { name: /^Colours/ }).click();
    await page.getByRole("button", { name: "Colours: light" }).waitFor();
  });

  test("the token is asked for once, kept out of the reach of scripts, and out of addresses", async () => {
    const token = "a-token-of-the-tests";
    await using site = await siteWith([{ text: "Welcome." }], { env: { CLOUDLLM_TOKEN: token } });
    const { page, watched } = site;
    await page.getByLabel("Token").fill("wrong-token-of-the-tests");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText("That is not the token of this server.").waitFor();
    expect(await messageBox(page).isVisible()).toBe(false);
    await page.getByLabel("Token").fill(token);
    await page.getByRole("button", { name: "Sign in" }).click();
    await say(page, "Hello");
    await completed(page, "Welcome.");
    await page.reload();
    await completed(page, "Welcome.");
    const seen = await page.evaluate(() =>
      [document.cookie, location.href, JSON.stringify({ ...localStorage, ...sessionStorage })].join(),
    );
    expect(seen).not.toContain(token);
    expect(await page.evaluate(() => document.cookie)).toBe("");
    expect(watched.faults.splice(0).every((fault) => fault.includes("401"))).toBe(true);
    await using stranger = await openPage(browser, site.served.url);
    await stranger.page.getByLabel("Token").waitFor();
  });
});
