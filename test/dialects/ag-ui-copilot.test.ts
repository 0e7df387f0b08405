/** CopilotKit's core against a relay, by the routes of its runtime. */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { MemoryStore } from "../../src/index.ts";
import { Gate, type ReplyScript } from "../../src/testing/index.ts";
import { type CopilotKit, copilotKit, copilotMissing } from "../interop/ag-ui-clients.mjs";
import { agUiSite, runInput, wireEvents } from "../support/ag-ui.ts";

/** CopilotKit asks a runtime for its agents in a page only. */
beforeEach(() => {
  const listens = (): void => undefined;
  vi.stubGlobal("window", {
    location: new URL("http://page.test"),
    addEventListener: listens,
    removeEventListener: listens,
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
});

function kept() {
  return { history: undefined, trustHistory: undefined, sessions: { store: new MemoryStore() } };
}

function shown({ agent }: CopilotKit): readonly string[] {
  return agent.messages.map(({ role, content, toolCalls }) => `${role}: ${content ?? ""}${toolCalls ? " +calls" : ""}`);
}

function ask({ agent }: CopilotKit, content: string): void {
  agent.addMessage({ id: crypto.randomUUID(), role: "user", content });
}

describe.skipIf(copilotMissing !== undefined)("CopilotKit", () => {
  test("finds its agent, and shows the reply", async () => {
    await using site = await agUiSite([{ text: ["Hel", "lo."] }]);
    const page = await copilotKit(site.url, "th");
    ask(page, "Hi");
    await page.core.runAgent({ agent: page.agent });
    expect([shown(page), page.errors]).toEqual([["user: Hi", "assistant: Hello."], []]);
  });

  test("runs a tool of the page, and gets the reply to its result", async () => {
    const scripts: readonly ReplyScript[] = [
      { steps: [{ text: "I look. " }, { toolCall: { id: "c1", name: "position", arguments: { exact: true } } }] },
      { text: "You are in Oslo." },
    ];
    await using site = await agUiSite(scripts, kept());
    const page = await copilotKit(site.url, "th");
    const inputs: unknown[] = [];
    const handler = async (input: unknown): Promise<string> => {
      inputs.push(input);
      return "Oslo";
    };
    page.core.addTool({ name: "position", description: "Where", handler });
    ask(page, "Where am I?");
    await page.core.runAgent({ agent: page.agent });
    await expect.poll(() => shown(page).at(-1)).toBe("assistant: You are in Oslo.");
    expect([inputs, page.errors]).toEqual([[{ exact: true }], []]);
    expect(site.provider.calls[1]?.messages.at(-1)).toMatchObject({ role: "tool", toolCallId: "c1", content: "Oslo" });
  });

  test("stops the run that it has begun, and no other", async () => {
    await using site = await agUiSite([{ steps: [{ text: "Half" }, { pause: new Gate() }] }, { text: "Two." }], kept());
    const page = await copilotKit(site.url, "th");
    ask(page, "1");
    const running = page.core.runAgent({ agent: page.agent });
    await expect.poll(() => shown(page).at(-1)).toBe("assistant: Half");
    page.agent.abortRun();
    await running;
    await site.provider.calls[0]?.closed;
    ask(page, "2");
    await page.core.runAgent({ agent: page.agent });
    expect(site.provider.calls[1]?.messages.map(({ content }) => content)).toEqual(["1", "Half", "2"]);
    const stop = {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"runId":"another-run-of-it"}',
    };
    expect((await fetch(`${site.url}/agent/default/stop/th`, stop)).status).toBe(404);
  });

  test("opens a thread with its conversation, also in the middle of a reply", async () => {
    const gate = new Gate();
    await using site = await agUiSite(
      [{ text: "One." }, { steps: [{ text: "It is " }, { pause: gate }, { text: "clear." }] }],
      kept(),
    );
    const first = await copilotKit(site.url, "th");
    ask(first, "1");
    await first.core.runAgent({ agent: first.agent });
    const second = await copilotKit(site.url, "th");
    await second.core.connectAgent({ agent: second.agent });
    expect(shown(second)).toEqual(["user: 1", "assistant: One."]);
    ask(first, "2");
    const running = first.core.runAgent({ agent: first.agent });
    await expect.poll(() => shown(first).at(-1)).toBe("assistant: It is ");
    const third = await copilotKit(site.url, "th");
    const connected = third.core.connectAgent({ agent: third.agent });
    await expect.poll(() => shown(third)).toEqual(["user: 1", "assistant: One.", "user: 2", "assistant: It is "]);
    gate.open();
    await Promise.all([running, connected]);
    expect(shown(third).at(-1)).toBe("assistant: It is clear.");
    expect([...first.errors, ...second.errors, ...third.errors]).toEqual([]);
  });
});

test("a new thread is empty, and one of a relay that keeps no conversations stays as the page has it", async () => {
  const path = "/agent/any/connect";
  await using keeping = await agUiSite([], kept());
  const empty = wireEvents(await (await fetch(runInput(keeping.url + path, { messages: [] }))).text());
  expect(empty.map(({ type }) => type)).toEqual(["RUN_STARTED", "MESSAGES_SNAPSHOT", "RUN_FINISHED"]);
  await using other = await agUiSite([]);
  const nothing = wireEvents(await (await fetch(runInput(other.url + path, { messages: [] }))).text());
  expect(nothing.map(({ type }) => type)).toEqual(["RUN_STARTED", "RUN_FINISHED"]);
});
