/** Anybody may write a client: one that answers with something else fails its turn, and only that. */

import {
  type AssistantMessage,
  type ClientWrapper,
  fallback,
  hedge,
  LLMSession,
  MemoryStore,
  type MessageChunk,
  MessageStream,
  rateLimit,
  SendError,
  type Tool,
} from "cloudllm";
import { scriptedClient } from "cloudllm/testing";
import { describe, expect, test } from "vitest";

const GOOD = await scriptedClient([{ text: "Fine." }]).sendMessage([{ role: "user", content: "How are you?" }]);

/** A stream that ends with this for a message. */
function streamOf(message: unknown): MessageStream {
  return MessageStream.from(
    (async function* (): AsyncGenerator<MessageChunk> {
      yield { type: "text", content: GOOD.content, isFinal: false };
      yield { type: "final", content: "", message: message as AssistantMessage, isFinal: true };
    })(),
  );
}

/** A client whose first reply is this. */
function answering(first: unknown, firstStream: unknown): ClientWrapper {
  let isFirst = true;
  const once = <T>(bad: unknown, good: T): T => {
    const given = isFirst ? (bad as T) : good;
    isFirst = false;
    return given;
  };
  return {
    provider: "p",
    model: "m",
    sendMessage: async () => once(first, GOOD),
    sendMessageStream: async () => once(firstStream, streamOf(GOOD)),
  };
}

const look: Tool = { name: "look", run: () => "a bird" };

const NO_REPLIES: readonly (readonly [name: string, reply: unknown, stream?: unknown])[] = [
  ["nothing", undefined, undefined],
  ["null", null, null],
  ["a text", "Fine.", "Fine."],
  ["an object of its own", { text: "Fine." }, { text: "Fine." }],
  ["a reply without a role", { ...GOOD, role: undefined }],
  ["a reply of the user", { ...GOOD, role: "user" }],
  ["a reply without a text", { ...GOOD, content: undefined }],
  ["a reply whose text is a number", { ...GOOD, content: 5 }],
  ["calls that are a text", { ...GOOD, toolCalls: "look", finishReason: "toolCalls" }],
  ["calls that cannot be answered", { ...GOOD, toolCalls: [{ name: "look" }], finishReason: "toolCalls" }],
];

describe.each(["in memory", "in a store"])("a session that is kept %s", (kind) => {
  async function opened(client: ClientWrapper): Promise<LLMSession> {
    return kind === "in memory"
      ? new LLMSession({ client })
      : LLMSession.open({ client, store: new MemoryStore(), id: "s" });
  }

  describe.each([
    ["whole", undefined],
    ["whole", [look]],
    ["streamed", undefined],
    ["streamed", [look]],
  ] as const)("and asks for a %s reply, with the tools %j", (way, given) => {
    const tools = given && { tools: given };
    const say = async (session: LLMSession) =>
      way === "whole"
        ? session.sendMessage("question", tools)
        : (await session.sendMessageStream("question", tools)).finalMessage();

    test.each(NO_REPLIES)("continues after %s", async (_name, reply, stream = streamOf(reply)) => {
      const session = await opened(answering(reply, reply === undefined || reply === null ? reply : stream));
      const outcome = await say(session).catch((error: unknown) => error);
      // A stream that is handed through is its maker's; whatever the session makes says what is wrong.
      const isHandedThrough = way === "streamed" && !given && kind === "in memory" && stream instanceof MessageStream;
      if (!isHandedThrough) expect(outcome).toMatchObject({ kind: "protocol" });
      expect(session.history).toEqual([]);
      expect(session.unanswered).toBe("question");
      expect(await session.sendMessage("again")).toMatchObject({ content: "Fine." });
      expect(session.history).toHaveLength(2);
      JSON.stringify(session);
    });

    test.each<[name: string, usage: unknown]>([
      ["a number", 5],
      ["counts that are texts", { inputTokens: "5", outputTokens: "5", totalTokens: "10" }],
      ["counts below nothing", { inputTokens: -5, outputTokens: 1, totalTokens: 0 }],
      ["half of the counts", { inputTokens: 5 }],
    ])("counts no usage that is %s", async (_name, usage) => {
      const reply = { ...GOOD, estimatedUsage: undefined, usage };
      const session = await opened(answering(reply, streamOf(reply)));
      expect(await say(session)).toMatchObject({ content: "Fine." });
      expect(session.tokenUsage()).toMatchObject({ totalTokens: 0, turns: [] });
    });
  });
});

