/** Tools that hang, throw, or return what is not JSON: the model learns something true, the program learns everything. */

import {
  CompatibleClient,
  LLMSession,
  MemoryStore,
  type MessageChunk,
  SendError,
  type Tool,
  type ToolCall,
  type ToolMessage,
  type ToolResultChunk,
} from "cloudllm";
import { type ReplyScript, scriptedClient, startProviderServer } from "cloudllm/testing";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { toolErrorText, toolResultText } from "../../src/session/tool-result-text.ts";
import { historyFault } from "./legality.ts";

const calling = (...names: readonly string[]): ReplyScript => ({
  steps: names.map((name) => ({ toolCall: { name, id: name } })),
});
const DONE: ReplyScript = { text: "done" };

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<T>((...settle) => {
    [resolve, reject] = settle;
  });
  return { promise, resolve, reject };
}

/** One turn in which the model calls `look` once. */
async function turnWith(run: NonNullable<Tool["run"]>) {
  const heard: (readonly [error: unknown, call: ToolCall])[] = [];
  const client = scriptedClient([calling("look"), DONE]);
  const onToolError = (error: unknown, call: ToolCall) => heard.push([error, call]);
  const session = new LLMSession({ client, onToolError });
  const chunks: MessageChunk[] = [];
  for await (const chunk of await session.sendMessageStream("question", { tools: [{ name: "look", run }] }))
    chunks.push(chunk);
  const chunk = chunks.find((each): each is ToolResultChunk => each.type === "toolResult");
  const kept = session.history.find((message): message is ToolMessage => message.role === "tool");
  expect(session.history.at(-1)).toMatchObject({ content: "done" });
  expect(chunk?.result).toBe(kept?.content);
  expect(client.calls[1]?.messages.at(-1)).toMatchObject({ content: kept?.content });
  return { session, heard, chunk, kept, text: kept?.content, isError: kept?.isError ?? false };
}

class Empty {
  readonly #hidden = 1;
  get hidden(): number {
    return this.#hidden;
  }
}
class Point {
  readonly x = 1;
  readonly move = () => undefined;
}
const circular: Record<string, unknown> = { name: "loop" };
circular.self = circular;

describe("what a tool returns", () => {
  test.each<[string, unknown, string]>([
    ["a Map, as its entries", new Map([["a", 1]]), '[["a",1]]'],
    ["a Map in an object", { counts: new Map([["a", 1]]) }, '{"counts":[["a",1]]}'],
    ["a Set, as an array", new Set(["a", "b"]), '["a","b"]'],
    [
      "an Error in an object",
      { ok: false, why: new RangeError("too far") },
      '{"ok":false,"why":{"name":"RangeError","message":"too far"}}',
    ],
    ["a bigint", 2n ** 64n, '"18446744073709551616"'],
    ["a bigint in a list", [1n], '["1"]'],
    [
      "a number that is not finite",
      { ratio: Number.NaN, most: Number.POSITIVE_INFINITY },
      '{"ratio":"NaN","most":"Infinity"}',
    ],
    ["a Date", new Date(0), '"1970-01-01T00:00:00.000Z"'],
    ["an invalid Date", { at: new Date(Number.NaN) }, '{"at":"Invalid Date"}'],
    ["an object with data and methods", new Point(), '{"x":1}'],
    ["what says itself how it is written", { toJSON: () => ({ a: 1 }) }, '{"a":1}'],
    ["an empty object", {}, "{}"],
    ["an object without prototype", Object.create(null), "{}"],
    ["an optional field that is absent", { a: undefined }, "{}"],
    ["null", null, "null"],
    ["nothing", undefined, "null"],
    ["a boxed number", Object(5), "5"],
    ["a list", [1, "a", null], '[1,"a",null]'],
  ])("%s is sent as it is", async (_name, value, text) => {
    const turn = await turnWith(() => value);
    expect([turn.text, turn.isError, turn.heard]).toEqual([text, false, []]);
  });

  test.each<[string, unknown, RegExp]>([
    ["an Error", new Error("no such city"), /^no such city$/],
    ["a function", () => 1, /returned a function, which is not a JSON value/],
    ["a symbol", Symbol("s"), /returned a symbol/],
    ["a function in a list", [() => 1], /a function \(at "0"\)/],
    ["an object of functions alone", { f: () => 1 }, /an object without data/],
    ["an instance without fields", new Empty(), /an instance of Empty/],
    ["an instance in an object", { of: new Empty() }, /an instance of Empty without data that JSON sees \(at "of"\)/],
    ["a promise that was not awaited", { later: Promise.resolve(1) }, /an instance of Promise/],
    ["a regular expression", /a/, /an instance of RegExp/],
    ["URL parameters", new URLSearchParams("a=1"), /an instance of URLSearchParams/],
    ["headers", new Headers({ a: "1" }), /an instance of Headers/],
    ["bytes", new ArrayBuffer(2), /an instance of ArrayBuffer/],
    ["something circular", circular, /circular/i],
    ["what says that it is nothing", { toJSON: () => undefined }, /not a JSON value/],
    [
      "what throws when it is written",
      {
        toJSON: () => {
          throw new Error("closed");
        },
      },
      /closed/,
    ],
  ])("%s is an error result, of which the program learns", async (_name, value, text) => {
    const turn = await turnWith(() => value);
    expect(turn.text).toMatch(text);
    expect(turn.text).not.toMatch(/^(?:\{\}|null)$|\n/);
    expect(turn.isError).toBe(true);
    expect(turn.heard).toEqual([[expect.any(Error), expect.objectContaining({ id: "look" })]]);
    expect(turn.chunk?.error).toBe(turn.heard[0]?.[0]);
  });

  test("deep beyond what JSON can write is an error result", async () => {
    let deep: unknown = 1;
    for (let level = 0; level < 100_000; level++) deep = [deep];
    const turn = await turnWith(() => deep);
    expect(turn).toMatchObject({ isError: true, text: expect.stringContaining("JSON") });
  });
});

