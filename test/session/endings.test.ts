import { LLMSession, MemoryStore, type Message, MessageStream, SendError, type ToolMessage } from "cloudllm";
import { Gate, type ReplyScript, scriptedClient } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { historyFault, requestFault } from "./legality.ts";

/** Role and text of each message, as one line each. */
function linesOf(messages: readonly Message[]): string[] {
  return messages.map((message) => {
    const mark = message.role === "assistant" && message.interrupted ? " (interrupted)" : "";
    return `${message.role}: ${typeof message.content === "string" ? message.content : "[parts]"}${mark}`;
  });
}

/** One way a turn may end, played by the consumer. Never rejects. */
type Consumer = (session: LLMSession, passing: Gate) => Promise<unknown>;

const settled = (promise: Promise<unknown>) => promise.catch((error: unknown) => error);

const readAll: Consumer = async (session) => settled((await session.sendMessageStream("question")).finalMessage());

const readAllByLoop: Consumer = (session) =>
  settled(
    (async () => {
      for await (const _chunk of await session.sendMessageStream("question"));
    })(),
  );

const breakAfterOne: Consumer = async (session) => {
  for await (const _chunk of await session.sendMessageStream("question")) break;
};

const throwAfterOne: Consumer = (session) =>
  settled(
    (async () => {
      for await (const _chunk of await session.sendMessageStream("question")) throw new Error("the page is gone");
    })(),
  );

const stopAfterOne: Consumer = async (session) => {
  const stream = await session.sendMessageStream("question");
  for await (const chunk of stream) if (!chunk.isFinal) await stream.stop();
};

const stopAtOnce: Consumer = async (session) => (await session.sendMessageStream("question")).stop();

const leaveBlock: Consumer = async (session) => {
  await using _stream = await session.sendMessageStream("question");
};

const abortAtGate: Consumer = async (session, passing) => {
  const abort = new AbortController();
  const stream = await session.sendMessageStream("question", { signal: abort.signal });
  const reply = settled(stream.finalMessage());
  await passing.reached;
  abort.abort();
  return reply;
};

const abortBeforeHeaders: Consumer = async (session, passing) => {
  const abort = new AbortController();
  const opening = settled(session.sendMessageStream("question", { signal: abort.signal }));
  await passing.reached;
  abort.abort();
  return opening;
};

const abortedBeforeSending: Consumer = (session) =>
  settled(session.sendMessageStream("question", { signal: AbortSignal.abort() }));

const open: Consumer = (session) => settled(session.sendMessageStream("question"));

const whole: Consumer = (session) => settled(session.sendMessage("question"));

const wholeAborted: Consumer = async (session, passing) => {
  const abort = new AbortController();
  const reply = settled(session.sendMessage("question", { signal: abort.signal }));
  await passing.reached;
  abort.abort();
  return reply;
};

const WHOLE = ["user: question", "assistant: Well, yes."];
const CUT = ["user: question", "assistant: Well (interrupted)"];
const NOTHING: string[] = [];
const TEXT = ["Well", ", yes."];

type Case = readonly [name: string, consumer: Consumer, script: (gate: Gate) => ReplyScript, kept: string[]];

