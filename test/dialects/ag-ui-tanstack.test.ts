/** A chat of TanStack AI against a relay. */

import { describe, expect, test } from "vitest";
import { MemoryStore, type Tool } from "../../src/index.ts";
import { memoryLog } from "../../src/server/index.ts";
import { Gate, type ReplyScript } from "../../src/testing/index.ts";
import { agUiMissing, type Chat, type Loose, tanStackChat } from "../interop/ag-ui-clients.mjs";
import { agUiSite } from "../support/ag-ui.ts";

const weather: Tool = { name: "weather", run: () => ({ sky: "clear" }) };
const KEPT = { history: undefined, trustHistory: undefined };

/** A tool that runs in the page, and how often it did. */
function position() {
  const inputs: unknown[] = [];
  const execute = (input: unknown): string => {
    inputs.push(input);
    return "Oslo";
  };
  return { inputs, tool: { name: "position", description: "Where the page is", __toolSide: "client", execute } };
}

function partsOf({ client }: Chat): readonly string[] {
  return client
    .getMessages()
    .map(({ role, parts }) =>
      [role, ...parts.map(({ type, content, name }) => `${type}:${content ?? name}`)].join(" "),
    );
}

/** Texts that the page shows only grow: nothing is doubled, and nothing flickers. */
function expectGrowing({ seen }: Chat): void {
  for (const [index, text] of seen.shown.entries()) {
    const before = seen.shown[index - 1] ?? "";
    if (!text.startsWith(before)) expect.soft(text, "it only grows").toBe(`${before}…`);
  }
}

