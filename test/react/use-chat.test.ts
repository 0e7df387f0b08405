/** The hook under React 18 and 19: in a DOM without a browser, against a relay in the same process. */

import type { ReactNode } from "react";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { shownHistory } from "../../src/dialects/native/shown-history.ts";
import { Gate, type ReplyScript } from "../../src/testing/index.ts";
import { type Chat, type ChatMessage, createChats } from "../../src/web/index.ts";
import { chatSite } from "../support/chats.ts";
import { complete, fakeRelay, opened, text, URL_OF_RELAY } from "../support/fake-relay.ts";
import { hasReact, type ReactLab, type ReactRoot, reactLab } from "../support/react-lab.ts";

afterAll(() => void vi.unstubAllGlobals());

describe.skipIf(!hasReact).each([18, 19] as const)("React %i (skipped without test/interop)", (version) => {
  let lab: ReactLab;
  let root: ReactRoot | undefined;
  let element: HTMLElement;

  beforeAll(async () => {
    lab = await reactLab(version);
  });
  beforeEach(() => {
    element = document.createElement("div");
    root = undefined;
  });
  afterEach(async () => {
    vi.useRealTimers();
    await lab.act(() => root?.unmount());
  });

  const mount = async (node: ReactNode): Promise<void> => {
    root = lab.createRoot(element);
    await lab.act(() => root?.render(node));
  };

  /** Shows a chat, and counts its renders. */
  function view(chat: Chat) {
    const { React, useChat } = lab;
    const counts = { list: 0, messages: new Map<string, number>() };
    const Line = React.memo(({ message }: { readonly message: ChatMessage }) => {
      counts.messages.set(message.id, (counts.messages.get(message.id) ?? 0) + 1);
      return React.createElement("p", null, message.content);
    });
    const List = () => {
      counts.list++;
      const { messages, status } = useChat(chat);
      const lines = messages.map((message) => React.createElement(Line, { key: message.id, message }));
      return React.createElement("div", { title: status }, lines);
    };
    return { counts, node: React.createElement(List) };
  }

  const lines = (): readonly string[] => [...element.querySelectorAll("p")].map(({ textContent }) => textContent ?? "");

  /** Waits, and lets React work meanwhile. */
  const shows = (...expected: readonly string[]): Promise<void> =>
    vi.waitFor(async () => {
      await lab.act(() => new Promise((resolve) => setTimeout(resolve, 5)));
      expect(lines()).toEqual(expected);
    });

  test("a chat in StrictMode is loaded once, and its reply is watched once", async () => {
    const gate = new Gate();
    const script: ReplyScript = { steps: [{ text: "Unbeliev" }, { pause: gate }, { text: "able" }] };
    const site = chatSite([script]);
    void site.chats.open("c").send("Tell");
    await vi.waitFor(() => expect(site.provider.calls.length).toBe(1));
    const before = site.requests.length;
    const chat = site.reload().open("c");
    await mount(lab.React.createElement(lab.React.StrictMode, null, view(chat).node));
    await shows("Tell", "Unbeliev");
    gate.open();
    await shows("Tell", "Unbelievable");
    const asked = site.requests.slice(before).map((request) => request.replace(/run=.*/, "run="));
    expect(asked).toEqual(["GET /c?view=page", "GET /c/stream?run="]);
  });

  test("a component that goes away ends nothing, and one that comes shows all of it", async () => {
    const gate = new Gate();
    const site = chatSite([{ steps: [{ text: "Hel" }, { pause: gate }, { text: "lo" }] }]);
    const chat = site.chats.open("c");
    await mount(view(chat).node);
    const sent = chat.send("Hi");
    await shows("Hi", "Hel");
    await lab.act(() => root?.unmount());
    gate.open();
    expect(await sent).toMatchObject({ content: "Hello" });
    await mount(view(chat).node);
    expect(lines()).toEqual(["Hi", "Hello"]);
  });

  test("200 tokens a second make at most 65 renders a second, and none of older messages", async () => {
    vi.useFakeTimers();
    const relay = fakeRelay((request) => request.stream());
    const messages = [
      { role: "user", content: "Old" },
      { role: "assistant", content: "Reply" },
    ] as const;
    const chat = createChats({ url: URL_OF_RELAY, fetch: relay.fetch }).open("c", shownHistory({ messages }));
    const { counts, node } = view(chat);
    await mount(node);
    void chat.send("New");
    await vi.waitFor(() => expect(relay.requests.length).toBe(1));
    const [request] = relay.requests;
    request?.write(opened(request.body.run));
    await lab.act(() => vi.advanceTimersByTimeAsync(100));
    const before = counts.list;
    for (let token = 0; token < 200; token++) {
      request?.write(text("a", `1-${token}`));
      await lab.act(() => vi.advanceTimersByTimeAsync(5));
    }
    expect(counts.list - before).toBeLessThanOrEqual(65);
    expect(counts.list - before).toBeGreaterThan(30);
    expect(lines()[3]).toMatch(/^a{190,}$/);
    expect([counts.messages.get("m0"), counts.messages.get("m1")]).toEqual([1, 1]);
    request?.write(complete("a".repeat(200)));
    await lab.act(() => vi.advanceTimersByTimeAsync(100));
    expect(lines()[3]).toBe("a".repeat(200));
  });

  test("a replay of 3,000 chunks renders at most twice", async () => {
    vi.useFakeTimers();
    const chunks = Array.from({ length: 3_000 }, (_, number) => text("word ", `1-${number}`));
    const relay = fakeRelay((request) => {
      if (request.path.includes("/stream")) request.stream(opened("run"), ...chunks);
      else request.answer(200, { messages: [], run: "run", turn: [{ role: "user", content: "Tell" }] });
    });
    const chat = createChats({ url: URL_OF_RELAY, fetch: relay.fetch }).open("c");
    const { counts, node } = view(chat);
    await mount(node);
    const before = counts.list;
    await lab.act(() => vi.advanceTimersByTimeAsync(1_000));
    expect(lines()).toEqual(["Tell", "word ".repeat(3_000)]);
    expect(counts.list - before).toBeLessThanOrEqual(2);
  });

  test("a transition of 200 ms of work ends while 200 tokens a second arrive", async () => {
    const { React } = lab;
    const relay = fakeRelay((request) => request.stream(opened(request.body.run)));
    const chat = createChats({ url: URL_OF_RELAY, fetch: relay.fetch }).open("c", { messages: [] });
    const Slow = () => {
      const since = performance.now();
      while (performance.now() - since < 1);
      return null;
    };
    const { node } = view(chat);
    const changed = new Gate();
    let leaveFor: (page: string) => void = () => undefined;
    const App = () => {
      const [page, go] = React.useState("home");
      leaveFor = go;
      React.useEffect(() => {
        if (page === "work") changed.open();
      }, [page]);
      const slow = Array.from({ length: page === "work" ? 200 : 0 }, (_, key) => React.createElement(Slow, { key }));
      return React.createElement("div", null, node, slow);
    };
    await mount(React.createElement(App));
    void chat.send("Tell");
    await shows("Tell", "");
    let number = 0;
    const tokens = setInterval(() => relay.requests[0]?.write(text("a", `1-${number++}`)), 5);
    const since = process.cpuUsage();
    React.startTransition(() => leaveFor("work"));
    await changed.pass();
    clearInterval(tokens);
    const { user, system } = process.cpuUsage(since); // of the processor, which others may keep busy
    expect((user + system) / 1_000).toBeLessThan(3_000); // with `useSyncExternalStore` more than 5 seconds
    expect(number).toBeGreaterThan(10);
  });

  test("a selector renders only when its value changes", async () => {
    const { React, useChat } = lab;
    const site = chatSite([{ text: ["a", "b", "c"] }]);
    const chat = site.chats.open("c", { messages: [] });
    let renders = 0;
    const Count = () => {
      renders++;
      return React.createElement("p", null, String(useChat(chat, ({ messages }) => messages.length)));
    };
    await mount(React.createElement(Count));
    await lab.act(async () => void (await chat.send("Hi")));
    expect(lines()).toEqual(["2"]);
    expect(renders).toBeLessThanOrEqual(3);
  });

  test("another chat in the same component shows at once", async () => {
    const { React, useChat } = lab;
    const { chats } = chatSite(() => ({ text: "Fine" }));
    const [one, two] = [chats.open("1", { messages: [] }), chats.open("2", { messages: [] })];
    await one.send("First");
    await two.send("Second");
    const Text = ({ chat }: { readonly chat: Chat }) =>
      React.createElement(
        "p",
        null,
        useChat(chat, ({ messages }) => messages[0]?.content),
      );
    await mount(React.createElement(Text, { chat: one }));
    await lab.act(() => root?.render(React.createElement(Text, { chat: two })));
    expect(lines()).toEqual(["Second"]);
    await lab.act(() => root?.unmount());
  });

  test("a server renders the history it was given, asks nothing, and the page takes it over without a mismatch", async () => {
    const site = chatSite(() => ({ text: "Fine" }));
    const history = {
      messages: [
        { role: "user", content: "Hi" },
        { role: "assistant", content: "Hello" },
      ],
      run: "a-run-that-is-being-written",
      turn: [{ role: "user", content: "More" }],
    } as const;
    const html = lab.renderToString(view(site.chats.open("c", shownHistory(history))).node);
    expect(html.replace(/<[^>]*>/g, " ").trim()).toMatch(/^Hi\s+Hello\s+More$/);
    expect(site.requests).toEqual([]);
    element.innerHTML = html;
    const errors: unknown[] = [];
    const chat = site.reload().open("c", shownHistory({ messages: history.messages }));
    element.innerHTML = lab.renderToString(view(chat).node);
    await chat.send("Since then");
    await lab.act(() => {
      root = lab.hydrateRoot(element, view(chat).node, { onRecoverableError: (error) => errors.push(error) });
    });
    expect(lines()).toEqual(["Hi", "Hello", "Since then", "Fine"]);
    expect(errors).toEqual([]);
  });
});
