/** Front ends and providers' libraries in Chromium, on a page of another origin than the relay's or the gateway's. */

import { existsSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { agUi, aiSdk, memoryLog, type RelayOptions } from "cloudllm/server";
import { Gate, type ReplyScript } from "cloudllm/testing";
import type { Browser, Page } from "playwright-core";
import { rolldown } from "rolldown";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { breakingProxy } from "../support/breaking-proxy.ts";
import { launch, noBrowser } from "../support/browser.ts";
import { gatewaySite, KEY, testGateway } from "../support/gateway.ts";
import { type RelaySite, relaySite } from "../support/relay-site.ts";

const PROGRAMS = fileURLToPath(new URL("page-programs.mjs", import.meta.url));
const PACKAGES = [
  "@ag-ui/client",
  "@ai-sdk/react",
  "@anthropic-ai/sdk",
  "@tanstack/ai-client",
  "ai",
  "openai",
  "openai-7",
  "react-dom",
];
const isInstalled = PACKAGES.every((name) => existsSync(new URL(`node_modules/${name}`, import.meta.url)));
const missing = isInstalled ? noBrowser : "the libraries are not installed: npm ci --prefix test/interop";

const params = { model: "any", messages: [{ role: "user", content: "Hello" }] };
const REPLIES: readonly ReplyScript[] = [{ text: ["Hello ", "Ada"] }, { text: "And more" }];
const questions = ["Hi", "Go on"];
const texts = ["Hi", "Hello Ada", "Go on", "And more"];

describe.skipIf(missing)(`a page of another origin${missing === undefined ? "" : ` (${missing})`}`, () => {
  const site = createServer((_request, response) => response.end("<!doctype html><title>A page</title>"));
  let origin: string;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    const build = await rolldown({
      input: PROGRAMS,
      platform: "browser",
      logLevel: "silent",
      transform: { define: { "process.env.NODE_ENV": '"production"' } },
    });
    const { output } = await build.generate({ format: "iife", codeSplitting: false });
    await build.close();
    await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
    browser = await launch();
    page = await browser.newPage();
    await page.goto(origin);
    await page.addScriptTag({ content: output[0].code });
  });

  afterAll(async () => {
    await browser.close();
    site.closeAllConnections();
    site.close();
  });

  /** Runs a program in the page. */
  const run = (name: string, args: object): Promise<unknown> => page.evaluate(call, { name, args });

  const relayOf = (dialect: RelayOptions["dialect"], scripts = REPLIES): Promise<RelaySite> =>
    relaySite(scripts, { authorize: "public", dialect, origins: [origin], log: memoryLog() });

  describe.each(["openAi6", "openAi7", "anthropic"])("%s", (name) => {
    test("reads a reply of the gateway", async () => {
      await using at = await gatewaySite(testGateway([{ text: ["Grüße ", "🌍"] }], { origins: [origin] }));
      expect(await run(name, { origin: at.origin, key: KEY, params })).toEqual({ text: "Grüße 🌍" });
    });

    test("reads that a failure is final, with the id of its request", async () => {
      const gateway = testGateway(() => ({ refusal: { status: 500 } }), { origins: [origin] });
      await using at = await gatewaySite(gateway);
      const seen = await run(name, { origin: at.origin, key: KEY, params });
      expect(seen).toMatchObject({ name: "InternalServerError", status: 502, requestID: expect.any(String) });
      expect(gateway.model.calls).toHaveLength(1);
    });

    test("asks again after the time that the gateway names", async () => {
      const refusal = { status: 429, headers: { "retry-after-ms": "1", "retry-after": "1" } };
      const gateway = testGateway([{ refusal }, { text: "Hello" }], { origins: [origin] });
      await using at = await gatewaySite(gateway);
      expect(await run(name, { origin: at.origin, key: KEY, params })).toEqual({ text: "Hello" });
    });

    test("gets nothing where its page is not listed", async () => {
      const gateway = testGateway([], { origins: ["https://app.example"] });
      await using at = await gatewaySite(gateway);
      expect(await run(name, { origin: at.origin, key: KEY, params })).toMatchObject({ name: "APIConnectionError" });
      expect(gateway.model.calls).toHaveLength(0);
    });
  });

  test("a chat of the AI SDK shows its replies, and the last one again", async () => {
    await using at = await relayOf(aiSdk);
    expect(await run("aiSdk", { url: at.url, questions })).toEqual({ status: "ready", error: undefined, texts });
  });

  test("a chat of @ai-sdk/react whose connection broke shows the whole reply, once, when its page is shown again", async () => {
    const gate = new Gate();
    await using at = await relayOf(aiSdk, [{ steps: [{ text: "Hello " }, { pause: gate }, { text: "Ada" }] }]);
    await using proxy = await breakingProxy(at.port, () => undefined);
    const shows = (part: string) => page.waitForFunction(`globalThis.shown?.includes(${JSON.stringify(part)})`);
    const asked = page.waitForResponse(/\/th\/stream$/);
    await run("aiSdkReact", { url: `http://127.0.0.1:${proxy.port}/chat`, question: "Hi" });
    expect((await asked).status(), "nothing to resume").toBe(204);
    await shows('"ready"');
    await page.evaluate("ask()");
    await shows("Hello ");
    proxy.breakAll();
    await shows('"error"');
    gate.open();
    await page.evaluate('document.dispatchEvent(new Event("visibilitychange"))');
    await shows("Ada");
    await shows('"ready"');
    const shown = JSON.parse(String(await page.evaluate("shown"))) as object;
    expect(shown).toEqual({ status: "ready", texts: ["Hi", "Hello Ada"] });
    expect(at.provider.calls).toHaveLength(1);
  });

  test("an agent of AG-UI shows its replies", async () => {
    await using at = await relayOf(agUi);
    expect(await run("agUi", { url: at.url, questions })).toEqual({ texts });
  });

  test("a chat of TanStack AI shows its replies, also over a connection that breaks", async () => {
    const gate = new Gate();
    const halves = { steps: [{ text: "Hello " }, { pause: gate }, { text: "Ada" }] };
    await using at = await relayOf(agUi, [halves, { text: "And more" }]);
    await using proxy = await breakingProxy(at.port, () => undefined);
    const ended = run("tanStack", { url: `http://127.0.0.1:${proxy.port}/chat`, questions });
    await page.waitForFunction("globalThis.shown?.includes('Hello')");
    proxy.breakAll();
    gate.open();
    expect(await ended).toEqual({ status: "ready", errors: [], texts });
  });
});

/** Runs in the page. */
function call({ name, args }: { readonly name: string; readonly args: object }): unknown {
  return (globalThis as unknown as Record<"programs", Record<string, (args: object) => unknown>>).programs[name]?.(
    args,
  );
}
