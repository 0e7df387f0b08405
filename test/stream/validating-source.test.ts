/** Calls and output are held against their schemas before anybody sees them as whole: in order, at once where it can be, never after the end. */

import type {
  AssistantMessage,
  JsonSchema,
  MessageChunk,
  SendError,
  SendOptions,
  StandardSchema,
  Tool,
} from "cloudllm";
import { describe, expect, test } from "vitest";
import { schemaEngine } from "../../src/schema/load-engine.ts";
import { validatingSource, validation } from "../../src/stream/load-validation.ts";
import { MessageStream } from "../../src/stream/message-stream.ts";
import { type ChunkSink, type ChunkSource, NO_SINK } from "../../src/stream/source.ts";

await Promise.all([schemaEngine.load(), validation.load()]); // as clients do before they send a request with schemas

/** A source played by hand: what it gives, and what was done to it. */
class HandSource implements ChunkSource {
  readonly facts: ChunkSource["facts"] = { provider: "hand", model: "m", attempts: [], finishReason: "stop" };
  sink: ChunkSink = NO_SINK;
  pulls = 0;
  closed = false;
  #onPull: (() => void) | undefined;

  attach(sink: ChunkSink): void {
    this.sink = sink;
  }

  pull(): void {
    this.pulls++;
    this.#onPull?.();
  }

  /** Ends the request under way, as the source of a client does. */
  close(): void {
    if (!this.closed) this.facts.attempts.push({ provider: "hand", model: "m", durationMs: 1, outcome: "stopped" });
    this.closed = true;
  }

  /** Resolves with the next pull. */
  pulled(): Promise<void> {
    return new Promise((resolve) => {
      this.#onPull = resolve;
    });
  }

  give(...chunks: MessageChunk[]): void {
    this.sink.chunks.push(...chunks);
    this.sink.flush();
  }
}

function open(
  options: Pick<SendOptions, "tools" | "output" | "invalidArguments" | "invalidOutput" | "signal" | "timeouts">,
) {
  const source = new HandSource();
  const stream = new MessageStream(validatingSource(source, options));
  return { stream, source };
}

const text = (content: string): MessageChunk => ({ type: "text", content, isFinal: false });

const call = (id: string, args: unknown, name = "weather"): MessageChunk => ({
  type: "toolCall",
  content: "",
  toolCall: { id, name, arguments: args },
  isFinal: false,
});

const CITY: JsonSchema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };

/** A schema that answers each value when it is told to, in any order. */
class SlowSchema implements StandardSchema {
  readonly asked: unknown[] = [];
  readonly #answers: ((issue?: string) => void)[] = [];
  #onAsked: (() => void) | undefined;
  readonly "~standard" = {
    version: 1,
    vendor: "slow",
    validate: (value: unknown) => {
      this.asked.push(value);
      this.#onAsked?.();
      return new Promise<{ value: unknown } | { issues: { message: string }[] }>((resolve) => {
        this.#answers.push((issue) => resolve(issue === undefined ? { value } : { issues: [{ message: issue }] }));
      });
    },
  } as const;