describe("what a tool throws", () => {
  const inner = new Error("the disk is full");
  test.each<[string, unknown, string]>([
    ["an error", inner, "the disk is full"],
    ["an error with a cause", new Error("cannot save", { cause: inner }), "cannot save"],
    ["several errors", new AggregateError([inner], "nothing worked"), "nothing worked"],
    ["a stack as text", inner.stack, "Error: the disk is full"],
    ["an error whose message is a stack", new Error(inner.stack), "Error: the disk is full"],
    ["an error made into an object", { message: "no", stack: inner.stack }, "no"],
    ["an object with a stack", { code: 5, stack: inner.stack }, '{"code":5}'],
    ["an object with nothing to say", {}, "The tool failed and did not say why."],
    ["nothing", undefined, "The tool failed and did not say why."],
  ])("%s reaches the model without a stack, and the program as it is", async (_name, thrown, text) => {
    const turn = await turnWith(() => Promise.reject(thrown));
    expect(turn.text).toBe(text);
    expect(turn.text).not.toContain(import.meta.filename);
    expect(turn.isError).toBe(true);
    expect(turn.heard).toEqual([[thrown, expect.objectContaining({ name: "look" })]]);
    expect(turn.chunk?.error).toBe(thrown);
    expect(turn.kept?.error).toBe(thrown);
  });

  test("does not stand in JSON, in a store, or in another thread", async () => {
    const store = new MemoryStore();
    const session = await LLMSession.open({ client: scriptedClient([calling("look"), DONE]), store, id: "s" });
    const error = Object.assign(new Error("no"), { self: () => error });
    const tools: readonly Tool[] = [{ name: "look", run: () => Promise.reject(error) }];
    for await (const chunk of await session.sendMessageStream("question", { tools })) {
      if (chunk.type === "toolResult") expect(structuredClone(chunk)).not.toHaveProperty("error");
    }
    expect(JSON.stringify(session)).not.toContain('"error"');
    expect(JSON.stringify(await store.load("s"))).not.toContain('"error"');
    expect(LLMSession.fromJSON(JSON.parse(JSON.stringify(session)), { client: session.client }).history).toHaveLength(
      4,
    );
  });

  test("is reported before the turn continues; a hook that fails is not the turn's affair", async () => {
    for (const fails of [() => Promise.reject(new Error("late")), () => JSON.parse("{")]) {
      const client = scriptedClient([calling("look"), DONE]);
      const session = new LLMSession({ client, onToolError: fails });
      const tools: readonly Tool[] = [{ name: "look", run: () => Promise.reject(new Error("no")) }];
      expect((await session.sendMessage("question", { tools })).content).toBe("done");
    }
  });

  test("mistakes of the model are no errors of the tool", async () => {
    const heard: unknown[] = [];
    const client = scriptedClient([calling("look", "unknown"), DONE]);
    const session = new LLMSession({ client, onToolError: (error) => heard.push(error) });
    const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
    const chunks: MessageChunk[] = [];
    const tools: readonly Tool[] = [{ name: "look", parameters, run: () => "ran" }];
    for await (const chunk of await session.sendMessageStream("question", { tools })) chunks.push(chunk);
    const results = chunks.filter((chunk) => chunk.type === "toolResult");
    expect(results.map((chunk) => [chunk.isError, Object.hasOwn(chunk, "error")])).toEqual([
      [true, false],
      [true, false],
    ]);
    expect(heard).toEqual([]);
  });
});

