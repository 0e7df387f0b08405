/** `useChat` of the AI SDK: pages that are reloaded, lose their connection, or are opened twice. */

import { aiSdk, memoryLog, type RelayOptions } from "cloudllm/server";
import { describe, expect } from "vitest";
import { MemoryStore } from "../../src/index.ts";
import { Gate, type ReplyScript } from "../../src/testing/index.ts";
import { aiSdkVersions, type ChatPage, partsOf, textOf, until, untilText, useAiSdk } from "../support/ai-sdk.ts";
import { breakingProxy } from "../support/breaking-proxy.ts";
import { killable } from "../support/relay.ts";
import { type RelaySite, relaySite } from "../support/relay-site.ts";

const OPEN: Omit<RelayOptions, "client"> = { authorize: "public", dialect: aiSdk, onError: () => undefined };

const site = (scripts: readonly ReplyScript[], options: Partial<RelayOptions> = {}): Promise<RelaySite> =>
  relaySite(scripts, { ...OPEN, log: memoryLog(), ...options });

/** A reply in two halves. */
function halves(): { readonly script: ReplyScript; readonly half: Gate } {
  const half = new Gate();
  return { half, script: { steps: [{ text: "Hello " }, { pause: half }, { text: "Ada" }] } };
}

/** Resolves with the conversation as the relay has it. */
async function history(
  at: RelaySite,
  { id }: ChatPage,
): Promise<readonly { readonly id: string; readonly role: string }[]> {
  return (await fetch(`${at.url}/${id}`)).json() as Promise<never>;
}