  /** Resolves when the next value is asked about. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#onAsked = resolve;
    });
  }

  answer(issue?: string): void {
    this.#answers.shift()?.(issue);
  }
}

async function rest(stream: MessageStream): Promise<{ seen: string[]; error: SendError | undefined }> {
  const seen: string[] = [];
  try {
    for await (const chunk of stream)
      seen.push(chunk.type === "toolCall" ? chunk.toolCall.id : chunk.content || chunk.type);
    return { seen, error: undefined };
  } catch (error) {
    return { seen, error: error as SendError };
  }
}

test.each([
  ["no tools and no output", {}],
  ["tools without parameters", { tools: [{ name: "now" }] }],
  [
    "calls that are delivered all the same",
    { tools: [{ name: "now", parameters: CITY }], invalidArguments: "deliver" as const },
  ],
])("%s: the source itself, with nothing in between", (_name, options) => {
  const source = new HandSource();
  expect(validatingSource(source, options)).toBe(source);
});

describe("tool calls", () => {
  const tools = [{ name: "weather", parameters: CITY }, { name: "now" }];

  test("pass in order with what stands around them", async () => {
    const { stream, source } = open({ tools });
    const done = rest(stream);
    source.give(text("a"), call("1", { city: "Oslo" }), text("b"), call("2", 5, "now"), call("3", 6, "unheard-of"));
    source.sink.end();
    expect(await done).toEqual({ seen: ["a", "1", "b", "2", "3", "final"], error: undefined });
  });

  test("that do not fit fail the reply, after what came before; tool and place are named, and the source is let go", async () => {
    const { stream, source } = open({ tools });
    const done = rest(stream);
    source.give(text("a"), call("1", { city: "Oslo" }), call("2", { city: 7 }), text("never"));
    const { seen, error } = await done;
    expect(seen).toEqual(["a", "1"]);
    expect(error).toMatchObject({
      kind: "invalidOutput",
      provider: "hand",
      model: "m",
      retryable: false,
      message: "The arguments of the call of weather do not fit its schema: city: must be a string, not 7.",
      partial: { content: "a", toolCalls: [{ id: "1" }], interrupted: true },
    });
    expect(source.closed).toBe(true);
    source.give(text("later")); // whatever a source does now
    source.sink.end();
    expect(stream.partial.content).toBe("a");
  });

  test("whose rule throws do not fit", async () => {
    const throws: StandardSchema = {
      "~standard": {
        version: 1,
        vendor: "mine",
        validate: () => {
          throw new Error("no map");
        },
      },
    };
    const rejects: StandardSchema = {
      "~standard": { version: 1, vendor: "mine", validate: () => Promise.reject(new Error("no map")) },
    };
    for (const parameters of [throws, rejects]) {
      const { stream, source } = open({ tools: [{ name: "weather", parameters }] });
      const done = rest(stream);
      source.give(call("1", {}));
      expect((await done).error).toMatchObject({
        kind: "invalidOutput",
        message: "The arguments of the call of weather do not fit its schema: the schema threw Error: no map.",
      });
    }
  });

  const thrower = {
    get issues() {
      throw new Error("a getter");
    },
  };
  test.each<readonly [string, unknown, string]>([
    ["nothing", undefined, "the schema gave no result"],
    ["null", null, "the schema gave no result"],
    ["a text", "yes", "the schema gave no result"],
    ["a text as issues", { issues: "wrong" }, "wrong"],
    ["issues that are none", { issues: [null, 7, { path: 3 }] }, "null; 7; undefined"],
    [
      "a symbol as its words",
      { issues: [{ message: Symbol("no"), path: ["a", 1, {}] }] },
      "a[1].[object Object]: Symbol(no)",
    ],
    ["words without a text form", { issues: [{ message: Object.create(null) }] }, "an object"],
    ["a getter that throws", thrower, "the schema threw Error: a getter"],
  ])("a rule that answers %s is a call that does not fit, at once and later", async (_name, answer, words) => {
    for (const validate of [() => answer, () => Promise.resolve(answer)]) {
      const parameters = { "~standard": { version: 1, vendor: "odd", validate } } as StandardSchema;
      const { stream, source } = open({ tools: [{ name: "weather", parameters }] });
      const done = rest(stream);
      source.give(call("1", {}));
      const { error } = await done;
      expect(error).toMatchObject({ kind: "invalidOutput", provider: "hand" });
      expect(error?.message).toBe(`The arguments of the call of weather do not fit its schema: ${words}.`);
    }
  });

  test("rules that answer later hold up the chunks, keep their order, and the source is not asked meanwhile", async () => {
    const slow = new SlowSchema();
    const { stream, source } = open({ tools: [{ name: "weather", parameters: slow }] });
    const done = rest(stream);
    source.give(text("a"), call("1", 1), text("b"), call("2", 2), text("c"));
    expect(stream.metrics.chunks).toBe(0);
    expect(slow.asked).toEqual([1]);
    const second = slow.next();
    slow.answer();
    await second;
    expect(slow.asked).toEqual([1, 2]);
    expect(source.pulls).toBe(1);
    const pulled = source.pulled();
    slow.answer();
    await pulled;
    expect(source.pulls).toBe(2);
    source.sink.end();
    expect(await done).toEqual({ seen: ["a", "1", "b", "2", "c", "final"], error: undefined });
  });

  test("a late no fails the reply", async () => {
    const slow = new SlowSchema();
    const { stream, source } = open({ tools: [{ name: "weather", parameters: slow }] });
    const done = rest(stream);
    source.give(text("a"), call("1", 1), text("b"));
    slow.answer("is not known");
    const { seen, error } = await done;
    expect(seen).toEqual(["a"]);
    expect(error?.message).toBe("The arguments of the call of weather do not fit its schema: is not known.");
  });

  test("promises of another make are waited for", async () => {
    const thenable = {
      // biome-ignore lint/suspicious/noThenProperty: a promise by hand
      then: (use: (result: unknown) => void) => queueMicrotask(() => use({ issues: [{ message: "no" }] })),
    };
    const parameters = {
      "~standard": { version: 1, vendor: "mine", validate: () => thenable },
    } as unknown as StandardSchema;
    const { stream, source } = open({ tools: [{ name: "weather", parameters }] });
    const done = rest(stream);
    source.give(call("1", 1));
    expect((await done).error?.kind).toBe("invalidOutput");
  });

  test("a failure does not wait for a rule; calls that fit are complete, those in doubt are not delivered", async () => {
    const slow = new SlowSchema();
    const { stream, source } = open({ tools: [...tools, { name: "slow", parameters: slow }] });
    const done = rest(stream);
    source.give(
      call("1", { city: "Oslo" }),
      call("2", 2, "slow"),
      text("b"),
      call("3", { city: "Rome" }),
      call("4", {}),
    );
    const { SendError: Failure } = await import("cloudllm");
    source.sink.fail(new Failure("network", "gone"));
    const { seen, error } = await done;
    expect(seen).toEqual(["1", "b", "3"]);
    expect(error).toMatchObject({ kind: "network", partial: { content: "b", toolCalls: [{ id: "1" }, { id: "3" }] } });
    slow.answer();
    await Promise.resolve();
    expect(error?.partial?.toolCalls).toHaveLength(2);
  });

  test("a stop does not wait for a rule, shows nothing in doubt, and stays the end", async () => {
    const slow = new SlowSchema();
    const { stream, source } = open({ tools: [{ name: "weather", parameters: slow }] });
    const chunks = stream[Symbol.asyncIterator]();
    const first = chunks.next();
    source.give(text("a"), call("1", 1));
    const message = await stream.stop();
    expect(message).toMatchObject({ finishReason: "stopped", toolCalls: [] });
    expect(source.closed).toBe(true);
    expect((await first).value).toMatchObject({ type: "final" });
    slow.answer("a late no");
    await Promise.resolve();
    expect(await chunks.next()).toEqual({ done: true, value: undefined });
    expect(stream.partial.finishReason).toBe("stopped");
  });
});

describe("output", () => {
  const ended = async (
    content: string,
    finishReason: AssistantMessage["finishReason"],
    raw?: string,
    tools?: readonly Tool[],
  ) => {
    const { stream, source } = open({ output: CITY, tools });
    const done = stream.finalMessage();
    source.facts.finishReason = finishReason;
    if (raw !== undefined) source.facts.rawFinishReason = raw;
    for (const piece of content) source.give(text(piece));
    source.sink.end();
    return done;
  };

  test("that fits is the message's value", async () => {
    expect(await ended('{"city":"Oslo"}', "stop")).toMatchObject({
      output: { city: "Oslo" },
      content: '{"city":"Oslo"}',
    });
  });

  test.each<[string, string, AssistantMessage["finishReason"], string | undefined, string]>([
    [
      "of another shape",
      '{"town":1}',
      "stop",
      undefined,
      "The reply does not fit the schema of `output`: city: is missing.",
    ],
    [
      "that is prose",
      "Oslo!",
      "stop",
      undefined,
      "The reply is not the JSON that was asked for: its text is on `partial`.",
    ],
    ["that is empty", "", "stop", undefined, "The reply is not the JSON that was asked for: its text is on `partial`."],
    [
      "cut at the limit of tokens",
      '{"city":"Os',
      "length",
      "max_tokens",
      "The reply is not the JSON that was asked for, because a token limit cut it (raise `maxOutputTokens`): its text is on `partial`.",
    ],
    [
      "withheld",
      "",
      "contentFilter",
      "SAFETY",
      "The reply is not the JSON that was asked for (finish reason: SAFETY): its text is on `partial`.",
    ],
    [
      "declined",
      "I cannot do that.",
      "refusal",
      "refusal",
      "The reply is not the JSON that was asked for (finish reason: refusal): its text is on `partial`.",
    ],
  ])("%s throws invalidOutput with the text and why", async (_name, content, finishReason, raw, message) => {
    await expect(ended(content, finishReason, raw)).rejects.toMatchObject({
      kind: "invalidOutput",
      message,
      retryable: false,
      partial: { content, ...(raw !== undefined && { rawFinishReason: raw }) },
    });
  });

  test.each(['{"city":"Os', '{"town":1}', "I cannot do that."])(
    "that does not match (%s) is delivered as it is to a caller who reads it itself",
    async (content) => {
      const { stream, source } = open({ output: CITY, invalidOutput: "deliver" });
      const done = stream.finalMessage();
      source.facts.finishReason = "length";
      source.give(text(content));
      source.sink.end();
      const message = await done;
      expect(message).toMatchObject({ content, finishReason: "length" });
      expect(message).not.toHaveProperty("output");
    },
  );

  test("that is complete in spite of a limit counts", async () => {
    expect(await ended('{"city":"Oslo"}', "length")).toMatchObject({
      output: { city: "Oslo" },
      finishReason: "length",
    });
  });

  test("is not owed by a reply that asks for tools first", async () => {
    const message = await ended("Let me look.", "toolCalls", undefined, [{ name: "look" }]);
    expect(message).not.toHaveProperty("output");
  });

  test("that comes after a connection broke is no output: the failure counts", async () => {
    const { stream, source } = open({ output: CITY });
    const done = stream.finalMessage();
    source.give(text('{"city":"Oslo"}'));
    const { SendError: Failure } = await import("cloudllm");
    source.sink.fail(new Failure("truncated", "cut"));
    await expect(done).rejects.toMatchObject({ kind: "truncated", partial: { content: '{"city":"Oslo"}' } });
  });

  test("text that was taken back does not count", async () => {
    const { stream, source } = open({ output: CITY });
    const done = stream.finalMessage();
    source.give(text('{"city":"Os'), { type: "rewind", content: "", length: 11, reasoningLength: 0, isFinal: false });
    source.give(text('{"city":"Rome"}'));
    source.sink.end();
    expect((await done).output).toEqual({ city: "Rome" });
  });

  test("the caller's signal ends the wait for a rule, also after the source has ended", async () => {
    for (const when of ["during", "before"] as const) {
      const slow = new SlowSchema();
      const aborting = new AbortController();
      const { stream, source } = open({ output: slow, signal: aborting.signal });
      const done = stream.finalMessage();
      source.give(text("5"));
      if (when === "before") aborting.abort("enough");
      source.sink.end();
      if (when === "during") aborting.abort("enough");
      await expect(done).rejects.toMatchObject({
        kind: "aborted",
        cause: "enough",
        provider: "hand",
        partial: { content: "5" },
      });
      expect(source.closed).toBe(true);
      slow.answer();
    }
  });

  test.each(["output", "parameters"])("the total limit ends the wait for a rule, too (%s)", async (what) => {
    const slow = new SlowSchema();
    const tools = [{ name: "weather", parameters: slow }];
    const { stream, source } = open({
      ...(what === "output" ? { output: slow } : { tools }),
      timeouts: { total: 30 },
    });
    const done = stream.finalMessage();
    source.give(text("5"));
    if (what === "parameters") source.sink.chunks.push(call("1", {}));
    source.sink.end(); // the source's own clock has stopped
    const error = await done.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ kind: "timeout", phase: "total", retryable: true, partial: { content: "5" } });
    expect((error as SendError).partial?.toolCalls).toEqual([]);
    slow.answer();
  });

  test("the request that the total limit ends while a rule is waited for has timed out", async () => {
    const slow = new SlowSchema();
    const { stream, source } = open({ tools: [{ name: "weather", parameters: slow }], timeouts: { total: 30 } });
    const done = stream.finalMessage();
    source.give(call("1", {}));
    const error = (await done.catch((reason: unknown) => reason)) as SendError;
    expect(error.attempts?.map(({ outcome }) => outcome)).toEqual(["timeout"]);
    slow.answer();
  });

  test("a stop while a rule is waited for shows what the message says", async () => {
    const slow = new SlowSchema();
    const { stream, source } = open({ output: slow });
    const done = rest(stream);
    source.give(text("5"));
    source.sink.chunks.push(text("6")); // the last read holds text and the end
    source.sink.end();
    const message = await stream.stop();
    const { seen } = await done;
    expect(seen).toEqual(["5", "final"]);
    expect(message).toMatchObject({ content: "5", finishReason: "stopped" });
  });

  test("a late yes is the message's value, and the signal is not listened to any more", async () => {
    const slow = new SlowSchema();
    const aborting = new AbortController();
    const { stream, source } = open({ output: slow, signal: aborting.signal });
    const done = stream.finalMessage();
    source.give(text("5"));
    source.sink.end();
    slow.answer();
    expect((await done).output).toBe(5);
    aborting.abort();
    expect(stream.partial).toMatchObject({ output: 5, finishReason: "stop" });
  });
});