describe("a tool that hangs", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** Never answers by itself; shows its signal, and answers when it is told to. */
  function hanging(more: Partial<Tool> = {}) {
    const started = deferred<AbortSignal>();
    const late = deferred<unknown>();
    const tool: Tool = {
      name: "hang",
      run: (_args, { signal }) => {
        started.resolve(signal);
        return late.promise;
      },
      ...more,
    };
    return { tool, started: started.promise, late };
  }

  test.each<[string, (late: Deferred<unknown>) => void]>([
    ["comes", (late) => late.resolve("too late")],
    ["fails", (late) => late.reject(new Error("too late"))],
  ])(
    "is ended by `timeoutMs`: its signal fires, the model goes on, and what %s later is dropped",
    async (_name, end) => {
      const heard: unknown[] = [];
      const client = scriptedClient([calling("hang", "look"), DONE]);
      const session = new LLMSession({ client, onToolError: (error) => heard.push(error) });
      const { tool, started, late } = hanging({ timeoutMs: 5_000 });
      const look: Tool = { name: "look", run: () => "a bird" };
      const reply = session.sendMessage("question", { tools: [tool, look] });
      const signal = await started;
      await vi.advanceTimersByTimeAsync(4_999);
      expect(signal.aborted).toBe(false);
      await vi.advanceTimersByTimeAsync(1);
      expect(signal.reason).toMatchObject({ kind: "timeout", waitedMs: 5_000 });
      expect((await reply).content).toBe("done");
      end(late);
      await vi.advanceTimersByTimeAsync(1);
      const results = session.history.filter(({ role }) => role === "tool");
      expect(results).toMatchObject([
        { content: "The tool hang gave no result within 5000 ms (`timeoutMs`).", isError: true },
        { content: "a bird" },
      ]);
      expect(heard).toEqual([signal.reason]);
      expect(vi.getTimerCount()).toBe(0);
    },
  );

  test("that answers in time leaves no timer", async () => {
    const session = new LLMSession({ client: scriptedClient([calling("look"), DONE]) });
    await session.sendMessage("question", { tools: [{ name: "look", timeoutMs: 5_000, run: () => "a bird" }] });
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each<[string, boolean]>([
    ["sendMessage", true],
    ["sendMessageStream", false],
  ])("is ended by `timeouts.total` of its turn: %s fails, and the history stays legal", async (_name, whole) => {
    const session = new LLMSession({ client: scriptedClient([calling("hang"), DONE, DONE]) });
    const { tool, started, late } = hanging();
    const options = { tools: [tool], timeouts: { total: 10_000 } };
    const reply = whole
      ? session.sendMessage("question", options)
      : session.sendMessageStream("question", options).then((stream) => stream.finalMessage());
    const ended = reply.catch((error: unknown) => error);
    const signal = await started;
    await vi.advanceTimersByTimeAsync(10_000);
    const error = await ended;
    expect(error).toBeInstanceOf(SendError);
    expect(error).toMatchObject({ kind: "timeout", phase: "total", waitedMs: 10_000, provider: "scripted" });
    expect(signal.aborted).toBe(true);
    late.reject(new Error("too late"));
    expect(historyFault(session.history, false)).toBeUndefined();
    expect(session.history.at(-1)).toMatchObject({ role: "tool", isError: true });
    expect((await session.sendMessage("go on")).content).toBe("done");
    expect(vi.getTimerCount()).toBe(0);
  });

  test("is ended by the `timeouts.total` that the client was made with", async () => {
    const client = Object.assign(scriptedClient([calling("hang"), DONE]), { defaults: { timeouts: { total: 3_000 } } });
    const { tool, started } = hanging();
    const ended = new LLMSession({ client })
      .sendMessage("question", { tools: [tool] })
      .catch((error: unknown) => error);
    await started;
    await vi.advanceTimersByTimeAsync(3_000);
    expect(await ended).toMatchObject({ kind: "timeout", phase: "total" });
  });

  test("is ended by the `timeouts.total` of its session, also where the call sets another limit", async () => {
    const client = scriptedClient([calling("hang"), DONE]);
    const { tool, started } = hanging();
    const session = new LLMSession({ client, defaults: { timeouts: { total: 3_000 } } });
    const ended = session
      .sendMessage("question", { tools: [tool], timeouts: { idle: 60_000 } })
      .catch((error: unknown) => error);
    await started;
    await vi.advanceTimersByTimeAsync(3_000);
    expect(await ended).toMatchObject({ kind: "timeout", phase: "total" });
  });

  test("each reply of a turn has what is left of `timeouts.total`", async () => {
    const client = scriptedClient([calling("slow"), DONE]);
    const slow: Tool = { name: "slow", run: () => new Promise((resolve) => setTimeout(resolve, 4_000, "at last")) };
    const reply = new LLMSession({ client }).sendMessage("question", {
      tools: [slow],
      timeouts: { idle: 7, total: 9_000 },
    });
    await vi.advanceTimersByTimeAsync(4_000);
    await reply;
    expect(client.calls.map(({ options }) => options.timeouts)).toEqual([
      { idle: 7, total: 9_000 },
      { idle: 7, total: 5_000 },
    ]);
  });
});

test("a turn over HTTP whose tool hangs ends at `timeouts.total`", async () => {
  await using server = await startProviderServer([calling("hang"), DONE]);
  const client = new CompatibleClient({ model: "m", baseUrl: server.baseUrl, timeouts: { total: 150 } });
  const hang: Tool = { name: "hang", run: () => new Promise(() => undefined) };
  const error = await new LLMSession({ client })
    .sendMessage("question", { tools: [hang] })
    .catch((each: unknown) => each);
  expect(error).toMatchObject({ kind: "timeout", phase: "total" });
});

test("limits and hooks that make no sense are refused", async () => {
  const client = scriptedClient([DONE]);
  for (const timeoutMs of [-1, Number.NaN, "5" as unknown as number]) {
    const tools: readonly Tool[] = [{ name: "look", timeoutMs, run: () => "a bird" }];
    await expect(new LLMSession({ client }).sendMessage("question", { tools })).rejects.toMatchObject({
      kind: "invalidRequest",
      message: expect.stringContaining("`timeoutMs`"),
    });
  }
  expect(() => new LLMSession({ client, onToolError: "log" as never })).toThrow("`onToolError` must be a function");
});

describe("any value that a tool returns or throws", () => {
  const hostile = new Proxy(
    {},
    {
      get() {
        throw new Error("do not touch");
      },
      getPrototypeOf() {
        throw new Error("do not look");
      },
    },
  );
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const odd: readonly unknown[] = [
    () => 1,
    Symbol("s"),
    hostile,
    revoked.proxy,
    new Empty(),
    /a/,
    circular,
    [hostile],
    new Map([[hostile, 1]]),
    { inner: revoked.proxy },
  ];
  /** Functions, since the generator itself would stumble over some of them. */
  const values = fc.oneof(
    fc
      .anything({
        withBigInt: true,
        withDate: true,
        withMap: true,
        withSet: true,
        withTypedArray: true,
        withNullPrototype: true,
      })
      .map((value) => () => value),
    fc.nat(odd.length - 1).map((at) => () => odd[at]),
  );

  test("has a text for the model, and never an exception of another kind", () => {
    fc.assert(
      fc.property(values, (made) => {
        const value = made();
        expect(toolErrorText(value)).toMatch(/\S/);
        let text: string;
        try {
          text = toolResultText(value);
        } catch (error) {
          expect(toolErrorText(error)).toMatch(/\S/);
          return;
        }
        if (typeof value !== "string") JSON.parse(text);
        if (text === "null") expect(value ?? null).toBeNull();
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    ["a proxy that throws", hostile],
    ["a proxy that was revoked", revoked.proxy],
  ])("%s ends no turn", async (_name, value) => {
    expect((await turnWith(() => value)).isError).toBe(true);
    expect((await turnWith(() => Promise.reject(value))).isError).toBe(true);
  });
});