const CASES: readonly Case[] = [
  ["a complete reply, read by finalMessage(), is kept", readAll, () => ({ text: TEXT }), WHOLE],
  ["a complete reply, read by a loop, is kept", readAllByLoop, () => ({ text: TEXT }), WHOLE],
  ["a complete reply, not streamed, is kept", whole, () => ({ text: TEXT }), WHOLE],
  ["leaving the loop keeps what came", breakAfterOne, () => ({ text: TEXT }), CUT],
  ["an error in the loop keeps what came", throwAfterOne, () => ({ text: TEXT }), CUT],
  ["stopping keeps what came", stopAfterOne, () => ({ text: TEXT }), CUT],
  [
    "aborting in the middle keeps what came",
    abortAtGate,
    (gate) => ({ steps: [{ text: "Well" }, { pause: gate }] }),
    CUT,
  ],
  [
    "aborting a non-streamed send in the middle keeps what came",
    wholeAborted,
    (gate) => ({ steps: [{ text: "Well" }, { pause: gate }] }),
    CUT,
  ],
  ["a reply that just ends keeps what came", readAll, () => ({ text: "Well", ending: "cut" }), CUT],
  ["a connection that breaks keeps what came", readAllByLoop, () => ({ text: "Well", ending: "reset" }), CUT],
  [
    "the provider's error in the middle keeps what came",
    readAll,
    () => ({ text: "Well", ending: { error: { message: "Overheated." } } }),
    CUT,
  ],
  ["a non-streamed send that is cut keeps what came", whole, () => ({ text: "Well", ending: "cut" }), CUT],
  ["stopping before anything came takes the question back", stopAtOnce, () => ({ text: TEXT }), NOTHING],
  ["leaving the block before anything came takes the question back", leaveBlock, () => ({ text: TEXT }), NOTHING],
  ["a refusal takes the question back", open, () => ({ refusal: { status: 401 } }), NOTHING],
  ["a refused non-streamed send takes the question back", whole, () => ({ refusal: { status: 500 } }), NOTHING],
  [
    "aborting before the headers takes the question back",
    abortBeforeHeaders,
    (gate) => ({ opensAfter: gate, text: TEXT }),
    NOTHING,
  ],
  ["a signal that had fired before takes the question back", abortedBeforeSending, () => ({ text: TEXT }), NOTHING],
  ["a failure before any chunk takes the question back", readAll, () => ({ text: [], ending: "reset" }), NOTHING],
  ["thinking alone is no reply to keep", readAll, () => ({ steps: [{ reasoning: "Hm." }], ending: "cut" }), NOTHING],
  ["a complete reply without a word goes, with its question", readAll, () => ({ text: [] }), NOTHING],
  ["white space alone is no reply to keep", readAll, () => ({ text: " \n" }), NOTHING],
  [
    "a finished call of a reply that was cut goes, its text stays",
    readAll,
    () => ({ steps: [{ text: "Well" }, { toolCall: { name: "look", arguments: { at: 1 } } }], ending: "cut" }),
    CUT,
  ],
  [
    "an unfinished call of a reply that was cut goes, its text stays",
    readAll,
    () => ({ steps: [{ text: "Well" }, { toolCall: { name: "look", fragments: ['{"at'] } }], ending: "reset" }),
    CUT,
  ],
  [
    "calls alone, in a reply that was cut, are no reply to keep",
    readAll,
    () => ({ steps: [{ toolCall: { name: "look" } }], ending: "cut" }),
    NOTHING,
  ],
];