describe.skipIf(agUiMissing !== undefined)("a chat of TanStack AI", () => {
  test("shows thinking, text and a tool of the server", async () => {
    await using site = await agUiSite(
      [
        {
          steps: [
            { reasoning: ["Hm", "."] },
            { text: ["I ", "look. "] },
            { toolCall: { name: "weather", fragments: ['{"city":', '"Oslo"}'] } },
          ],
        },
        { steps: [{ text: "It is " }, { reasoning: "Is it?" }, { text: "clear." }] },
      ],
      { tools: [weather] },
    );
    const chat = await tanStackChat({ url: site.url });
    await chat.client.sendMessage("How is it in Oslo?");
    expect(chat.seen.errors).toEqual([]);
    expect(chat.textOf()).toBe("I look. It is clear.");
    expect(partsOf(chat)).toEqual([
      "user text:How is it in Oslo?",
      'assistant thinking:Hm. text:I look.  tool-call:weather tool-result:{"sky":"clear"}',
      "assistant text:It is  thinking:Is it?",
      "assistant text:clear.",
    ]);
    expectGrowing(chat);
    expect(chat.client.getStatus()).toBe("ready");
  });

  test("a tool of the server that fails is shown as failed", async () => {
    const failing: Tool = {
      name: "weather",
      run: () => {
        throw new Error("no network");
      },
    };
    await using site = await agUiSite([{ steps: [{ toolCall: { name: "weather" } }] }, { text: "No idea." }], {
      tools: [failing],
    });
    const chat = await tanStackChat({ url: site.url });
    await chat.client.sendMessage("Weather?");
    const states = chat.client.getMessages().flatMap(({ parts }) => parts.map(({ type, state }) => [type, state]));
    expect(states).toContainEqual(["tool-call", "error"]);
    expect(states).toContainEqual(["tool-result", "error"]);
  });

  test.each([
    ["the relay keeps the conversation", { ...KEPT, sessions: { store: new MemoryStore() } }],
    ["the page keeps it", {}],
    [
      "the relay signs its calls",
      { history: "signed", secret: "a secret of at least 32 characters", trustHistory: false },
    ],
  ] as const)("runs a tool of the page once, and gets the reply to its result, where %s", async (_name, options) => {
    const scripts: readonly ReplyScript[] = [
      { steps: [{ text: "I look. " }, { toolCall: { id: "c1", name: "position", arguments: { exact: true } } }] },
      { text: "You are in Oslo." },
      { text: "Yes." },
    ];
    await using site = await agUiSite(scripts, options);
    const { tool, inputs } = position();
    const chat = await tanStackChat({ url: site.url, chat: { tools: [tool] } });
    await chat.client.sendMessage("Where am I?");
    await expect.poll(() => chat.textOf()).toBe("I look. You are in Oslo.");
    expect([inputs, chat.seen.errors]).toEqual([[{ exact: true }], []]);
    expect(site.provider.calls[1]?.messages.map(({ role, content }) => `${role} ${content}`)).toEqual([
      "user Where am I?",
      "assistant I look. ",
      "tool Oslo",
    ]);
    await chat.client.sendMessage("Sure?");
    expect(chat.textOf()).toBe("Yes.");
  });

  test("a tool that the server may not leave to the page is not one", async () => {
    await using site = await agUiSite([{ text: "I cannot." }], { clientTools: false });
    const chat = await tanStackChat({ url: site.url, chat: { tools: [position().tool] } });
    await chat.client.sendMessage("Where am I?");
    expect(site.provider.calls[0]?.options.tools).toBeUndefined();
  });

  test("pictures and files of the user reach the model, and sources and pictures of the reply the page", async () => {
    const steps = [
      { citation: { url: "https://a.example/", title: "A" } },
      { text: "I see." },
      { media: { mediaType: "image/png", data: "aGk=" } },
    ];
    const options = { ...KEPT, sessions: { store: new MemoryStore() } };
    await using site = await agUiSite([{ steps }], options);
    const chat = await tanStackChat({ url: site.url, chat: { threadId: "th", persistence: true } });
    const part = (type: string, mimeType: string) => ({ type, source: { type: "data", value: "aGk=", mimeType } });
    const content = [
      { type: "text", content: "Look" },
      part("image", "image/png"),
      part("audio", "audio/wav"),
      part("document", "application/pdf"),
    ];
    await chat.client.sendMessage({ content });
    expect([chat.seen.errors, chat.textOf()]).toEqual([[], "I see."]);
    expect(site.provider.calls[0]?.messages[0]?.content).toEqual([
      { type: "text", text: "Look" },
      { type: "image", data: "aGk=", mediaType: "image/png" },
      { type: "file", data: "aGk=", mediaType: "audio/wav" },
      { type: "file", data: "aGk=", mediaType: "application/pdf" },
    ]);
    expect(chat.seen.customs).toEqual([
      { name: "citation", value: { url: "https://a.example/", title: "A" } },
      { name: "media", value: { mediaType: "image/png", data: "aGk=" } },
    ]);
    const again = await tanStackChat({ url: site.url, chat: { threadId: "th", persistence: true } });
    again.client.attach();
    await expect.poll(() => again.client.getMessages()[0]?.parts).toMatchObject(content);
  });

  test("a message that is edited takes the place of the one before, and of everything after it", async () => {
    const replies = ["One.", "Two.", "Uno."].map((text) => ({ text }));
    await using site = await agUiSite(replies, { ...KEPT, sessions: { store: new MemoryStore() } });
    const chat = await tanStackChat({ url: site.url, chat: { threadId: "th" } });
    await chat.client.sendMessage("1");
    await chat.client.sendMessage("2");
    chat.client.setMessagesManually(chat.client.getMessages().slice(0, 2));
    await chat.client.sendMessage("2, edited");
    const asked = site.provider.calls.map(({ messages }) => messages.map(({ content }) => content).join(" "));
    expect(asked).toEqual(["1", "1 One. 2", "1 One. 2, edited"]);
  });

  test("a refusal is an error", async () => {
    await using site = await agUiSite([{ refusal: { status: 429 } }]);
    const chat = await tanStackChat({ url: site.url });
    await chat.client.sendMessage("Hello");
    expect(chat.client.getStatus()).toBe("error");
    expect(String(chat.seen.errors[0])).toContain("429");
  });

  test.each(["cut", "reset", { error: { message: "boom" } }] as const)(
    "a reply that fails (%j) is an error, with its text, and is not asked for again",
    async (ending) => {
      await using site = await agUiSite([{ text: "Half a", ending }]);
      const chat = await tanStackChat({ url: site.url });
      await chat.client.sendMessage("Hello");
      expect([chat.client.getStatus(), chat.textOf()]).toEqual(["error", "Half a"]);
      expect(site.provider.calls.length).toBe(1);
    },
  );

  test("a reply that was stopped on the server keeps its text", async () => {
    await using site = await agUiSite([{ steps: [{ text: "Half" }, { pause: new Gate() }] }]);
    const chat = await tanStackChat({ url: site.url, chat: { threadId: "th" } });
    const sending = chat.client.sendMessage("Hello");
    await expect.poll(() => chat.textOf()).toBe("Half");
    const headers = { "content-type": "application/json" };
    await fetch(`${site.url}/th/stop`, { method: "POST", headers });
    await sending;
    expect([chat.client.getStatus(), chat.seen.errors]).toEqual(["ready", []]);
  });

  test("a new question stops the reply to the one before, whose stop only closed its connection", async () => {
    await using site = await agUiSite([{ steps: [{ text: "Half" }, { pause: new Gate() }] }, { text: "Two." }]);
    const chat = await tanStackChat({ url: site.url, chat: { threadId: "th" } });
    const sending = chat.client.sendMessage("1");
    await expect.poll(() => chat.textOf()).toBe("Half");
    chat.client.stop();
    await sending;
    await chat.client.sendMessage("2");
    expect([chat.textOf(), chat.seen.errors]).toEqual(["Two.", []]);
    await site.provider.calls[0]?.closed;
  });

  test.each([
    ["stop", "stop"],
    ["length", "length"],
    ["contentFilter", "content_filter"],
    ["refusal", "content_filter"],
  ] as const)("the end of a run says that it was %s", async (finishReason, said) => {
    await using site = await agUiSite([{ text: "Hello", ending: { finishReason } }]);
    const ends: unknown[] = [];
    const onChunk = (event: Loose) => event.type === "RUN_FINISHED" && ends.push(event.metadata);
    const chat = await tanStackChat({ url: site.url, chat: { onChunk } });
    await chat.client.sendMessage("Hi");
    expect(ends).toEqual([{ tanstack: { finishReason: said } }]);
  });

  test("asks again, and asks on, in a conversation that the relay keeps", async () => {
    const replies = ["One.", "Uno.", "Two."].map((text) => ({ text }));
    await using site = await agUiSite(replies, { ...KEPT, sessions: { store: new MemoryStore() } });
    const chat = await tanStackChat({ url: site.url, chat: { threadId: "th" } });
    await chat.client.sendMessage("1");
    await chat.client.reload();
    expect(chat.textOf()).toBe("Uno.");
    await chat.client.sendMessage("2");
    const asked = site.provider.calls.map(({ messages }) => messages.map(({ content }) => content).join(" "));
    expect(asked).toEqual(["1", "1", "1 Uno. 2"]);
  });
});