describe.each(aiSdkVersions)("ai $title", (version) => {
  const { replaces } = version;
  const { scene, open } = useAiSdk(version);

  scene("a page that shows only the question gets the whole reply, once", async () => {
    const { script, half } = halves();
    await using at = await site([script]);
    const page = await open({ url: at.url });
    await page.begin("sendMessage", { text: "Hi" });
    const { messages } = await untilText(page, "Hello ");
    const reloaded = await open({ url: at.url, id: page.id, messages: messages.slice(0, 1) });
    await reloaded.begin("resumeStream");
    await untilText(reloaded, "Hello ");
    half.open();
    const view = await until(reloaded, ({ status }) => status === "ready");
    expect(view.messages.map((message) => [message.role, textOf(message)])).toEqual([
      ["user", "Hi"],
      ["assistant", "Hello Ada"],
    ]);
    const first = await until(page, ({ status }) => status === "ready");
    expect([textOf(first.messages[1]), first.messages[1]?.id]).toEqual(["Hello Ada", view.messages[1]?.id]);
  });

  scene(
    `a page that shows half the reply ${replaces ? "shows all of it, once" : "doubles it: this version adds a replay"}`,
    async () => {
      const { script, half } = halves();
      await using at = await site([script]);
      const page = await open({ url: at.url });
      await page.begin("sendMessage", { text: "Hi" });
      const { messages } = await untilText(page, "Hello ");
      half.open();
      await until(page, ({ status }) => status === "ready");
      const reloaded = await open({ url: at.url, id: page.id, messages });
      const view = await reloaded.call("resumeStream");
      expect(view.status).toBe("ready");
      expect(view.messages).toHaveLength(2);
      expect(textOf(view.messages[1])).toBe(replaces ? "Hello Ada" : "Hello Hello Ada");
    },
  );

  scene("a page that loads the conversation from the relay in the middle of a reply gets all of it, once", async () => {
    const { script, half } = halves();
    await using at = await site([{ text: "Hm." }, script], { sessions: { store: new MemoryStore() } });
    const page = await open({ url: at.url });
    await page.call("sendMessage", { text: "Hi" });
    await page.begin("sendMessage", { text: "Again" });
    await untilText(page, "Hello ");
    const messages = await history(at, page);
    expect(
      messages.map(({ role }) => role),
      "the reply that is being written is left out",
    ).toEqual(["user", "assistant", "user"]);
    const reloaded = await open({ url: at.url, id: page.id, messages });
    await reloaded.begin("resumeStream");
    await untilText(reloaded, "Hello ");
    half.open();
    const view = await until(reloaded, ({ status }) => status === "ready");
    expect(view.messages.map(textOf)).toEqual(["Hi", "Hm.", "Again", "Hello Ada"]);
    const after = await history(at, page);
    expect(after.at(-1)?.id, "the id that the run has said").toBe(view.messages.at(-1)?.id);
  });

  scene("a page whose connection broke, and that comes back after the end, gets the whole reply", async () => {
    const { script, half } = halves();
    await using at = await site([script]);
    await using proxy = await breakingProxy(at.port, () => undefined);
    const page = await open({ url: `http://127.0.0.1:${proxy.port}/chat` });
    await page.begin("sendMessage", { text: "Hi" });
    await untilText(page, "Hello ");
    proxy.breakAll();
    const broken = await until(page, ({ status }) => status !== "streaming");
    expect(broken.status, "half is never whole").toBe("error");
    half.open();
    const view = await page.call("resumeStream");
    expect(view.status).toBe("ready");
    expect(textOf(view.messages[1])).toBe(replaces ? "Hello Ada" : "Hello Hello Ada");
  });

  scene.runIf(replaces && version.missing === undefined)(
    "a page that is reloaded after the end with the whole conversation shows it once",
    async () => {
      await using at = await site([{ text: "Hello Ada" }], { sessions: { store: new MemoryStore() } });
      const page = await open({ url: at.url });
      await page.call("sendMessage", { text: "Hi" });
      const reloaded = await open({ url: at.url, id: page.id, messages: await history(at, page) });
      const view = await reloaded.call("resumeStream");
      expect([view.status, view.messages.map(textOf)]).toEqual(["ready", ["Hi", "Hello Ada"]]);
    },
  );

  scene("a page that joined a reply stops it, and the conversation goes on from there", async () => {
    const { script } = halves();
    await using at = await site([script, { text: "Yes." }], { sessions: { store: new MemoryStore() } });
    const page = await open({ url: at.url });
    await page.begin("sendMessage", { text: "Hi" });
    const { messages } = await untilText(page, "Hello ");
    const joined = await open({ url: at.url, id: page.id, messages: messages.slice(0, 1) });
    await joined.begin("resumeStream");
    await untilText(joined, "Hello ");
    // In old versions, `stop` does nothing for a reply that was joined. The route of the relay stops it in all.
    if (replaces) expect((await joined.call("stop")).status).toBe("ready");
    await fetch(`${at.url}/${page.id}/stop`, { method: "POST", headers: { "content-type": "application/json" } });
    await until(page, ({ status }) => status === "ready");
    const view = await until(joined, ({ status }) => status === "ready");
    expect([view.error, textOf(view.messages[1])]).toEqual([undefined, "Hello "]);
    const after = await joined.call("sendMessage", { text: "Go on" });
    expect(after.messages.map(textOf)).toEqual(["Hi", "Hello ", "Go on", "Yes."]);
  });

  scene("a chat without a reply has nothing to resume, and nothing changes", async () => {
    await using at = await site([]);
    const messages = [{ id: "u1", role: "user", parts: [{ type: "text", text: "Hi" }] }];
    const page = await open({ url: at.url, messages });
    const view = await page.call("resumeStream");
    expect([view.status, view.error, view.messages]).toEqual(["ready", undefined, messages]);
  });

  scene.each([
    ["is complete", 3_000],
    ["is being written", 900], // the log has no summary of so few
  ] as const)("a long reply that %s is a few writes when it is shown again", async (_name, length) => {
    const words = Array.from({ length }, (_, index) => `word${index} `);
    const end = new Gate();
    if (length === 3_000) end.open();
    await using at = await site([{ steps: [{ text: words }, { pause: end }] }]);
    const page = await open({ url: at.url });
    await page.begin("sendMessage", { text: "Hi" });
    const { messages } = await untilText(page, words.join(""));
    if (length === 3_000) await until(page, ({ status }) => status === "ready");
    const reloaded = await open({ url: at.url, id: page.id, messages: messages.slice(0, 1) });
    await reloaded.begin("resumeStream");
    const { writes } = await untilText(reloaded, words.join(""));
    expect(writes).toBeLessThan(20);
    end.open();
  });

  scene("a chat with any name is found again", async () => {
    await using at = await site([{ text: "Hello" }, { text: "Hello" }], { path: "/chat" });
    const page = await open({ url: at.url, id: "team/ü 1?" });
    const { messages } = await page.call("sendMessage", { text: "Hi" });
    const reloaded = await open({ url: at.url, id: "team/ü 1?", messages: messages.slice(0, 1) });
    const view = await reloaded.call("resumeStream");
    const isFound = view.messages.length === 2;
    // Old versions write the name into the path as it is: a question mark ends it there.
    expect(isFound || !replaces).toBe(true);
    const slashed = await open({ url: at.url, id: "team/1" });
    await slashed.call("sendMessage", { text: "Hi" });
    const again = await open({ url: at.url, id: "team/1", messages: messages.slice(0, 1) });
    expect((await again.call("resumeStream")).messages).toHaveLength(2);
  });

  scene("a server that ends says so, and another one continues the reply for the page that loads again", async () => {
    const log = memoryLog();
    const { script } = halves();
    await using first = await site([script], { log, recover: "continue" });
    await using second = await site([{ text: "Ada" }], { log, recover: "continue" });
    const page = await open({ url: first.url });
    await page.begin("sendMessage", { text: "Hi" });
    await untilText(page, "Hello ");
    await first.relay.drain(0);
    const ended = await until(page, ({ status }) => status !== "streaming");
    expect(ended.status).toBe("error");
    expect(ended.error).toContain("Load the page again");
    expect(partsOf(ended.messages[1])).toEqual(["step-start", "text:done"]);
    const reloaded = await open({ url: second.url, id: page.id, messages: ended.messages.slice(0, 1) });
    const view = await reloaded.call("resumeStream");
    expect([view.status, textOf(view.messages[1])]).toEqual(["ready", "Hello Ada"]);
  });

  scene("a reply whose server has died is an error with its text, and never complete", async () => {
    let ahead = 0;
    const log = memoryLog({ now: () => Date.now() + ahead });
    const dying = killable(log);
    const { script } = halves();
    await using first = await site([script], { log: dying.log });
    await using second = await site([], { log });
    const page = await open({ url: first.url });
    await page.begin("sendMessage", { text: "Hi" });
    const { messages } = await untilText(page, "Hello ");
    await expect.poll(async () => (await log.read(await runOf(log, page.id)))?.entries.length).toBeGreaterThan(0);
    dying.kill();
    ahead = 60_000;
    const reloaded = await open({ url: second.url, id: page.id, messages: messages.slice(0, 1) });
    const view = await reloaded.call("resumeStream");
    expect(view).toMatchObject({ status: "error", error: "The reply ended before it was complete." });
    expect(textOf(view.messages[1])).toBe("Hello ");
    dying.wake();
  });
});

async function runOf(log: ReturnType<typeof memoryLog>, chat: string): Promise<string> {
  return (await log.latestRun(`public/${chat}`))?.run ?? "";
}