describe("however a turn ends", () => {
  describe.each(CASES)("%s", (_name, consumer, script, kept) => {
    test("and the next request is legal and has each text once", async () => {
      const gate = new Gate();
      const client = scriptedClient([script(gate), { text: "Sure." }]);
      const session = new LLMSession({ client });
      await consumer(session, gate);
      expect(linesOf(session.history)).toEqual(kept);
      expect(historyFault(session.history)).toBeUndefined();

      await session.sendMessage("next");
      const request = client.calls.at(-1)?.messages ?? [];
      expect(linesOf(request)).toEqual([...kept, "user: next"]);
      expect(requestFault(request)).toBeUndefined();
    });

    test("and with `discard` an interrupted turn leaves no trace", async () => {
      const gate = new Gate();
      const session = new LLMSession({ client: scriptedClient([script(gate)]), onInterrupt: "discard" });
      await consumer(session, gate);
      expect(linesOf(session.history)).toEqual(kept === WHOLE ? WHOLE : []);
    });
  });

  test("the history is up to date before the consumer sees the final chunk", async () => {
    const session = new LLMSession({ client: scriptedClient([{ text: "Hi" }, { text: "Again" }]) });
    for await (const chunk of await session.sendMessageStream("question")) {
      expect(session.history).toHaveLength(chunk.isFinal ? 2 : 0);
      if (chunk.isFinal) await session.sendMessage("and at once the next");
    }
    expect(session.history).toHaveLength(4);
  });

  test("the history is up to date before the consumer sees the error", async () => {
    const session = new LLMSession({ client: scriptedClient([{ text: "Hi", ending: "cut" }]) });
    const stream = await session.sendMessageStream("question");
    await stream.finalMessage().catch(() => expect(linesOf(session.history)).toHaveLength(2));
    expect.assertions(1);
  });

  test("a stop that drains keeps what was shown, and counts the exact bill", async () => {
    const usage = { inputTokens: 9, outputTokens: 5 };
    const session = new LLMSession({ client: scriptedClient([{ text: TEXT, ending: { usage } }]) });
    const stream = await session.sendMessageStream("question");
    for await (const chunk of stream) if (!chunk.isFinal) await stream.stop({ drain: true });
    expect(linesOf(session.history)).toEqual(CUT);
    expect(session.tokenUsage()).toMatchObject(usage);
  });

  test("a stop that drains keeps what was shown, also of a stream that came from another thread", async () => {
    const usage = { inputTokens: 9, outputTokens: 5 };
    const scripted = scriptedClient([{ text: TEXT, ending: { usage } }]);
    const client: typeof scripted = {
      ...scripted,
      sendMessageStream: async (messages, options) =>
        MessageStream.from((await scripted.sendMessageStream(messages, options)).toReadableStream()),
    };
    const session = new LLMSession({ client });
    const stream = await session.sendMessageStream("question");
    for await (const chunk of stream) if (!chunk.isFinal) await stream.stop({ drain: true });
    expect(linesOf(session.history)).toEqual(CUT);
    expect(session.history.at(-1)).toMatchObject({ provider: "scripted", model: "script" });
    expect(session.tokenUsage()).toMatchObject(usage);
  });

  test("a complete reply is kept as it came, with what its provider wants back", async () => {
    const replay = { provider: "fake", protocol: "fake", data: { signature: "x" } };
    const { session } = sessionOver((message) => ({ ...message, replay }));
    const reply = await session.sendMessage("question");
    expect(session.history.at(-1)).toBe(reply);
    expect(reply.replay).toEqual(replay);
  });

  test("of an interrupted reply nothing goes back that its provider signed", async () => {
    const replay = { provider: "fake", protocol: "fake", data: { signature: "x" } };
    const { session } = sessionOver((message) => ({ ...message, replay, interrupted: true }));
    await session.sendMessage("question");
    expect(session.history.at(-1)).toMatchObject({ content: "Hello", interrupted: true });
    expect(session.history.at(-1)).not.toHaveProperty("replay");
  });

  test("an error that is not the library's own is the cause of a SendError, and the session is free again", async () => {
    const fault = new Error("a bug in somebody's client");
    const scripted = scriptedClient([{ text: "Hi" }]);
    const session = new LLMSession({ client: { ...scripted, sendMessage: () => Promise.reject(fault) } });
    const error = await session.sendMessage("question").catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(SendError);
    expect(error).toMatchObject({ kind: "protocol", cause: fault });
    expect(session.history).toEqual([]);
    await (await session.sendMessageStream("question")).finalMessage();
    expect(linesOf(session.history)).toEqual(["user: question", "assistant: Hi"]);
  });

  test("a stream that had failed before the session got it is over at once", async () => {
    const failed = MessageStream.from(
      (async function* () {
        yield { type: "text", content: "Well", isFinal: false } as const;
        throw new SendError("network", "The connection broke.");
      })(),
    );
    await failed.finalMessage().catch(() => undefined);
    const scripted = scriptedClient([]);
    const session = new LLMSession({ client: { ...scripted, sendMessageStream: () => Promise.resolve(failed) } });
    await session.sendMessageStream("question");
    expect(linesOf(session.history)).toEqual(CUT);
  });
});

/** A session over a client whose replies are altered on their way. */
function sessionOver(alter: (message: Awaited<ReturnType<LLMSession["sendMessage"]>>) => typeof message) {
  const scripted = scriptedClient([{ text: "Hello" }]);
  const client: typeof scripted = {
    ...scripted,
    sendMessage: async (messages, options) => alter(await scripted.sendMessage(messages, options)),
  };
  return { session: new LLMSession({ client }) };
}

