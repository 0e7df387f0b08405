/** `stream.partialObject()`: the value that was asked for as it is written, over loopback HTTP and by hand. */

import {
  ClaudeClient,
  CompatibleClient,
  fallback,
  GeminiClient,
  GrokClient,
  LLMSession,
  type MessageChunk,
  MessageStream,
  OpenAIClient,
  type SendError,
} from "cloudllm";
import { Gate, type ProviderServer, scriptedClient, startProviderServer } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import * as z from "zod";

const QUESTION = [{ role: "user", content: "A recipe, please." }] as const;

const RECIPE = z.object({ title: z.string(), minutes: z.number(), steps: z.array(z.string()).default([]) });

const TEXT = '{"title":"Soup","minutes":12,"steps":["Cut.","Cook."]}';

const CLIENTS = [
  ["CompatibleClient", ({ baseUrl }: ProviderServer) => new CompatibleClient({ baseUrl, model: "m" })],
  [
    "OpenAIClient over Chat Completions",
    ({ baseUrl }: ProviderServer) => new OpenAIClient({ api: "chat", baseUrl, model: "gpt-4o", apiKey: "none" }),
  ],
  [
    "OpenAIClient over Responses",
    ({ baseUrl }: ProviderServer) => new OpenAIClient({ baseUrl, model: "gpt-4o", apiKey: "none" }),
  ],
  ["GrokClient", ({ baseUrl }: ProviderServer) => new GrokClient({ baseUrl, model: "grok-4.3", apiKey: "none" })],
  [
    "ClaudeClient",
    ({ origin }: ProviderServer) => new ClaudeClient({ baseUrl: origin, model: "claude-sonnet-4-5", apiKey: "none" }),
  ],
  [
    "GeminiClient",
    ({ origin }: ProviderServer) => new GeminiClient({ baseUrl: origin, model: "gemini-3.5-flash", apiKey: "none" }),
  ],
] as const;

/** Yields what a loop over it yields, and the error it ends with. */
async function all<T>(values: AsyncIterable<T>): Promise<{ views: T[]; error: SendError | undefined }> {
  const views: T[] = [];
  try {
    for await (const value of values) views.push(value);
  } catch (error) {
    return { views, error: error as SendError };
  }
  return { views, error: undefined };
}

/** Chunks of text, each a read of its own, and a final one that says so. */
async function* chunksOf(...pieces: readonly (string | MessageChunk)[]): AsyncGenerator<MessageChunk> {
  for (const piece of pieces)
    yield typeof piece === "string" ? { type: "text", content: piece, isFinal: false } : piece;
  const { partial } = MessageStream.from(none());
  yield { type: "final", content: "", message: { ...partial, finishReason: "stop" }, isFinal: true };
}

async function* none(): AsyncGenerator<MessageChunk> {}

describe.each(CLIENTS)("%s", (_name, clientOf) => {
  test("shows the value as it grows, and validated in the end", async () => {
    const gates = [new Gate(), new Gate()] as const;
    await using server = await startProviderServer([
      {
        steps: [
          { text: '{"title":"So' },
          { pause: gates[0] },
          { text: 'up","minutes":1' },
          { pause: gates[1] },
          { text: '2,"x":null}' },
        ],
      },
    ]);
    const stream = await clientOf(server).sendMessageStream(QUESTION, { output: RECIPE });
    const views = stream.partialObject();
    expect((await views.next()).value).toEqual({ title: "So" });
    gates[0].open();
    expect((await views.next()).value).toEqual({ title: "Soup" });
    gates[1].open();
    expect((await views.next()).value).toEqual({ title: "Soup", minutes: 12, x: null });
    expect(await views.next()).toEqual({ done: true, value: undefined });
    expect((await stream.finalMessage()).output).toEqual({ title: "Soup", minutes: 12, steps: [] });
  });

  test("text cut anywhere ends with the complete value as written", async () => {
    await using server = await startProviderServer(() => ({ text: [...TEXT] }));
    const stream = await clientOf(server).sendMessageStream(QUESTION, { output: RECIPE });
    const { views, error } = await all(stream.partialObject());
    expect(error).toBeUndefined();
    expect(views.at(-1)).toEqual(JSON.parse(TEXT));
    expect((await stream.finalMessage()).output).toEqual(JSON.parse(TEXT));
  });

  test.each([
    ["of another shape", '{"title":5}', [{ title: 5 }], /^The reply does not fit the schema of `output`: title: /],
    ["prose", "Here is your recipe: {", [], /^The reply is not the JSON that was asked for/],
    ["JSON in a fence", '```json\n{"title":"Soup"}\n```', [], /^The reply is not the JSON that was asked for/],
    [
      "JSON with words after it",
      '{"title":"Soup"} Enjoy!',
      [{ title: "Soup" }],
      /^The reply is not the JSON that was asked for/,
    ],
  ])(
    "%s: what could be shown is shown, then it throws invalidOutput with the text",
    async (_kind, text, shown, message) => {
      await using server = await startProviderServer([{ text }]);
      const stream = await clientOf(server).sendMessageStream(QUESTION, { output: RECIPE });
      const { views, error } = await all(stream.partialObject());
      expect(views).toEqual(shown);
      expect(error).toMatchObject({
        kind: "invalidOutput",
        message: expect.stringMatching(message),
        partial: { content: text },
      });
      await expect(stream.finalMessage()).rejects.toBe(error);
    },
  );

  test("a cut reply shows what came and throws truncated", async () => {
    await using server = await startProviderServer([{ text: '{"title":"So', ending: "cut" }]);
    const stream = await clientOf(server).sendMessageStream(QUESTION, { output: RECIPE, retries: 0 });
    const { views, error } = await all(stream.partialObject());
    expect(views).toEqual([{ title: "So" }]);
    expect(error).toMatchObject({ kind: "truncated", partial: { content: '{"title":"So' } });
  });

  test("leaving the loop closes the connection", async () => {
    await using server = await startProviderServer([{ text: '{"title":"So', ending: "hang" }]);
    const stream = await clientOf(server).sendMessageStream(QUESTION, { output: RECIPE });
    for await (const view of stream.partialObject()) {
      expect(view).toEqual({ title: "So" });
      break;
    }
    await (await server.request(0)).closed;
    expect(stream.partial).toMatchObject({ content: '{"title":"So', finishReason: "stopped" });
  });
});

