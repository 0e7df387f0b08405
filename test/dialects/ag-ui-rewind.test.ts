/** A reply whose provider broke, and which began a sentence again: the words that are gone are shown nowhere. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { type ClientWrapper, MemoryStore, type MessageChunk, MessageStream } from "../../src/index.ts";
import { agUi, createRelay, memoryLog, type RelayOptions, toNode } from "../../src/server/index.ts";
import { Gate, scriptedClient } from "../../src/testing/index.ts";
import { agentVersions, agUiMissing, httpAgent, tanStackChat } from "../interop/ag-ui-clients.mjs";
import { pageOf, runInput, wireEvents, wireFaults } from "../support/ag-ui.ts";
import { chunksClient } from "../support/chunks-client.ts";
import { OPEN_RELAY } from "../support/relay-site.ts";

const none = { content: "", isFinal: false } as const;
const text = (content: string): MessageChunk => ({ type: "text", content, isFinal: false });
const thought = (reasoning: string): MessageChunk => ({ ...none, type: "reasoning", reasoning });
const rewind = (length: number, reasoningLength = 0): MessageChunk => ({
  ...none,
  type: "rewind",
  length,
  reasoningLength,
});

/** A client that looks something up, and takes back words before and after that. Waits at `gate` behind a rewind. */
async function rewindingClient(gate: Gate): Promise<ClientWrapper> {
  const provider = scriptedClient(() => ({ text: "x" }));
  const usual = await provider.sendMessage([{ role: "user", content: "x" }]);
  const call = { id: "l", name: "look", arguments: { at: "sea" } };
  const begun: MessageChunk = {
    ...none,
    type: "toolCallDelta",
    index: 0,
    id: "k",
    name: "look",
    argumentsDelta: '{"a',
  };
  async function* look(): AsyncGenerator<MessageChunk> {
    yield thought("Hm, a tow");
    yield rewind(0, 3);
    yield thought("word.");
    yield text("I loko");
    yield begun;
    yield rewind(2);
    yield text("ok. ");
    yield { ...none, type: "toolCall", toolCall: call };
    yield final("I look. ", [call]);
  }
  async function* answer(): AsyncGenerator<MessageChunk> {
    yield text("It is gre");
    yield text("n");
    yield rewind(4);
    await gate.pass();
    yield text("blue.");
    yield final("It is blue.", []);
  }
  const final = (content: string, toolCalls: readonly (typeof call)[]): MessageChunk => ({
    type: "final",
    content: "",
    isFinal: true,
    message: { ...usual, content, toolCalls, finishReason: toolCalls.length > 0 ? "toolCalls" : "stop" },
  });
  let step = 0;
  return {
    provider: "p",
    model: "m",
    sendMessage: (...call) => provider.sendMessage(...call),
    sendMessageStream: async () => MessageStream.from(step++ % 2 === 0 ? look() : answer()),
  } as ClientWrapper;
}