describe("one turn at a time", () => {
  const busy = expect.objectContaining({ kind: "busy" });

  test("a second send is refused while the first opens, flows or waits for its reader", async () => {
    const opening = new Gate();
    const client = scriptedClient([{ opensAfter: opening, text: TEXT }]);
    const session = new LLMSession({ client });
    const first = session.sendMessageStream("question");
    await opening.reached;
    await expect(session.sendMessageStream("too early")).rejects.toEqual(busy);
    opening.open();
    const stream = await first;
    await expect(session.sendMessage("too early")).rejects.toEqual(busy);
    for await (const chunk of stream) if (!chunk.isFinal) await expect(session.sendMessage("no")).rejects.toEqual(busy);
    expect(client.calls).toHaveLength(1);
    expect(linesOf(session.history)).toEqual(WHOLE);
  });

  test("two sends at once: one is answered, the other refused", async () => {
    const session = new LLMSession({ client: scriptedClient([{ text: TEXT }]) });
    const [first, second] = await Promise.allSettled([session.sendMessage("question"), session.sendMessage("other")]);
    expect(first.status).toBe("fulfilled");
    expect(second).toEqual({ status: "rejected", reason: busy });
    expect(linesOf(session.history)).toEqual(WHOLE);
  });

  test("a refused second send leaves the first to end as it would", async () => {
    const session = new LLMSession({ client: scriptedClient([{ text: TEXT }]) });
    const stream = await session.sendMessageStream("question");
    await settled(session.sendMessage("other"));
    expect((await stream.finalMessage()).content).toBe("Well, yes.");
  });

  test("the client, the last exchange and the history are not changed under a turn", async () => {
    const client = scriptedClient([{ text: TEXT }, { text: TEXT }]);
    const session = new LLMSession({ client });
    await session.sendMessage("first");
    const stream = await session.sendMessageStream("question");
    expect(() => session.undo()).toThrow(busy);
    expect(() => session.clear()).toThrow(busy);
    expect(() => {
      session.client = client;
    }).toThrow(busy);
    await stream.stop();
    expect(session.undo()).toBe("first");
  });

  test("input that is refused leaves the session free", async () => {
    const session = new LLMSession({ client: scriptedClient([{ text: TEXT }]), maxTokens: 100 });
    await expect(session.sendMessage("")).rejects.toMatchObject({ kind: "invalidRequest" });
    await expect(session.sendMessage("long ".repeat(1_000))).rejects.toMatchObject({ kind: "contextLength" });
    await session.sendMessage("question");
    expect(linesOf(session.history)).toEqual(WHOLE);
  });
});

