/** `stop({ drain })` before, while and after a loop reads: the loop gets every word that the message has, once. */

import { fallback, hedge, LLMSession, type MessageChunk, MessageStream } from "cloudllm";
import { describe, expect, test, vi } from "vitest";
import { encodeEvent } from "../../src/dialects/native/encode.ts";
import { relayClient } from "../../src/web/index.ts";
import { drivenStream } from "../support/driven-stream.ts";
import { complete, type FakeRequest, fakeRelay, opened, text, URL_OF_RELAY } from "../support/fake-relay.ts";
import { httpChunk, LAST_CHUNK, type RawRequest, STREAM_HEAD } from "../support/raw-server.ts";
import { useServers } from "../support/servers.ts";
import { CHAT } from "../support/wires.ts";

const QUESTION = [{ role: "user", content: "Tell me." }] as const;
const USAGE = { inputTokens: 5, outputTokens: 2, totalTokens: 7 };
const FIRST = ["One. ", "Two. "] as const;
const REST = ["Three. ", "Four. "] as const;

const serve = useServers();

/** A stream to which the first words have been sent, and what sends the rest. */
interface Begun {
  readonly stream: MessageStream;
  finish(): void;
}

const textChunk = (content: string): MessageChunk => ({ type: "text", content, isFinal: false });

/** A source that delivers before it is asked. */
async function pushed(): Promise<Begun> {
  const { stream, facts, push, end } = drivenStream();
  push(...FIRST);
  const finish = (): void => {
    push(...REST);
    facts.usage = USAGE;
    end();
  };
  return { stream, finish };
}

async function from(): Promise<Begun> {
  let controller: ReadableStreamDefaultController<MessageChunk> | undefined;
  const chunks = new ReadableStream<MessageChunk>({
    start: (given) => {
      controller = given;
    },
  });
  for (const content of FIRST) controller?.enqueue(textChunk(content));
  const finish = (): void => {
    for (const content of REST) controller?.enqueue(textChunk(content));
    const { message } = complete([...FIRST, ...REST].join(""), { usage: USAGE });
    controller?.enqueue({ type: "final", content: "", message, isFinal: true });
    controller?.close();
  };
  return { stream: MessageStream.from(chunks), finish };
}

async function relayed(): Promise<Begun> {
  let request: FakeRequest | undefined;
  const { fetch } = fakeRelay((asked) => {
    request ??= asked;
    if (asked !== request) return asked.answer(202);
    const events = [opened(asked.body.run), ...FIRST.map((content, at) => text(content, `1-${at + 1}`))];
    asked.stream(events.map(encodeEvent).join(""));
  });
  const stream = await relayClient({ url: URL_OF_RELAY, fetch }).sendMessageStream(QUESTION);
  const end = complete([...FIRST, ...REST].join(""), { usage: USAGE });
  return { stream, finish: () => request?.write(...REST.map((content, at) => text(content, `1-${at + 3}`)), end) };
}

type Open = (port: number) => Promise<MessageStream>;

function served(open: Open): () => Promise<Begun> {
  return async () => {
    const requests: RawRequest[] = [];
    const server = await serve((request) => {
      requests.push(request);
      const events = FIRST.map((content) => CHAT.text(content, 0)).join("");
      request.socket.write(STREAM_HEAD + httpChunk(CHAT.begin() + events));
    });
    const stream = await open(server.port);
    const rest = REST.map((content) => CHAT.text(content, 1)).join("") + CHAT.end(2);
    const finish = (): void => {
      for (const { socket } of requests) if (!socket.destroyed) socket.write(httpChunk(rest) + LAST_CHUNK);
    };
    return { stream, finish };
  };
}

const tool = { name: "look", description: "Looks.", parameters: {}, run: () => "seen" };