async function site(options: Partial<RelayOptions> = {}) {
  const gate = new Gate();
  const relay = createRelay({
    ...OPEN_RELAY,
    client: await rewindingClient(gate),
    log: memoryLog(),
    dialect: agUi,
    tools: [{ name: "look", run: () => "water" }],
    ...options,
  });
  const server = createServer(toNode(relay.handle));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/chat`,
    gate,
    relay,
    async [Symbol.asyncDispose]() {
      await relay.drain(0);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const earlier = [
  { id: "u0", role: "user", content: "Hello" },
  { id: "a0", role: "assistant", content: "Hello." },
  { id: "u1", role: "user", content: "What color?" },
];

describe.skipIf(agUiMissing !== undefined)("words that are taken back", () => {
  test.each(agentVersions)("are gone in HttpAgent %s, and the conversation is there", async (version) => {
    await using it = await site();
    it.gate.open();
    const agent = await httpAgent(version, { url: it.url, threadId: "th", initialMessages: earlier });
    const run = await agent.run();
    expect([run.rejected, run.error]).toEqual([undefined, undefined]);
    expect(agent.messages.map(({ role, content }) => `${role}: ${content}`)).toEqual([
      "user: Hello",
      "assistant: Hello.",
      "user: What color?",
      "reasoning: Hm, a word.",
      "assistant: I look. ",
      "tool: water",
      "assistant: It is blue.",
    ]);
  });

  test("are gone in a chat of TanStack AI, also in one that is loaded in the middle", async () => {
    const kept = { history: undefined, trustHistory: undefined, sessions: { store: new MemoryStore() } };
    await using it = await site(kept);
    const options = { url: it.url, chat: { threadId: "th", persistence: true } };
    const first = await tanStackChat(options);
    const sending = first.client.sendMessage("What color?");
    await expect.poll(() => first.textOf()).toBe("I look. It is ");
    const second = await tanStackChat(options);
    second.client.attach();
    await expect.poll(() => second.textOf()).toBe("I look. It is ");
    it.gate.open();
    await sending;
    await expect.poll(() => second.client.getStatus()).toBe("ready");
    for (const { client, seen } of [first, second]) {
      expect(seen.errors).toEqual([]);
      const parts = client
        .getMessages()
        .map(({ role, parts: all }) => [role, ...all.map((part) => part.content ?? part.name)]);
      expect(parts).toEqual([
        ["user", "What color?"],
        ["assistant", "Hm, a word.", "I look. ", "look", "water"],
        ["assistant", "It is blue."],
      ]);
    }
  });
});

/** Replies that think, and take back what the page shows at the gate. */
const THOUGHTS: Readonly<Record<string, readonly [shown: MessageChunk[], then: MessageChunk[], page: string[]]>> = {
  "words behind thinking": [
    [thought("Hm."), text("It is gren")],
    [rewind(4), text("blue.")],
    ["reasoning: Hm.", "assistant: It is blue."],
  ],
  "a part of the thinking": [
    [thought("Hm, a tow")],
    [rewind(0, 3), thought("word."), text("Blue.")],
    ["reasoning: Hm, a word.", "assistant: Blue."],
  ],
  "all of it": [
    [thought("A tow"), text("Gre")],
    [rewind(3, 5), thought("A word."), text("Blue.")],
    ["reasoning: A word.", "assistant: Blue."],
  ],
};

describe.skipIf(agUiMissing !== undefined)("thinking, where a model takes back", () => {
  const clientOf = (...[shown, then]: readonly (readonly MessageChunk[])[]) => {
    const gate = new Gate();
    return { gate, client: chunksClient([[...(shown ?? []), gate, ...(then ?? [])]]) };
  };

  test.each(
    agentVersions.flatMap((version) =>
      Object.entries(THOUGHTS).map(([what, reply]) => [version, what, reply] as const),
    ),
  )("is shown once by HttpAgent %s: %s", async (version, _what, [shown, then, page]) => {
    const { gate, client } = clientOf(shown, then);
    await using it = await site({ client, tools: [] });
    const agent = await httpAgent(version, { url: it.url, threadId: "th", initialMessages: earlier });
    const running = agent.run();
    const seen = shown.map((one) => (one.type === "reasoning" ? one.reasoning : one.content)).join("");
    const said = () =>
      agent.messages
        .slice(earlier.length)
        .map(({ content }) => content ?? "")
        .join("");
    await expect.poll(said).toBe(seen);
    gate.open();
    expect(await running).toMatchObject({ rejected: undefined, error: undefined });
    expect(agent.messages.slice(earlier.length).map(({ role, content }) => `${role}: ${content}`)).toEqual(page);
  });

  test.each(Object.entries(THOUGHTS))(
    "is shown once by a chat of TanStack AI: %s",
    async (_what, [shown, then, page]) => {
      const { gate, client } = clientOf(shown, then);
      await using it = await site({ client, tools: [] });
      const chat = await tanStackChat({ url: it.url, chat: { threadId: "th" } });
      const sending = chat.client.sendMessage("What color?");
      const parts = () =>
        chat.client
          .getMessages()
          .slice(1)
          .flatMap((message) => message.parts.map(({ content }) => content));
      const seen = shown.map((one) => (one.type === "reasoning" ? one.reasoning : one.content));
      await expect.poll(parts).toEqual(seen);
      gate.open();
      await sending;
      expect(parts()).toEqual(page.map((line) => line.replace(/^\w+: /, "")));
    },
  );
});

test("words that are taken back are gone for a page that comes back, at each event", async () => {
  await using it = await site();
  it.gate.open();
  const events = async (last?: string) => {
    const headers = { "x-run-id": "r1", ...(last !== undefined && { "last-event-id": last }) };
    const response = await it.relay.handle(runInput("http://relay.test/chat", { messages: earlier }, headers));
    return wireEvents(await response.text());
  };
  const all = await events();
  expect(wireFaults(all)).toEqual([]);
  const page = pageOf(all, earlier);
  expect(page.at(-1)).toMatchObject({ content: "It is blue." });
  for (const [index, { id }] of all.slice(0, -1).entries()) {
    expect(pageOf([...all.slice(0, index + 1), ...(await events(id))], earlier)).toEqual(page);
  }
});

test("a page whose conversation the relay does not know sees none of the words that are gone before it comes", async () => {
  await using it = await site();
  const runId = "a".repeat(30);
  const input = runInput("http://relay.test/chat", { runId, messages: earlier }, { "x-run-id": runId });
  const first = it.relay.handle(input);
  it.gate.open();
  await (await first).text();
  const joined = await it.relay.handle(new Request(`http://relay.test/chat?offset=-1&runId=${runId}`));
  const all = wireEvents(await joined.text());
  expect(wireFaults(all)).toEqual([]);
  expect(JSON.stringify(all)).not.toContain("gre");
  expect(pageOf(all).at(-1)).toMatchObject({ content: "It is blue." });
});

test("such a page gets an error in the place of words that go later: it cannot show the rest as if it were whole", async () => {
  const encoder = agUi.encoder?.({ run: "r", chat: "c", messageId: "m" });
  const opened = encoder?.encode({ type: "opened", run: "r", provider: "p", model: "m" }) ?? "";
  const shown = encoder?.encode({ type: "chunks", chunks: [text("It is gren")] }) ?? "";
  const rest = encoder?.encode({ type: "chunks", chunks: [rewind(4), text("blue.")] }) ?? "";
  const all = wireEvents(opened + shown + rest);
  expect(wireFaults(all)).toEqual([]);
  expect(all.at(-1)).toMatchObject({ type: "RUN_ERROR", fields: { code: "truncated" } });
});