describe("tool calls", () => {
  const calls: ReplyScript = { steps: [{ toolCall: { name: "look" } }, { toolCall: { name: "listen" } }] };
  const result = (toolCallId: string): ToolMessage => ({
    role: "tool",
    toolCallId,
    content: `result of ${toolCallId}`,
  });

  test("are answered by their results, in the order of the calls", async () => {
    const client = scriptedClient([calls, { text: "Both." }]);
    const session = new LLMSession({ client });
    const { toolCalls } = await session.sendMessage("question");
    expect(toolCalls.map(({ id }) => id)).toEqual(["call_1", "call_2"]);
    await session.sendMessage([result("call_2"), result("call_1")]);
    expect(linesOf(session.history)).toEqual([
      "user: question",
      "assistant: ",
      "tool: result of call_1",
      "tool: result of call_2",
      "assistant: Both.",
    ]);
    expect(requestFault(client.calls.at(-1)?.messages ?? [])).toBeUndefined();
  });

  test("are closed as not answered when the user says something else", async () => {
    const client = scriptedClient([calls, { text: "As you like." }]);
    const session = new LLMSession({ client });
    await session.sendMessage("question");
    await session.sendMessage("never mind");
    const request = client.calls.at(-1)?.messages ?? [];
    expect(requestFault(request)).toBeUndefined();
    expect(request.filter(({ role }) => role === "tool")).toEqual([
      { role: "tool", toolCallId: "call_1", content: "No result was given for this call.", isError: true },
      { role: "tool", toolCallId: "call_2", content: "No result was given for this call.", isError: true },
    ]);
  });

  test.each([
    ["the words that came instead", "never mind" as const],
    ["the results", [result("call_1"), result("call_2")]],
  ])("wait again when the send of %s fails", async (_name, input) => {
    const session = new LLMSession({
      client: scriptedClient([calls, { refusal: { status: 503 } }, { text: "Both." }]),
    });
    await session.sendMessage("question");
    const before = session.history;
    await expect(session.sendMessage(input)).rejects.toMatchObject({ kind: "overloaded" });
    expect(session.history).toEqual(before);
    await session.sendMessage([result("call_1"), result("call_2")]);
    expect(session.history).toHaveLength(5);
  });

  test("stay answered when the model has nothing to add", async () => {
    const client = scriptedClient([calls, { text: [] }, { text: "Yes?" }]);
    const session = new LLMSession({ client });
    await session.sendMessage("question");
    await session.sendMessage([result("call_1"), result("call_2")]);
    await session.sendMessage("so?");
    expect(linesOf(session.history).slice(2)).toEqual([
      "tool: result of call_1",
      "tool: result of call_2",
      "user: so?",
      "assistant: Yes?",
    ]);
  });

  test.each([
    [
      "a result for a call that was not made",
      [result("call_1"), result("call_2"), result("call_3")],
      /call_3 answers no call/,
    ],
    ["two results for one call", [result("call_1"), result("call_1"), result("call_2")], /call_1 answers no call/],
    ["a call left out", [result("call_2")], /call_1 of look has no result/],
    ["no results at all", [], /call_1 of look, .* have no result/],
    ["a result without text", [{ role: "tool", toolCallId: "call_1" } as ToolMessage], /its content is not a string/],
  ])("%s is refused before anything is sent", async (_name, results, message) => {
    const client = scriptedClient([calls]);
    const session = new LLMSession({ client });
    await session.sendMessage("question");
    await expect(session.sendMessage(results)).rejects.toMatchObject({
      kind: "invalidRequest",
      message: expect.stringMatching(message),
    });
    expect(client.calls).toHaveLength(1);
  });

  test("results that were not asked for are refused", async () => {
    const session = new LLMSession({ client: scriptedClient([{ text: TEXT }]) });
    await session.sendMessage("question");
    await expect(session.sendMessage([result("call_1")])).rejects.toMatchObject({ kind: "invalidRequest" });
  });
});

describe.each<[string, (client: ReturnType<typeof scriptedClient>) => Promise<LLMSession>]>([
  ["a session in memory", async (client) => new LLMSession({ client })],
  ["a session with a store", (client) => LLMSession.open({ client, store: new MemoryStore(), id: "s" })],
  ["a session with tools", async (client) => new LLMSession({ client, tools: [{ name: "look", run: () => "x" }] })],
])("the stream of %s", (_name, make) => {
  const text = Array.from({ length: 40 }, (_, index) => `word${index} `);
  const usage = { inputTokens: 7, outputTokens: 40 };

  test.each([
    ["above", 1_000, true],
    ["below", 5, false],
  ])("drains as far as its caller allows: a limit %s the rest of the reply", async (_limit, maxTokens, isReported) => {
    const session = await make(scriptedClient([{ text, ending: { usage } }]));
    const stream = await session.sendMessageStream("question");
    for await (const chunk of stream) if (!chunk.isFinal) await stream.stop({ drain: { maxTokens } });
    const reply = await stream.finalMessage();
    expect(reply.usage !== undefined).toBe(isReported);
    expect(linesOf(session.history)).toEqual(["user: question", `assistant: ${reply.content} (interrupted)`]);
  });

  test("ends its turn at the moment of an abort, so that the next message may follow at once", async () => {
    const session = await make(scriptedClient([{ text }, { text: "again" }]));
    const controller = new AbortController();
    const stream = await session.sendMessageStream("question", { signal: controller.signal });
    await stream[Symbol.asyncIterator]().next();
    controller.abort();
    expect((await session.sendMessage("another")).content).toBe("again");
    await expect(stream.finalMessage()).rejects.toMatchObject({ kind: "aborted" });
  });
});