const STREAMS: readonly (readonly [string, () => Promise<Begun>])[] = [
  ["a source that delivers early", pushed],
  ["`MessageStream.from`", from],
  ["a relay", relayed],
  ["a provider", served((port) => CHAT.client(port).sendMessageStream(QUESTION))],
  [
    "a provider with recovery",
    served((port) => CHAT.client(port).sendMessageStream(QUESTION, { recover: "continue" })),
  ],
  ["a fallback", served((port) => fallback([CHAT.client(port)]).sendMessageStream(QUESTION))],
  [
    "a hedge",
    served((port) => hedge(CHAT.client(port), CHAT.client(port), { afterMs: 5_000 }).sendMessageStream(QUESTION)),
  ],
  ["a session", served((port) => new LLMSession({ client: CHAT.client(port) }).sendMessageStream("Tell me."))],
  [
    "a session with tools",
    served((port) => new LLMSession({ client: CHAT.client(port), tools: [tool] }).sendMessageStream("Tell me.")),
  ],
];

/** A way to read; `next` resolves with the text of one step, or `undefined` at the end. */
type Reader = (stream: MessageStream) => { next(): Promise<string | undefined> };

const steps = <T>(iterator: AsyncIterator<T>, textOf: (value: T) => string): ReturnType<Reader> => ({
  next: async () => {
    const { done, value } = await iterator.next();
    return done ? undefined : textOf(value);
  },
});

const READERS: readonly (readonly [string, Reader])[] = [
  ["for await", (stream) => steps(stream[Symbol.asyncIterator](), ({ content }) => content)],
  ["batches()", (stream) => steps(stream.batches(), (batch) => batch.map(({ content }) => content).join(""))],
  ["text()", (stream) => steps(stream.text(), (content) => content)],
  [
    "toReadableStream()",
    (stream) => {
      const reader = stream.toReadableStream().getReader();
      return steps(
        { next: async () => (await reader.read()) as IteratorResult<MessageChunk> },
        ({ content }) => content,
      );
    },
  ],
];

/** Reads the rest, behind what was `shown`. */
async function readOn(reader: ReturnType<Reader>, shown = ""): Promise<string> {
  for (;;) {
    const step = await reader.next();
    if (step === undefined) return shown;
    shown += step;
  }
}

/** Lets everything happen that has been set off. */
async function settled(stream: MessageStream): Promise<void> {
  let isOver = false;
  stream.onEnd(() => {
    isOver = true;
  });
  await vi.waitUntil(() => isOver, { timeout: 10_000, interval: 1 });
}

describe.each(STREAMS)("%s", (_stream, begin) => {
  describe.each(READERS)("read by %s", (_reader, read) => {
    test.each([
      ["before the loop, which begins when the rest has come", "late"],
      ["before the loop, which begins before the rest comes", "early"],
      ["while the loop waits for its first words", "waiting"],
      ["after the first words", "after"],
    ] as const)("stopped %s", async (_moment, moment) => {
      const { stream, finish } = await begin();
      let reader: ReturnType<Reader> | undefined;
      let shown: Promise<string> | undefined;
      if (moment === "waiting") {
        reader = read(stream);
        shown = readOn(reader);
      }
      if (moment === "after") {
        reader = read(stream);
        shown = Promise.resolve((await reader.next()) ?? "");
        await shown;
      }
      const before = stream.partial.content;
      const drained = stream.stop({ drain: true });
      if (moment === "early") shown = readOn(read(stream));
      finish();
      await settled(stream);
      if (moment === "late") shown = readOn(read(stream));
      if (moment === "after" && reader) shown = readOn(reader, await shown);
      const { content, usage, estimatedUsage, finishReason } = await drained;
      expect(await shown).toBe(content);
      expect(content.startsWith(before)).toBe(true);
      expect({ usage, estimatedUsage, finishReason }).toMatchObject({
        usage: USAGE,
        estimatedUsage: undefined,
        finishReason: "stopped",
      });
      expect(await stream.finalMessage()).toMatchObject({ content });
    });
  });

  test("stopped when the complete message is being waited for: both resolve with the words so far", async () => {
    const { stream, finish } = await begin();
    const complete = stream.finalMessage();
    const drained = stream.stop({ drain: true });
    finish();
    expect(await complete).toEqual(await drained);
    expect((await drained).usage).toMatchObject(USAGE);
  });
});
