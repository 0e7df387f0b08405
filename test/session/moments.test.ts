/** A turn that is left at any moment, between any two steps of its promises: it has one end, for its reader and in its store. */

import {
  type AssistantMessage,
  LLMSession,
  MemoryStore,
  type MessageChunk,
  type MessageStream,
  SendError,
  type Tool,
} from "cloudllm";
import { type ReplyScript, scriptedClient } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { historyFault } from "./legality.ts";

const look: Tool = { name: "look", run: () => "a bird" };

const SCRIPTS: readonly (readonly [name: string, scripts: readonly ReplyScript[]])[] = [
  ["one reply", [{ text: ["Well", ", yes", "."] }]],
  [
    "two replies",
    [{ steps: [{ text: "Let me see. " }, { toolCall: { name: "look" } }] }, { text: ["A ", "bird", "."] }],
  ],
];

interface Left {
  readonly stream: MessageStream;
  readonly session: LLMSession;
  readonly abort: AbortController;
}

const WAYS: readonly (readonly [way: string, leave: (left: Left) => unknown])[] = [
  ["stop()", ({ stream }) => stream.stop()],
  ["stop({ drain: true })", ({ stream }) => stream.stop({ drain: true })],
  ["the end of a block", ({ stream }) => stream[Symbol.asyncDispose]()],
  ["the end of the session's block", ({ session }) => session[Symbol.asyncDispose]()],
  ["the signal", ({ abort }) => abort.abort()],
];

const MAX_CHUNKS = 7;
const MAX_STEPS = 6;

describe.each(SCRIPTS)("a turn of %s", (_name, scripts) => {
  test.each(WAYS)("that is left by %s", async (_way, leave) => {
    for (let chunks = 0; chunks <= MAX_CHUNKS; chunks++) {
      for (let steps = 0; steps <= MAX_STEPS; steps++) {
        const at = `after ${chunks} chunks and ${steps} steps`;
        const store = new MemoryStore();
        const client = scriptedClient(scripts);
        const session = await LLMSession.open({ client, store, id: "s", flushIntervalMs: 0 });
        const abort = new AbortController();
        const stream = await session.sendMessageStream("question", { tools: [look], signal: abort.signal });
        const seen: MessageChunk[] = [];
        const ending = readTo(stream, chunks, seen, async () => {
          for (let step = 0; step < steps; step++) await undefined;
          void leave({ stream, session, abort });
        });
        const message = await ending.catch((error: unknown) => {
          if (error instanceof SendError && error.kind === "aborted") return undefined;
          throw error;
        });
        // Who aborts wants nothing more, and is told all on the error.
        if (message) expect(message.content, at).toBe(seen.map(({ content }) => content).join(""));
        await session[Symbol.asyncDispose]();
        expect(historyFault(session.history), at).toBeUndefined();
        const ends = (await store.load("s")).map(({ type }) => type);
        expect(ends.at(-1), at).toBe("end");
        expect(
          ends.filter((type) => type === "end"),
          at,
        ).toHaveLength(1);
        await using again = await LLMSession.open({ client, store, id: "s" });
        expect(again.history, at).toEqual(JSON.parse(JSON.stringify(session.history)));
      }
    }
  });
});

/** Takes so many chunks, and leaves when the next is waited for. */
async function readTo(
  stream: MessageStream,
  chunks: number,
  seen: MessageChunk[],
  leave: () => Promise<void>,
): Promise<AssistantMessage> {
  const reading = stream[Symbol.asyncIterator]();
  let isLeft = false;
  for (;;) {
    const next = reading.next();
    if (seen.length === chunks && !isLeft) {
      isLeft = true;
      next.catch(() => undefined);
      await leave();
    }
    const { done, value } = await next;
    if (done) return stream.finalMessage();
    seen.push(value);
  }
}