describe.skipIf(agUiMissing !== undefined)("a page of TanStack AI that is loaded again", () => {
  const scripts = (gate: Gate): readonly ReplyScript[] => [
    { text: "One." },
    {
      steps: [{ text: "I look. " }, { toolCall: { id: "w", name: "weather", arguments: { city: "Oslo" } } }],
    },
    { steps: [{ text: ["It ", "is "] }, { pause: gate }, { text: ["cle", "ar."] }] },
  ];

  const loaded = (url: string, options: Loose = {}): Promise<Chat> =>
    tanStackChat({ url, chat: { threadId: "th", persistence: true, ...options } });

  test("continues in the middle of a reply, in a second tab also", async () => {
    const gate = new Gate();
    const store = new MemoryStore();
    await using site = await agUiSite(scripts(gate), { ...KEPT, sessions: { store }, tools: [weather] });
    const first = await loaded(site.url);
    await first.client.sendMessage("1");
    const sending = first.client.sendMessage("How is it?");
    await expect.poll(() => first.textOf()).toBe("I look. It is ");
    const second = await loaded(site.url);
    second.client.attach();
    await expect.poll(() => second.textOf()).toBe("I look. It is ");
    expect(partsOf(second).slice(0, 3)).toEqual(["user text:1", "assistant text:One.", "user text:How is it?"]);
    gate.open();
    await sending;
    await expect.poll(() => second.client.getStatus()).toBe("ready");
    expect([first.textOf(), second.textOf()]).toEqual(["I look. It is clear.", "I look. It is clear."]);
    expectGrowing(second);
    const third = await loaded(site.url);
    third.client.attach();
    await expect.poll(() => partsOf(third).length).toBe(5);
    expect(third.textOf()).toBe("I look. It is clear.");
    expect([...first.seen.errors, ...second.seen.errors, ...third.seen.errors]).toEqual([]);
  });

  test.each([
    ["the question", 1],
    ["half the reply", 2],
  ])("comes back to the run that it has stored itself, with %s", async (_name, stored) => {
    const gate = new Gate();
    await using site = await agUiSite([{ steps: [{ text: "Half, " }, { pause: gate }, { text: "whole." }] }]);
    const first = await tanStackChat({ url: site.url, chat: { threadId: "th" } });
    const sending = first.client.sendMessage("Hello");
    await expect.poll(() => first.textOf()).toBe("Half, ");
    const runId = first.client.getCurrentRunId();
    const second = await tanStackChat({
      url: site.url,
      chat: {
        threadId: "th",
        initialMessages: first.client.getMessages().slice(0, stored),
        initialResumeSnapshot: { resumeState: { threadId: "th", runId } },
      },
    });
    second.client.attach();
    await expect.poll(() => second.textOf()).toBe("Half, ");
    gate.open();
    await sending;
    await expect.poll(() => second.textOf()).toBe("Half, whole.");
    expect(site.provider.calls.length).toBe(1);
  });

  test("loads earlier messages page by page, and asks on", async () => {
    const store = new MemoryStore();
    await using site = await agUiSite(() => ({ text: "Yes." }), { ...KEPT, sessions: { store } });
    const first = await loaded(site.url);
    for (const question of ["1", "2", "3"]) await first.client.sendMessage(question);
    const second = await loaded(site.url, { history: { pageSize: 4 } });
    second.client.attach();
    const ids = (): readonly string[] => second.client.getMessages().map(({ id }) => id);
    await expect.poll(ids).toEqual(["m3", "m4", "m5", "m6"]);
    await second.client.loadOlderMessages();
    expect([ids(), second.client.getHasOlderMessages()]).toEqual([["m1", "m2", "m3", "m4", "m5", "m6"], false]);
    await second.client.sendMessage("4");
    expect(
      site.provider.calls
        .at(-1)
        ?.messages.map(({ content }) => content)
        .join(" "),
    ).toBe("1 Yes. 2 Yes. 3 Yes. 4");
  });

  test("asks again in a part of the conversation: the question is there once, whoever has sent it, and when", async () => {
    const store = new MemoryStore();
    let number = 0;
    const failing = new Set<number>();
    const script = (): ReplyScript => {
      const now = ++number;
      return failing.has(now) ? { refusal: { status: 400 } } : { text: `Yes ${now}.` };
    };
    await using site = await agUiSite(script, { ...KEPT, sessions: { store }, log: memoryLog({ keepMs: 1 }) });
    const asked = (): string => (site.provider.calls.at(-1)?.messages ?? []).map(({ content }) => content).join(" ");
    const first = await loaded(site.url);
    for (const question of ["one", "again", "again"]) await first.client.sendMessage(question);
    const second = await loaded(site.url, { history: { pageSize: 2 } });
    second.client.attach();
    await expect.poll(() => second.client.getMessages().map(({ id }) => id)).toEqual(["m5", "m6"]);
    for (const attempt of [4, 5]) {
      await second.client.reload();
      expect([asked(), second.textOf()]).toEqual(["one Yes 1. again Yes 2. again", `Yes ${attempt}.`]);
    }
    await second.client.sendMessage("again");
    failing.add(8);
    for (const attempt of [7, 8, 9]) {
      await second.client.reload();
      expect(asked()).toBe("one Yes 1. again Yes 2. again Yes 5. again");
      if (!failing.has(attempt)) expect(second.textOf()).toBe(`Yes ${attempt}.`);
    }
    await second.client.sendMessage("again");
    expect(asked()).toBe("one Yes 1. again Yes 2. again Yes 5. again Yes 9. again");
    expect(second.seen.errors.length).toBe(1);
  });

  test("a page of the conversation has its messages and where the one before it begins", async () => {
    const store = new MemoryStore();
    await using site = await agUiSite(() => ({ text: "Yes." }), { ...KEPT, sessions: { store } });
    const first = await loaded(site.url);
    for (const question of ["1", "2", "3"]) await first.client.sendMessage(question);
    const page = async (query: string): Promise<{ messages: { id: string }[]; page: Loose }> =>
      (await fetch(`${site.url}?threadId=th&${query}`)).json() as Promise<{ messages: { id: string }[]; page: Loose }>;
    const last = await page("limit=4");
    expect([last.messages.map(({ id }) => id), last.page]).toEqual([
      ["m3", "m4", "m5", "m6"],
      { truncated: true, cursor: "m3" },
    ]);
    const before = await page(`limit=4&before=${last.page.cursor}`);
    expect([before.messages.map(({ id }) => id), before.page]).toEqual([["m1", "m2"], { truncated: false }]);
    expect((await fetch(`${site.url}?threadId=th&limit=0`)).status).toBe(400);
  });
});
