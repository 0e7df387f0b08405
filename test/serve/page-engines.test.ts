/** The chat page in Firefox and in WebKit: its core, where engines differ. Chromium has the other tests of the page. */

import { Gate, type ReplyScript, startProviderServer } from "cloudllm/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { breakingProxy } from "../support/breaking-proxy.ts";
import { startServed } from "../support/served.ts";
import { type Engine, type EngineName, KEYS, noEngine, startEngine } from "../support/webdriver.ts";

const LONG = `${"unbroken".repeat(60)}\n\n| ${"column | ".repeat(14)}\n|${"--|".repeat(14)}\n\n\`\`\`js\n${"x = 1; ".repeat(60)}\n\`\`\`\n`;

describe.each<EngineName>(["firefox", "webkit"])("the page in %s", (name) => {
  const missing = noEngine(name);
  let engine: Engine;
  beforeAll(async () => {
    if (missing === undefined) engine = await startEngine(name);
  }, 60_000);
  afterAll(() => engine?.[Symbol.asyncDispose]());

  /** A server behind a link that can be cut, and its page. Disposed of, it fails when the page had a fault. */
  async function siteWith(replies: readonly ReplyScript[]) {
    const provider = await startProviderServer(replies);
    const served = await startServed(["--base-url", provider.baseUrl, "--model", "gpt-6-luna"]);
    let isCut = false;
    const link = await breakingProxy(Number(new URL(served.url).port), () =>
      isCut ? { afterBytes: 1, how: "reset" } : undefined,
    );
    const url = `http://localhost:${link.port}/`;
    await engine.show(url);
    return {
      url,
      provider,
      cut() {
        isCut = true;
        link.breakAll();
      },
      mend() {
        isCut = false;
      },
      async [Symbol.asyncDispose]() {
        const faults = await engine.faults();
        await link[Symbol.asyncDispose]();
        await served[Symbol.asyncDispose]();
        await provider.close();
        expect(faults).toEqual([]);
      },
    };
  }

  const say = async (text: string): Promise<void> => {
    await engine.until(() => document.querySelector("#app:not([aria-busy])") !== null);
    await engine.until(() => document.querySelector("#welcome:not([hidden]), .turn") !== null);
    await engine.click("#text");
    await engine.press(...text, KEYS.Enter);
  };

  /** A reply that waits in the middle of a word. */
  function halved(): { readonly script: ReplyScript; readonly gate: Gate } {
    const gate = new Gate();
    return {
      gate,
      script: { steps: [{ text: "It was a dark and **stor" }, { pause: gate }, { text: "my** night." }] },
    };
  }

  const inPage = (label: string, run: () => Promise<void>) =>
    test.skipIf(missing !== undefined)(missing === undefined ? label : `${label} (${missing})`, run, 60_000);

  inPage("a message is written by keyboard, and its reply is shown while it is written", async () => {
    const { script, gate } = halved();
    await using site = await siteWith([{ text: "Hello." }, script]);
    await engine.shows("main", "What would you like to know?");
    await engine.press(..."One");
    await engine.pressWith(KEYS.Shift, KEYS.Enter);
    await engine.press(..."two", KEYS.Enter);
    await engine.shows(".reply.is-complete", "Hello.");
    expect(await engine.run(() => document.querySelector<HTMLElement>(".bubble")?.innerText)).toBe("One\ntwo");
    expect(await engine.run(() => document.activeElement?.id)).toBe("text");
    await engine.press(..."More", KEYS.Enter);
    await engine.shows(".reply.is-writing", "dark and stor");
    gate.open();
    await engine.shows(".reply.is-complete", "It was a dark and stormy night.");
    expect(await engine.run(() => document.querySelector(".reply strong")?.textContent)).toBe("stormy");
    await engine.shows(".figures", "s to first token");
    expect(site.provider.requests).toHaveLength(2);
  });

  inPage("Escape stops the reply, and what has come of it stays", async () => {
    await using site = await siteWith([{ steps: [{ text: "For ever and" }, { pause: new Gate() }] }, { text: "Yes." }]);
    await say("Go on");
    await engine.shows(".reply", "For ever and");
    await engine.press(KEYS.Escape);
    await engine.shows(".reply.is-interrupted", "For ever and");
    await site.provider.requests[0]?.closed;
    await say("There?");
    await engine.shows(".reply.is-complete", "Yes.");
  });

  inPage("a reload in the middle of a word continues the word, and the provider is asked once", async () => {
    const { script, gate } = halved();
    await using site = await siteWith([script]);
    await say("A story");
    await engine.shows(".reply", "dark and stor");
    expect(await engine.faults()).toEqual([]);
    await engine.reload();
    await engine.shows(".reply.is-writing", "dark and stor");
    gate.open();
    await engine.shows(".reply.is-complete", "It was a dark and stormy night.");
    expect(await engine.run(() => document.querySelectorAll(".turn").length)).toBe(2);
    expect(site.provider.requests).toHaveLength(1);
  });

  inPage("a lost connection is said, made again, and costs no word", async () => {
    const { script, gate } = halved();
    await using site = await siteWith([script]);
    await say("A story");
    await engine.shows(".reply", "dark and stor");
    site.cut();
    await engine.shows("[role=status]", "Reconnecting");
    gate.open();
    site.mend();
    await engine.shows(".reply.is-complete", "It was a dark and stormy night.");
    await engine.until(() => document.querySelector<HTMLElement>(".notice")?.innerText === "");
    expect(site.provider.requests).toHaveLength(1);
  });

  inPage("a second tab sees the reply as it is written, and stops it for both", async () => {
    const { script } = halved();
    await using site = await siteWith([script]);
    await say("A story");
    await engine.shows(".reply", "dark and stor");
    const toFirst = await engine.openTab(await engine.run(() => location.href));
    await engine.shows(".reply.is-writing", "dark and stor");
    await engine.shows("nav a", "A story");
    await engine.click("#send");
    await engine.shows(".reply.is-interrupted", "dark and");
    expect(await engine.faults()).toEqual([]);
    await toFirst();
    await engine.shows(".figures", "stopped");
    await site.provider.requests[0]?.closed;
  });

  inPage("a narrow window has no bar to scroll sideways, and its list in a drawer", async () => {
    await using _site = await siteWith([{ text: LONG }]);
    await engine.resize(400, 800);
    await say("Wide");
    await engine.shows(".reply.is-complete", "column");
    const wide = await engine.run(() =>
      [document.documentElement, document.querySelector("#thread")].map(
        (box) => (box?.scrollWidth ?? 0) - (box?.clientWidth ?? 0),
      ),
    );
    expect(wide).toEqual([0, 0]);
    await engine.click("#open-menu");
    await engine.until(() => document.activeElement?.id === "close-menu");
    await engine.press(KEYS.Escape);
    await engine.until(() => document.activeElement?.id === "open-menu");
    await engine.resize(1_180, 760);
  });

  inPage("the page has the colours of the system, and those that are chosen", async () => {
    await using _site = await siteWith([]);
    const ground = () => engine.run(() => getComputedStyle(document.documentElement).backgroundColor);
    const dark = await ground();
    expect(await engine.run(() => matchMedia("(prefers-color-scheme: dark)").matches)).toBe(true);
    await engine.click("#theme");
    await engine.shows("#theme", "Colours: light");
    const light = await ground();
    expect(light).not.toBe(dark);
    await engine.reload();
    expect(await ground()).toBe(light);
    await engine.click("#theme");
    await engine.click("#theme");
    expect(await ground()).toBe(dark);
  });
});