const QUESTION = [{ role: "user", content: "question" }] as const;
type Say = (client: ClientWrapper, signal?: AbortSignal) => Promise<unknown>;

const CALLS: readonly (readonly [string, Say])[] = [
  ["a session's reply", (client, signal) => new LLMSession({ client }).sendMessage("question", { signal })],
  ["a session's stream", (client, signal) => new LLMSession({ client }).sendMessageStream("question", { signal })],
  [
    "a kept session's reply",
    async (client, signal) =>
      (await LLMSession.open({ client, store: new MemoryStore(), id: "s" })).sendMessage("question", { signal }),
  ],
  ["a fallback's reply", (client, signal) => fallback([client]).sendMessage(QUESTION, { signal })],
  ["a fallback's stream", (client, signal) => fallback([client]).sendMessageStream(QUESTION, { signal })],
  ["a hedge's reply", (client, signal) => hedge(client, client, { afterMs: 0 }).sendMessage(QUESTION, { signal })],
  [
    "a hedge's stream",
    (client, signal) => hedge(client, client, { afterMs: 0 }).sendMessageStream(QUESTION, { signal }),
  ],
  ["a rate limit's reply", (client, signal) => rateLimit(client, {}).sendMessage(QUESTION, { signal })],
  ["a rate limit's stream", (client, signal) => rateLimit(client, {}).sendMessageStream(QUESTION, { signal })],
];

const THROWN: readonly (readonly [string, unknown])[] = [
  ["an error", new TypeError("no socket")],
  ["a text", "no socket"],
  ["nothing", undefined],
  ["null", null],
  ["an object", { code: "E" }],
  ["an object without a text form", Object.create(null)],
  [
    "a proxy that throws",
    new Proxy(
      {},
      {
        getPrototypeOf: () => {
          throw new Error("no prototype");
        },
      },
    ),
  ],
];

describe.each(CALLS)("%s", (_name, say) => {
  const failing = (fail: () => Promise<never>): ClientWrapper => ({
    provider: "p",
    model: "m",
    sendMessage: fail,
    sendMessageStream: fail,
  });

  test.each(THROWN)(
    "a program that handles SendErrors alone is not surprised by %s of a foreign client",
    async (_thrown, thrown) => {
      for (const fail of [
        () => Promise.reject(thrown),
        () => {
          throw thrown;
        },
      ]) {
        const failure: unknown = await say(failing(fail)).catch((error: unknown) => error);
        expect(failure).toBeInstanceOf(SendError);
        expect(failure).toMatchObject({ kind: "protocol", message: expect.stringContaining("The client failed: ") });
        if ((thrown ?? undefined) !== undefined) expect(Object.is((failure as SendError).cause, thrown)).toBe(true);
      }
    },
  );

  test("a client that returns nothing is a failure of the client", async () => {
    const failure: unknown = await say(failing(() => Promise.resolve() as Promise<never>)).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(SendError);
    expect(failure).toMatchObject({ kind: "protocol" });
  });

  test("the end by the caller is `aborted`, for any error of the client", async () => {
    const controller = new AbortController();
    const client: ClientWrapper = failing(async () => {
      controller.abort(new Error("enough"));
      throw new DOMException("This operation was aborted", "AbortError");
    });
    await expect(say(client, controller.signal)).rejects.toMatchObject({ kind: "aborted" });
  });
});