test("views that were kept do not change", async () => {
  const client = scriptedClient([{ text: [...TEXT] }]);
  const stream = await client.sendMessageStream(QUESTION, { output: RECIPE });
  const kept: { view: unknown; written: string }[] = [];
  for await (const view of stream.partialObject()) kept.push({ view, written: JSON.stringify(view) });
  expect(kept.length).toBeGreaterThan(20);
  for (const { view, written } of kept) expect(JSON.stringify(view)).toBe(written);
});

test("a read that adds nothing to the value is not shown", async () => {
  const stream = MessageStream.from(chunksOf("{", '"a"', ":", " ", "1", ",", '"b":2}', "  \n"));
  expect((await all(stream.partialObject())).views).toEqual([{}, { a: 1 }, { a: 1, b: 2 }]);
});

test.each([
  ["a number", ["1", "2"], [12]],
  ["null", ["nu", "ll"], [null]],
  ["a text", ['"a', 'b"'], ["a", "ab"]],
  ["a list", ["[1", ",2]"], [[], [1, 2]]],
])("%s alone is a value, too", async (_name, pieces, views) => {
  expect((await all(MessageStream.from(chunksOf(...pieces)).partialObject())).views).toEqual(views);
});

test("line breaks inside strings, which JSON wants escaped, are part of the value", async () => {
  const client = scriptedClient([{ text: ['{\n"title":"Tomato', '\nsoup","minutes":', "9007199254740993}"] }]);
  const output = { type: "object", properties: { title: { type: "string" }, minutes: { type: "integer" } } } as const;
  const stream = await client.sendMessageStream(QUESTION, { output });
  const { views, error } = await all(stream.partialObject());
  expect([views.at(-1), error]).toEqual([{ title: "Tomato\nsoup", minutes: "9007199254740993" }, undefined]);
  expect((await stream.finalMessage()).output).toEqual({ title: "Tomato\nsoup", minutes: "9007199254740993" });
});

test("text that is taken back is taken back", async () => {
  const rewind: MessageChunk = { type: "rewind", content: "", length: 9, reasoningLength: 0, isFinal: false };
  const stream = MessageStream.from(chunksOf('{"a":"one', rewind, '{"b":2}'));
  expect((await all(stream.partialObject())).views).toEqual([{ a: "one" }, { b: 2 }]);
});

test("words before a tool is run are not the value: the model begins again after its result", async () => {
  const result: MessageChunk = {
    type: "toolResult",
    content: "",
    toolCallId: "1",
    name: "t",
    result: "5",
    isError: false,
    isFinal: false,
  };
  const stream = MessageStream.from(chunksOf("Let me look.", result, '{"a":', "5}"));
  expect((await all(stream.partialObject())).views).toEqual([{}, { a: 5 }]);
});

