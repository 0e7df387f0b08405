/** Leaving a stream at a tool call is a veto, whatever the client and however it is left: the tool does not run, and the history says so. */

import {
  ClaudeClient,
  type ClientWrapper,
  CompatibleClient,
  fallback,
  GeminiClient,
  LLMSession,
  MemoryStore,
  type MessageStream,
  OpenAIClient,
  type Tool,
} from "cloudllm";
import { type ProviderServer, type ReplyScript, scriptedClient, startProviderServer } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { historyFault } from "./legality.ts";

const CALLS: ReplyScript = {
  steps: ["first", "second"].map((id) => ({ toolCall: { name: "delete_all", id, arguments: { of: id } } })),
};
const DONE: ReplyScript = { text: "As you wish." };

type Make = (server: ProviderServer) => ClientWrapper;
const webFetch: typeof fetch = (input, init) => fetch(input, init);

const CLIENTS: readonly (readonly [name: string, make: Make])[] = [
  ["a scripted client", () => scriptedClient([CALLS, DONE])],
  ["Chat Completions", ({ baseUrl }) => new CompatibleClient({ model: "m", baseUrl })],
  ["Chat Completions over fetch", ({ baseUrl }) => new CompatibleClient({ model: "m", baseUrl, fetch: webFetch })],
  ["Responses", ({ baseUrl }) => new OpenAIClient({ model: "gpt-5", apiKey: "k", baseUrl })],
  [
    "Anthropic Messages",
    ({ origin }) => new ClaudeClient({ model: "claude-sonnet-4-5", apiKey: "k", baseUrl: origin }),
  ],
  ["Gemini", ({ origin }) => new GeminiClient({ model: "gemini-2.5-flash", apiKey: "k", baseUrl: origin })],
  ["fallback", ({ baseUrl }) => fallback([new CompatibleClient({ model: "m", baseUrl })])],
];

/** Reads on until the second call was taken, then does something else. */
type Leave = (stream: MessageStream, abort: AbortController) => Promise<unknown>;

async function atLastCall(stream: MessageStream, leave: () => unknown): Promise<void> {
  for await (const chunk of stream) {
    if (chunk.type === "toolCall" && chunk.toolCall.id.includes("second")) leave();
  }
}

const LEAVES: readonly (readonly [how: string, leave: Leave])[] = [
  [
    "break",
    async (stream) => {
      for await (const chunk of stream) if (chunk.type === "toolCall" && chunk.toolCall.id.includes("second")) break;
    },
  ],
  [
    "throw",
    (stream) =>
      atLastCall(stream, () => {
        throw new Error("no!");
      }),
  ],
  ["stop()", (stream) => atLastCall(stream, () => void stream.stop())],
  ["stop({ drain: true })", (stream) => atLastCall(stream, () => void stream.stop({ drain: true }))],
  ["the signal", (stream, abort) => atLastCall(stream, () => abort.abort())],
  ["the end of its block", (stream) => atLastCall(stream, () => void stream[Symbol.asyncDispose]())],
  [
    "return() of its iterator",
    async (stream) => {
      const chunks = stream[Symbol.asyncIterator]();
      for (;;) {
        const { value } = await chunks.next();
        if (value?.type === "toolCall" && value.toolCall.id.includes("second")) break;
      }
      await chunks.return?.();
    },
  ],
  [
    "break in batches()",
    async (stream) => {
      const isLast = (chunk: { readonly type: string; readonly toolCall?: { readonly id: string } }) =>
        chunk.toolCall?.id.includes("second") === true;
      for await (const batch of stream.batches()) if (batch.some(isLast)) break;
    },
  ],
];

describe.each(CLIENTS)("%s: a stream that is left at its last call", (_client, make) => {
  test.each(LEAVES)("by %s runs nothing, and the history names what was not run", async (_how, leave) => {
    await using server = await startProviderServer([CALLS, DONE], { strict: true });
    const ran: unknown[] = [];
    const tools: readonly Tool[] = [{ name: "delete_all", run: (args) => ran.push(args) }];
    const session = await LLMSession.open({ client: make(server), store: new MemoryStore(), id: "s" });
    const abort = new AbortController();
    const stream = await session.sendMessageStream("tidy up", { tools, signal: abort.signal });
    await leave(stream, abort).catch(() => undefined);
    await stream.finalMessage().catch(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    expect(ran).toEqual([]);
    expect(historyFault(session.history, false)).toBeUndefined();
    expect(session.history).toMatchObject([
      { role: "user", content: "tidy up" },
      { role: "assistant", toolCalls: [{ name: "delete_all" }, { name: "delete_all" }] },
      { role: "tool", content: expect.stringContaining("was not run"), isError: true },
      { role: "tool", content: expect.stringContaining("was not run"), isError: true },
    ]);
    expect((await session.sendMessage("then leave it", { tools })).content).toBe("As you wish.");
  });
});

describe.each(CLIENTS)("%s: the tools run", (_client, make) => {
  test.each<[string, (stream: MessageStream) => Promise<unknown>]>([
    ["when a loop continues after the last call", (stream) => atLastCall(stream, () => undefined)],
    ["for finalMessage()", (stream) => stream.finalMessage()],
    [
      "for a reader of text()",
      async (stream) => {
        for await (const _text of stream.text());
      },
    ],
    [
      "for a loop that leaves the rest to finalMessage()",
      async (stream) => {
        await stream[Symbol.asyncIterator]().next();
        await stream.finalMessage();
      },
    ],
  ])("%s", async (_how, read) => {
    await using server = await startProviderServer([CALLS, DONE], { strict: true });
    const ran: unknown[] = [];
    const tools: readonly Tool[] = [{ name: "delete_all", run: (args) => ran.push(args) }];
    const session = new LLMSession({ client: make(server) });
    await read(await session.sendMessageStream("tidy up", { tools }));
    expect(ran).toHaveLength(2);
  });

  test("for sendMessage", async () => {
    await using server = await startProviderServer([CALLS, DONE], { strict: true });
    let ran = 0;
    const tools: readonly Tool[] = [{ name: "delete_all", run: () => ++ran }];
    expect((await new LLMSession({ client: make(server) }).sendMessage("tidy up", { tools })).content).toBe(DONE.text);
    expect(ran).toBe(2);
  });
});

test("a call at which the reader waits is not run, however long the reader waits", async () => {
  await using server = await startProviderServer([CALLS, DONE]);
  let ran = 0;
  const session = new LLMSession({ client: new CompatibleClient({ model: "m", baseUrl: server.baseUrl }) });
  const stream = await session.sendMessageStream("tidy up", { tools: [{ name: "delete_all", run: () => ++ran }] });
  for await (const chunk of stream) {
    if (chunk.type !== "toolCall") continue;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(ran).toBe(0);
  }
  expect(ran).toBe(2);
});

test("what a veto came before stays in the history that a store opens again", async () => {
  const store = new MemoryStore();
  const session = await LLMSession.open({ client: scriptedClient([CALLS]), store, id: "s" });
  const tools: readonly Tool[] = [{ name: "delete_all", run: () => "gone" }];
  for await (const chunk of await session.sendMessageStream("tidy up", { tools })) if (chunk.type === "toolCall") break;
  await session.close();
  const again = await LLMSession.open({ client: scriptedClient([DONE]), store, id: "s" });
  expect(again.history).toEqual(JSON.parse(JSON.stringify(session.history)));
  expect(again.history.at(-1)).toMatchObject({ role: "tool", content: expect.stringContaining("was not run") });
});
