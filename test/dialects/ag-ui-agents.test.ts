/** `HttpAgent` of `@ag-ui/client`, two versions of it, against a relay. */

import { afterEach, describe, expect, test, vi } from "vitest";
import { MemoryStore, type Tool } from "../../src/index.ts";
import { Gate, type ReplyScript } from "../../src/testing/index.ts";
import { type Agent, agentVersions, agUiMissing, httpAgent } from "../interop/ag-ui-clients.mjs";
import { agUiSite } from "../support/ag-ui.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const weather: Tool = { name: "weather", run: () => ({ sky: "clear" }) };

const JSON_TYPE = { "content-type": "application/json" };

const ask = (content: string): object => ({ id: `u-${content}`, role: "user", content });

function shown({ messages }: Agent): readonly string[] {
  return messages.map(({ role, content, toolCalls }) => `${role}: ${content ?? ""}${toolCalls ? " +calls" : ""}`);
}

describe.skipIf(agUiMissing !== undefined).each(agentVersions)("HttpAgent %s", (version) => {
  const isNew = version.startsWith("1.");
  const start = async (
    scripts: readonly ReplyScript[] | (() => ReplyScript),
    options: Parameters<typeof agUiSite>[1] = {},
    content = "How is it in Oslo?",
  ) => {
    const site = await agUiSite(scripts, options);
    const agent = await httpAgent(version, { url: site.url, threadId: "th", initialMessages: [ask(content)] });
    return { site, agent, [Symbol.asyncDispose]: () => site[Symbol.asyncDispose]() };
  };

  test("shows thinking, text, a tool of the server and its result as messages of their own", async () => {
    const warned = vi.spyOn(console, "warn");
    await using it = await start(
      [
        {
          steps: [
            { reasoning: ["Hm", "."] },
            { text: ["I ", "look. "] },
            { toolCall: { name: "weather", fragments: ['{"city":', '"Oslo"}'] } },
          ],
        },
        { text: ["It is ", "clear."], ending: { usage: { inputTokens: 7, outputTokens: 5 } } },
      ],
      { tools: [weather] },
    );
    const run = await it.agent.run();
    expect([run.rejected, run.error]).toEqual([undefined, undefined]);
    expect(shown(it.agent)).toEqual([
      "user: How is it in Oslo?",
      "reasoning: Hm.",
      "assistant: I look.  +calls",
      'tool: {"sky":"clear"}',
      "assistant: It is clear.",
    ]);
    expect(run.events.at(-1)).toMatchObject({ type: "RUN_FINISHED", threadId: "th" });
    expect(run.events[0]).toMatchObject({ type: "RUN_STARTED", threadId: "th" });
    expect(run.events[0]?.protocolVersion).toBe(isNew ? "1.0" : undefined);
    expect(warned.mock.calls, "no field or event that the client does not know").toEqual([]);
  });

  test("counts the tokens of a run", async () => {
    const usage = { inputTokens: 7, outputTokens: 5, reasoningTokens: 2, cachedInputTokens: 1, cacheWriteTokens: 3 };
    await using it = await start([{ text: "Hello", ending: { usage } }]);
    const { events } = await it.agent.run();
    const { cacheWriteTokens, ...same } = usage;
    const counted = { ...same, cacheWriteInputTokens: cacheWriteTokens, totalTokens: 12 };
    expect(events.at(-1)).toMatchObject({ usage: [{ ...counted, provider: "scripted", model: "script" }] });
  });

  test("shows text before and behind calls that overlap", async () => {
    await using it = await start(
      [
        {
          steps: [
            { text: "A" },
            { toolCall: { id: "a", name: "weather", arguments: { city: "Oslo" } } },
            { text: "B" },
            { toolCall: { id: "b", name: "weather" } },
            { text: "C" },
          ],
        },
        { steps: [{ text: "D" }, { reasoning: "Hm" }, { text: "E" }] },
      ],
      { tools: [weather] },
    );
    const run = await it.agent.run();
    expect([run.rejected, run.error]).toEqual([undefined, undefined]);
    expect(run.shown.at(-1)).toBe("ABCDE");
    const calls = it.agent.messages.flatMap(({ toolCalls }) => (toolCalls as { id: string; function: object }[]) ?? []);
    expect(calls.map(({ id, function: called }) => [id, called])).toEqual([
      ["a", { name: "weather", arguments: '{"city":"Oslo"}' }],
      ["b", { name: "weather", arguments: "{}" }],
    ]);
  });

  test("gets sources, provider's tools and pictures as events of the application's own", async () => {
    await using it = await start([
      {
        steps: [
          { citation: { url: "https://a.example/", title: "A" } },
          { text: "Look" },
          { media: { mediaType: "image/png", data: "aGk=" } },
        ],
      },
    ]);
    const run = await it.agent.run();
    expect(run.rejected).toBeUndefined();
    const customs = run.events.filter(({ type }) => type === "CUSTOM").map(({ name, value }) => [name, value]);
    expect(customs).toEqual([
      ["citation", { url: "https://a.example/", title: "A" }],
      ["media", { mediaType: "image/png", data: "aGk=" }],
    ]);
  });

  test("pictures, sounds and files of the user reach the model, and stay in the conversation", async () => {
    const source = (mimeType: string, value = "aGk=") => ({ type: "data", value, mimeType });
    const content = [
      { type: "text", text: "Look" },
      { type: "image", source: source("image/png") },
      { type: "audio", source: source("audio/wav") },
      { type: "document", source: { type: "url", value: "https://a.example/a.pdf", mimeType: "application/pdf" } },
    ];
    const store = new MemoryStore();
    await using it = await start([{ text: "I see." }], {
      history: undefined,
      trustHistory: undefined,
      sessions: { store },
    });
    it.agent.agent.setMessages([{ id: "u1", role: "user", content }]);
    const run = await it.agent.run();
    expect([run.rejected, run.error, run.shown.at(-1)]).toEqual([undefined, undefined, "I see."]);
    expect(it.site.provider.calls[0]?.messages).toEqual([
      {
        role: "user",
        content: [
          { type: "text", text: "Look" },
          { type: "image", data: "aGk=", mediaType: "image/png" },
          { type: "file", data: "aGk=", mediaType: "audio/wav" },
          { type: "file", url: "https://a.example/a.pdf", mediaType: "application/pdf" },
        ],
      },
    ]);
    const { messages } = (await (await fetch(`${it.site.url}/th`)).json()) as { messages: { content: unknown }[] };
    expect(messages[0]?.content).toEqual(content);
  });

  test("a reply is written again, whether the page keeps the conversation or the relay", async () => {
    for (const options of [
      {},
      { history: undefined, trustHistory: undefined, sessions: { store: new MemoryStore() } },
    ]) {
      await using it = await start([{ text: "One." }, { text: "Uno." }, { text: "Two." }], options, "1");
      await it.agent.run();
      it.agent.agent.setMessages(it.agent.messages.slice(0, 1));
      await it.agent.run();
      expect(shown(it.agent)).toEqual(["user: 1", "assistant: Uno."]);
      it.agent.agent.addMessage({ id: "u2", role: "user", content: "2" });
      await it.agent.run();
      const asked = it.site.provider.calls.map(({ messages }) => messages.map(({ content }) => content).join(" "));
      expect(asked).toEqual(["1", "1", "1 Uno. 2"]);
    }
  });

  test("a refusal before the reply is a rejection with its status, in the relay's words", async () => {
    await using it = await start([{ refusal: { status: 429, message: "key sk-secret" } }], {
      describe: () => undefined,
    });
    const { rejected } = await it.agent.run();
    expect(rejected).toMatchObject({ status: 429, payload: { error: { kind: "rateLimit", retryable: true } } });
    expect(String(rejected)).not.toContain("sk-secret");
  });

  test.each(["cut", "reset", { error: { message: "boom" } }] as const)(
    "a reply that fails (%j) is an error, with its text",
    async (ending) => {
      await using it = await start([{ text: "Half a", ending }]);
      const run = await it.agent.run();
      expect(run.error).toMatchObject({ type: "RUN_ERROR", code: expect.any(String), message: expect.any(String) });
      expect(run.shown.at(-1)).toBe("Half a");
    },
  );

  test("a reply that fails inside a tool call and its thinking is an error, not an exception", async () => {
    const toolCall = { name: "weather", fragments: ['{"ci'], unfinished: true } as const;
    await using it = await start([{ steps: [{ reasoning: "Hm" }, { toolCall }], ending: "cut" }]);
    const run = await it.agent.run();
    expect([run.rejected, run.error]).toEqual([undefined, expect.objectContaining({ type: "RUN_ERROR" })]);
  });

  test("a reply that was stopped on the server keeps its text, and is not a complete one for a client that knows", async () => {
    await using it = await start([{ steps: [{ text: "Half" }, { pause: new Gate() }, { text: "never" }] }]);
    const running = it.agent.run();
    await expect.poll(() => shown(it.agent).at(-1)).toBe("assistant: Half");
    const stop = await fetch(`${it.site.url}/th/stop`, { method: "POST", headers: JSON_TYPE });
    expect(await stop.json()).toMatchObject({ stopped: true });
    const run = await running;
    expect([run.rejected, run.error]).toEqual([undefined, undefined]);
    const outcome = isNew ? { type: "cancelled" } : undefined;
    expect(run.events.at(-1)).toMatchObject({ type: "RUN_FINISHED", ...(outcome && { outcome }) });
    expect("outcome" in (run.events.at(-1) ?? {})).toBe(isNew);
  });

  test("a new question stops the reply to the one before, whose stop only closed its connection", async () => {
    const gate = new Gate();
    await using it = await start([{ steps: [{ text: "Half" }, { pause: gate }] }, { text: "Two." }]);
    const running = it.agent.run();
    await expect.poll(() => shown(it.agent).at(-1)).toBe("assistant: Half");
    it.agent.agent.abortRun();
    await running;
    it.agent.agent.addMessage({ id: "u2", role: "user", content: "Go on" });
    const run = await it.agent.run();
    expect(run.shown.at(-1)).toBe("Two.");
    await it.site.provider.calls[0]?.closed;
  });

  test("goes on over turns that the server keeps, and edits one", async () => {
    const store = new MemoryStore();
    const { agent, site } = await start(
      [{ text: "One." }, { text: "Two." }, { text: "Two, edited." }],
      {
        history: undefined,
        trustHistory: undefined,
        sessions: { store },
      },
      "1",
    );
    await using _site = site;
    await agent.run();
    const before = [...agent.messages];
    agent.agent.addMessage({ id: "u2", role: "user", content: "2" });
    await agent.run();
    agent.agent.setMessages([...before, { id: "u2b", role: "user", content: "2b" }]);
    const run = await agent.run();
    expect(run.shown.at(-1)).toBe("Two, edited.");
    expect(site.provider.calls.at(-1)?.messages.map(({ content }) => content)).toEqual(["1", "One.", "2b"]);
    const { messages } = (await (await fetch(`${site.url}/th`)).json()) as { messages: object[] };
    const loaded = await httpAgent(version, { url: site.url, threadId: "th", initialMessages: messages });
    expect(shown(loaded)).toEqual(["user: 1", "assistant: One.", "user: 2b", "assistant: Two, edited."]);
  });

  test("its own tools get their calls, and the relay its signed results", async () => {
    const scripts: readonly ReplyScript[] = [
      { steps: [{ text: "I look. " }, { toolCall: { id: "c1", name: "position", arguments: { exact: true } } }] },
      { text: "You are in Oslo." },
    ];
    await using it = await start(scripts, {
      history: "signed",
      secret: "a secret of at least 32 characters",
      trustHistory: false,
    });
    const tools = [{ name: "position", description: "Where", parameters: { type: "object", properties: {} } }];
    const first = await it.agent.run({ tools });
    const last = first.events.at(-1);
    if (isNew) expect(last).toMatchObject({ outcome: { type: "success", pendingToolCallIds: ["c1"] } });
    else expect(last).not.toHaveProperty("outcome");
    expect(it.site.provider.calls[0]?.options.tools).toMatchObject([{ name: "position" }]);
    it.agent.agent.addMessage({ id: "r1", role: "tool", toolCallId: "c1", content: "Oslo" });
    const second = await it.agent.run({ tools });
    expect([second.rejected, second.error]).toEqual([undefined, undefined]);
    expect(second.shown.at(-1)).toContain("You are in Oslo.");
    expect(it.site.provider.calls[1]?.messages.map(({ role }) => role)).toEqual(["user", "assistant", "tool"]);
  });

  test("a connection that ends before its reply, because the server does, is an error", async () => {
    const { agent, site } = await start([{ steps: [{ text: "Half" }, { pause: new Gate() }] }]);
    const running = agent.run();
    await expect.poll(() => shown(agent).at(-1)).toBe("assistant: Half");
    void site.relay.drain(0);
    const { error, rejected } = await running;
    expect([error?.code, rejected]).toEqual(["truncated", undefined]);
    await site[Symbol.asyncDispose]();
  });
});