test("a reply that asks for tools first shows nothing and ends well", async () => {
  const client = scriptedClient([{ steps: [{ text: "Let me look." }, { toolCall: { name: "t" } }] }]);
  const stream = await client.sendMessageStream(QUESTION, { output: RECIPE, tools: [{ name: "t" }] });
  expect(await all(stream.partialObject())).toEqual({ views: [], error: undefined });
  expect((await stream.finalMessage()).toolCalls).toHaveLength(1);
});

test("a reply that breaks and is written again grows again, and fits in the end", async () => {
  await using server = await startProviderServer([{ text: '{"title":"So', ending: "cut" }, { text: [...TEXT] }]);
  const client = new CompatibleClient({ baseUrl: server.baseUrl, model: "m" });
  const stream = await client.sendMessageStream(QUESTION, { output: RECIPE, recover: "continue", retries: { max: 0 } });
  const { views, error } = await all(stream.partialObject());
  expect(error).toBeUndefined();
  expect(views[0]).toEqual({ title: "So" });
  expect(views.at(-1)).toEqual(JSON.parse(TEXT));
  expect((await stream.finalMessage()).output).toEqual(JSON.parse(TEXT));
});

test("the client that answers instead of another is held to the same shape", async () => {
  const refusing = scriptedClient(() => ({ refusal: { status: 503 } }));
  const client = fallback([refusing, scriptedClient([{ text: [...TEXT] }, { text: "{}" }])]);
  const stream = await client.sendMessageStream(QUESTION, { output: RECIPE });
  expect((await all(stream.partialObject())).views.at(-1)).toEqual(JSON.parse(TEXT));
  expect((await stream.finalMessage()).output).toEqual(JSON.parse(TEXT));
  await expect(client.sendMessage(QUESTION, { output: RECIPE })).rejects.toMatchObject({ kind: "invalidOutput" });
});

test("in a session, tools are run first and the value comes in the last reply", async () => {
  const client = scriptedClient([
    { steps: [{ text: "Let me look." }, { toolCall: { name: "pantry", arguments: {} } }] },
    { text: [...TEXT] },
  ]);
  const session = new LLMSession({ client });
  const tools = [{ name: "pantry", run: () => "leeks" }];
  const stream = await session.sendMessageStream("A recipe, please.", { output: RECIPE, tools });
  const { views, error } = await all(stream.partialObject());
  expect(error).toBeUndefined();
  expect(views[0]).toEqual({});
  expect(views.at(-1)).toEqual(JSON.parse(TEXT));
  expect((await stream.finalMessage()).output).toEqual(JSON.parse(TEXT));
});

test("in another thread, a relayed stream shows the same", async () => {
  const client = scriptedClient([{ text: [...TEXT] }, { text: '{"title":5}' }]);
  const relayed = async () =>
    MessageStream.from((await client.sendMessageStream(QUESTION, { output: RECIPE })).toReadableStream());
  const stream = await relayed();
  expect((await all(stream.partialObject())).views.at(-1)).toEqual(JSON.parse(TEXT));
  expect((await stream.finalMessage()).output).toEqual(JSON.parse(TEXT));
  const { views, error } = await all((await relayed()).partialObject());
  expect(views).toEqual([{ title: 5 }]);
  expect(error).toMatchObject({ kind: "invalidOutput", partial: { content: '{"title":5}' } });
});

test("what is read unseen after a stop owes no value", async () => {
  const client = scriptedClient([{ text: ['{"title":', "5}"] }]);
  const stream = await client.sendMessageStream(QUESTION, { output: RECIPE });
  const views = stream.partialObject();
  expect((await views.next()).value).toEqual({});
  expect(await stream.stop({ drain: true })).toMatchObject({ finishReason: "stopped", content: '{"title":' });
  expect((await views.next()).done).toBe(true);
});

test("abort throws, stop ends", async () => {
  const aborting = new AbortController();
  const client = scriptedClient(() => ({ text: '{"title":"So', ending: "hang" }));
  const options = { output: RECIPE, signal: aborting.signal };
  const stopped = await client.sendMessageStream(QUESTION, { output: RECIPE });
  const views = stopped.partialObject();
  expect((await views.next()).value).toEqual({ title: "So" });
  void stopped.stop();
  expect((await views.next()).done).toBe(true);

  const aborted = (await client.sendMessageStream(QUESTION, options)).partialObject();
  expect((await aborted.next()).value).toEqual({ title: "So" });
  const next = aborted.next();
  aborting.abort();
  await expect(next).rejects.toMatchObject({ kind: "aborted" });
});

test("a stream is read once, in one way", async () => {
  const stream = MessageStream.from(chunksOf("{}"));
  stream.partialObject();
  expect(() => stream.text()).toThrow(/already been read/);
});
