/** Several clients for one reply, over real sockets. */

import {
  type AssistantMessage,
  type ClientWrapper,
  CompatibleClient,
  fallback,
  hedge,
  type Message,
  type MessageChunk,
  rateLimit,
  SendError,
} from "cloudllm";
import { Gate, type ReplyScript, scriptedClient } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { httpChunk, LAST_CHUNK, type RawRequest, response, STREAM_HEAD } from "../support/raw-server.ts";
import { type Answer, useServers } from "../support/servers.ts";
import { ANTHROPIC, CHAT, GEMINI, RESPONSES, type TestWire, WIRES } from "../support/wires.ts";

const QUESTION = [{ role: "user", content: "hi" }] as const;

const serve = useServers();

/** A client that does not retry, and its server. */
async function member(answer: Answer, wire: TestWire = CHAT, options = {}) {
  const server = await serve(answer);
  return { server, client: wire.client(server.port, { retries: 0, ...options }) };
}

function good(text: string, wire: TestWire = CHAT) {
  return ({ socket }: RawRequest): void =>
    void socket.write(STREAM_HEAD + httpChunk(wire.begin() + wire.text(text, 0) + wire.end(1)) + LAST_CHUNK);
}

async function read(client: ClientWrapper, options = {}) {
  const chunks: MessageChunk[] = [];
  const stream = await client.sendMessageStream(QUESTION, options);
  for await (const chunk of stream) chunks.push(chunk);
  return { chunks, message: await stream.finalMessage() };
}

async function failure(promise: Promise<unknown>): Promise<SendError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof SendError) return error;
  throw new Error(`no failure: ${String(error)}`);
}

describe("the next client answers", () => {
  test.each([
    ["a refusal", ({ socket }: RawRequest): void => void socket.write(response(500, "{}"))],
    ["a wrong key", ({ socket }: RawRequest): void => void socket.write(response(401, "{}"))],
    ["a reset", ({ socket }: RawRequest): void => void socket.resetAndDestroy()],
    [
      "an error as the first event",
      ({ socket }: RawRequest): void => void socket.end(STREAM_HEAD + httpChunk(CHAT.error("no", 0)) + LAST_CHUNK),
    ],
    ["an early end", ({ socket }: RawRequest): void => void socket.end(STREAM_HEAD + LAST_CHUNK)],
    ["silence", ({ socket }: RawRequest): void => void socket.write(STREAM_HEAD)],
    ["a page", ({ socket }: RawRequest): void => void socket.end(STREAM_HEAD + httpChunk("<html>") + LAST_CHUNK)],
  ])("after %s, streamed and whole", async (_name, answer) => {
    const a = await member(answer, CHAT, { timeouts: { idle: 100 } });
    const b = await member(good("B", RESPONSES), RESPONSES);
    const client = fallback([a.client, b.client]);
    const { chunks, message } = await read(client);
    expect(chunks.map(({ content }) => content).join("")).toBe("B");
    expect(message).toMatchObject({ content: "B", provider: "openai" });
    expect(message.metrics.attempts.map(({ provider }) => provider)).toEqual(["compatible", "openai"]);
    expect(message.metrics.attempts.at(-1)?.outcome).toBe("answered");
  });

  test("after each client's own retries", async () => {
    const a = await member(({ socket }) => void socket.write(response(500, "{}", { "retry-after-ms": "1" })), CHAT, {
      retries: 2,
    });
    const b = await member(good("B"));
    const { message } = await read(fallback([a.client, b.client]));
    expect(a.server.requests).toHaveLength(3);
    expect(message.metrics.attempts).toHaveLength(4);
  });

  test("after `firstChunkWithinMs`, and the slow one's socket closes at once", async () => {
    const a = await member(({ socket }) => void socket.write(STREAM_HEAD));
    const b = await member(good("B"));
    const { message } = await read(fallback([a.client, b.client], { firstChunkWithinMs: 60 }));
    expect(message.content).toBe("B");
    await a.server.requests[0]?.closed;
    expect(message.metrics.attempts.map(({ outcome }) => outcome)).toEqual(["stopped", "answered"]);
  });

  test("and the last one has all the time it needs", async () => {
    const b = await member((request) => void setTimeout(() => good("B")(request), 150));
    const { message } = await read(fallback([b.client], { firstChunkWithinMs: 20 }));
    expect(message.content).toBe("B");
  });
});

test.each(["invalidRequest", "contentFilter"] as const)(
  "a fault of the request (%s) is reported at once",
  async (kind) => {
    const a = scriptedClient([{ refusal: { status: 400, kind, message: "no" } } as never]);
    const b = scriptedClient([{ text: "B" }]);
    const error = await failure(fallback([a, b]).sendMessage(QUESTION));
    expect(error.kind).toMatch(/invalidRequest|contentFilter/);
    expect(b.calls).toHaveLength(0);
  },
);

test("when all fail, the last error lists everybody's attempts", async () => {
  const down = ({ socket }: RawRequest): void => void socket.write(response(503, "{}"));
  const [a, b, c] = [await member(down), await member(down, ANTHROPIC), await member(down, GEMINI)];
  const error = await failure(read(fallback([a.client, b.client, c.client])));
  expect(error).toMatchObject({ kind: "overloaded", provider: "gemini" });
  expect(error.attempts?.map(({ provider }) => provider)).toEqual(["compatible", "anthropic", "gemini"]);
});

test("after the first chunk a failure is a failure, with what came", async () => {
  const a = await member(({ socket }) => void socket.end(STREAM_HEAD + httpChunk(CHAT.text("A", 0)) + LAST_CHUNK));
  const b = await member(good("B"));
  const error = await failure(read(fallback([a.client, b.client])));
  expect(error).toMatchObject({ kind: "truncated", partial: { content: "A" } });
  expect(b.server.requests).toHaveLength(0);
});

describe("with `recover`, after the first chunk", () => {
  const broken = ({ socket }: RawRequest): void =>
    void socket.end(
      STREAM_HEAD.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n") +
        httpChunk(CHAT.text("The river begins hi", 0)) +
        LAST_CHUNK,
    );

  test("the next client continues, once the first has tried by itself", async () => {
    const a = await member((request, index) =>
      index === 0 ? broken(request) : void request.socket.write(response(500, "{}")),
    );
    const b = await member(good("begins high up.", ANTHROPIC), ANTHROPIC, { model: "claude-opus-4-8" });
    const { message } = await read(fallback([a.client, b.client]), { recover: "continue" });
    expect(message).toMatchObject({
      content: "The river begins high up.",
      provider: "anthropic",
      finishReason: "stop",
    });
    expect(a.server.requests.length).toBeGreaterThan(1);
    expect(message.metrics.attempts.at(-1)?.provider).toBe("anthropic");
    expect(message.metrics.attempts).toHaveLength(a.server.requests.length + 1);
    expect(message.estimatedUsage?.inputTokens).toBeGreaterThan(message.usage?.inputTokens ?? 0);
  });

  test("clients that know nothing of it are continued as well", async () => {
    const a = scriptedClient([{ text: ["The river ", "begins hi"], ending: "cut" }]);
    const b = scriptedClient([{ text: ["gh ", "up."] }]);
    const { message, chunks } = await read(fallback([a, b]), { recover: "continue" });
    expect(message.content).toBe("The river begins high up.");
    expect(chunks.some(({ type }) => type === "rewind")).toBe(false);
    expect(b.calls[0]?.messages.at(-1)).toEqual({
      role: "assistant",
      content: "The river begins hi",
      interrupted: true,
    });
  });

  test("also when the fallback itself says so", async () => {
    const a = scriptedClient([{ text: ["The river ", "begins hi"], ending: "cut" }]);
    const b = scriptedClient([{ text: ["gh ", "up."] }]);
    expect((await fallback([a, b], { recover: "continue" }).sendMessage(QUESTION)).content).toBe(
      "The river begins high up.",
    );
  });

  test("or begin again", async () => {
    const a = scriptedClient([{ text: ["One "], ending: "reset" }]);
    const b = scriptedClient([{ text: ["Two."] }]);
    const { message, chunks } = await read(fallback([a, b]), { recover: "restart" });
    expect(message.content).toBe("Two.");
    expect(chunks.map(({ type }) => type)).toEqual(["text", "rewind", "text", "final"]);
  });

  test("and without a further client it fails with everything", async () => {
    const a = scriptedClient([{ text: ["One "], ending: "cut" }]);
    const b = scriptedClient([{ text: ["two "], ending: "cut" }]);
    const error = await failure(read(fallback([a, b]), { recover: "continue" }));
    expect(error).toMatchObject({ kind: "truncated", partial: { content: "One two " } });
  });
});

test("a reply that broke fails for what broke it where no other client may be asked", async () => {
  const a = scriptedClient([{ text: "first" }, { text: "A", ending: "cut" }]);
  const b = scriptedClient([{ refusal: { status: 500 } }]);
  const client = fallback([b, a], { recover: "continue", circuit: { failureThreshold: 1 } });
  expect((await read(client)).message.content).toBe("first");
  expect(await failure(read(client))).toMatchObject({ kind: "truncated", partial: { content: "A" } });
});

describe("a circuit", () => {
  const CIRCUIT = { failureThreshold: 3, resetAfterMs: 700 };

  test("opens after repeated failures, lets one trial through after a pause, and closes when it succeeds", async () => {
    let isDown = true;
    const a = await member((request) => (isDown ? void request.socket.write(response(500, "{}")) : good("A")(request)));
    const b = await member(good("B"));
    const client = fallback([a.client, b.client], { circuit: CIRCUIT });
    for (let call = 0; call < 6; call++) expect((await read(client)).message.content).toBe("B");
    expect(a.server.requests).toHaveLength(3);
    await new Promise((resolve) => setTimeout(resolve, 720));
    await Promise.all(Array.from({ length: 4 }, () => read(client)));
    expect(a.server.requests).toHaveLength(4);
    isDown = false;
    await new Promise((resolve) => setTimeout(resolve, 720));
    expect((await read(client)).message.content).toBe("A");
    expect((await read(client)).message.content).toBe("A");
  });

  test("counts replies that break after their first chunk", async () => {
    const a = await member(
      ({ socket }) =>
        void socket.end(
          STREAM_HEAD.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n") + httpChunk(CHAT.text("A", 0)) + LAST_CHUNK,
        ),
    );
    const b = await member(good("B"));
    const client = fallback([a.client, b.client], { circuit: CIRCUIT });
    for (let call = 0; call < 3; call++) expect((await failure(read(client))).kind).toBe("truncated");
    expect((await read(client)).message.content).toBe("B");
  });

  test("reports when it will be asked again, without a further client", async () => {
    const a = await member(({ socket }) => void socket.write(response(500, "{}")));
    const client = fallback([a.client], { circuit: { failureThreshold: 1, resetAfterMs: 60_000 } });
    await failure(read(client));
    const error = await failure(read(client));
    expect(error).toMatchObject({ kind: "overloaded", retryable: true });
    expect(error.retryAfterMs).toBeGreaterThan(50_000);
    expect(a.server.requests).toHaveLength(1);
  });

  test("does not count what the caller did", async () => {
    const a = await member((request, index) =>
      index < 5 ? void request.socket.write(STREAM_HEAD + httpChunk(CHAT.text("A", 0))) : good("A")(request),
    );
    const b = await member(good("B"));
    const client = fallback([a.client, b.client], { circuit: CIRCUIT });
    for (let call = 0; call < 5; call++) {
      const abort = new AbortController();
      const stream = await client.sendMessageStream(QUESTION, { signal: abort.signal });
      const reading = failure(stream.finalMessage());
      abort.abort();
      expect((await reading).kind).toBe("aborted");
    }
    expect((await read(client)).message.content).toBe("A");
  });

  test("lets one trial through, however many ask at once, and the next when that one reports nothing", async () => {
    const held = new Gate();
    let asked = 0;
    const a = scriptedClient(() => (asked++ === 0 ? { refusal: { status: 500 } } : { steps: [{ pause: held }] }));
    const b = scriptedClient(() => ({ text: "B" }));
    const client = fallback([a, b], { circuit: { failureThreshold: 1, resetAfterMs: 80 } });
    const pauseIsOver = () => new Promise((resolve) => setTimeout(resolve, 90));
    await client.sendMessage(QUESTION);
    await pauseIsOver();
    for (const calls of [2, 3, 4]) {
      const streams = await Promise.all(Array.from({ length: 20 }, () => client.sendMessageStream(QUESTION)));
      expect(a.calls).toHaveLength(calls); // the trial's stream is never read, and never ends
      expect(streams).toHaveLength(20);
      await pauseIsOver();
    }
  });

  test("learns nothing of a trial from a call that was asked before it opened", async () => {
    const first = new Gate();
    const a = scriptedClient([
      { text: "late", opensAfter: first },
      { refusal: { status: 500 } },
      { steps: [{ pause: new Gate() }] },
      { text: "A" },
    ]);
    const b = scriptedClient(() => ({ text: "B" }));
    const client = fallback([a, b], { circuit: { failureThreshold: 1, resetAfterMs: 50 } });
    const abort = new AbortController();
    const early = failure(client.sendMessage(QUESTION, { signal: abort.signal }));
    await first.reached;
    expect((await client.sendMessage(QUESTION)).content).toBe("B");
    await new Promise((resolve) => setTimeout(resolve, 55));
    const trial = await client.sendMessageStream(QUESTION);
    abort.abort();
    await early;
    expect((await client.sendMessage(QUESTION)).content).toBe("B");
    await trial.stop();
    expect(a.calls).toHaveLength(3);
  });

  test("does not count a reply that the caller's own limit ended while he read", async () => {
    const a = scriptedClient((call) => ({ text: `A${call.messages.length}`, ending: "hang" }));
    const b = scriptedClient(() => ({ text: "B" }));
    const client = fallback([a, b], { circuit: { failureThreshold: 1, resetAfterMs: 60_000 } });
    for (let call = 0; call < 2; call++)
      expect(await failure(read(client, { timeouts: { total: 30 } }))).toMatchObject({ phase: "total" });
    expect(a.calls).toHaveLength(2);
  });

  test.each(["sendMessage", "sendMessageStream"] as const)(
    "lets another trial through after one that the caller left before its first chunk (%s)",
    async (method) => {
      const held = new Gate();
      const scripts: ReplyScript[] = [{ refusal: { status: 500 } }, { text: "late", opensAfter: held }, { text: "A" }];
      const client = fallback([scriptedClient(scripts), scriptedClient(() => ({ text: "B" }))], {
        circuit: { failureThreshold: 1, resetAfterMs: 1 },
      });
      const pauseIsOver = () => new Promise((resolve) => setTimeout(resolve, 5));
      expect((await client.sendMessage(QUESTION)).content).toBe("B");
      await pauseIsOver();
      const abort = new AbortController();
      const trial = failure(client[method](QUESTION, { signal: abort.signal }));
      await held.reached;
      abort.abort();
      expect((await trial).kind).toBe("aborted");
      expect((await client.sendMessage(QUESTION)).content).toBe("A");
    },
  );
});

test.each<[string, (a: ClientWrapper, b: ClientWrapper) => ClientWrapper]>([
  ["fallback", (a, b) => fallback([a, b], { firstChunkWithinMs: Number.POSITIVE_INFINITY })],
  ["hedge", (a, b) => hedge(a, b, { afterMs: Number.POSITIVE_INFINITY })],
])("%s asks nobody else for slowness where patience has no end", async (_name, both) => {
  const slow = scriptedClient([{ steps: [{ pause: 30 }, { text: "slow" }] }]);
  const other = scriptedClient([{ text: "other" }]);
  expect((await read(both(slow, other))).message.content).toBe("slow");
  expect(other.calls).toEqual([]);
});

test.each(["whole", "streamed"])(
  "when all have failed, what had come of the last reply is not lost (%s)",
  async (how) => {
    const usage = { inputTokens: 1, outputTokens: 2 };
    const client = fallback([
      scriptedClient([{ refusal: { status: 500 } }]),
      scriptedClient([{ text: "prose", ending: { usage } }], { model: "last" }),
    ]);
    const output = { type: "object" };
    const asked = how === "whole" ? client.sendMessage(QUESTION, { output }) : read(client, { output });
    const error = await failure(asked);
    expect(error).toMatchObject({ kind: "invalidOutput", partial: { content: "prose", model: "last", usage } });
    expect(error.attempts).toHaveLength(2);
    expect(error.partial?.metrics.attempts).toEqual(error.attempts);
  },
);

describe("history that one provider wrote is sent to another", () => {
  const SECRET = "c2lnbmF0dXJl";
  const REPLAYS: Readonly<Record<string, AssistantMessage["replay"]>> = {
    anthropic: {
      provider: "anthropic",
      protocol: "anthropic-messages",
      data: {
        blocks: [
          { type: "thinking", thinking: "hm", signature: SECRET },
          { type: "text", text: "Looking." },
          { type: "tool_use", id: "call:1/x", name: "look", input: { a: 1 } },
        ],
      },
    },
    openai: {
      provider: "openai",
      protocol: "responses",
      data: {
        items: [
          { type: "reasoning", id: "rs_1", summary: [], encrypted_content: SECRET },
          { type: "message", role: "assistant", content: [{ type: "output_text", text: "Looking." }] },
          { type: "function_call", call_id: "call:1/x", name: "look", arguments: '{"a":1}' },
        ],
      },
    },
    gemini: {
      provider: "gemini",
      protocol: "gemini",
      data: {
        parts: [{ text: "Looking." }, { functionCall: { name: "look", args: { a: 1 } }, thoughtSignature: SECRET }],
        callIds: ["call:1/x"],
      },
    },
    openrouter: {
      provider: "openrouter",
      protocol: "chat-completions",
      data: { fields: { reasoning_details: [{ type: "reasoning.encrypted", data: SECRET }] } },
    },
  };
  const history = (replay: AssistantMessage["replay"]): readonly Message[] => [
    { role: "user", content: "look" },
    {
      role: "assistant",
      content: "Looking.",
      toolCalls: [{ id: "call:1/x", name: "look", arguments: { a: 1 } }],
      ...(replay && { replay }),
    },
    { role: "tool", toolCallId: "call:1/x", content: "a tree" },
    { role: "user", content: "go on" },
  ];

  test.each(
    Object.entries(REPLAYS).flatMap(([writer, replay]) =>
      // What its own writer gets back is the recordings' affair.
      WIRES.filter((wire) => wire.client(1).provider !== writer).map(
        (wire) => [writer, wire.name, wire, replay] as const,
      ),
    ),
  )("from %s over %s, without what only its writer reads", async (_writer, _wireName, wire, replay) => {
    const first = await member(({ socket }) => void socket.write(response(529, "{}")));
    const second = await member(good("Fine.", wire), wire);
    const client = fallback([first.client, second.client]);
    const stream = await client.sendMessageStream(history(replay), { tools: [{ name: "look" }] });
    expect((await stream.finalMessage()).content).toBe("Fine.");
    const body = second.server.requests[0]?.body ?? "";
    expect(body).toContain("Looking.");
    expect(body).toContain("a tree");
    expect(body).not.toContain(SECRET);
    // The call and its answer still belong together, under an id that this provider takes.
    if (wire === ANTHROPIC) {
      const ids = [...body.matchAll(/"(?:tool_use_id|id)":"([^"]+)"/g)].map(([, id]) => id);
      expect(ids).toHaveLength(2);
      expect(ids[0]).toBe(ids[1]);
      expect(ids[0]).toMatch(/^[\w-]+$/);
    }
  });
});

test("the caller's signal ends it while a client is waited for, and before", async () => {
  const a = await member(() => undefined);
  const abort = new AbortController();
  const promise = failure(fallback([a.client, a.client]).sendMessageStream(QUESTION, { signal: abort.signal }));
  while (a.server.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  abort.abort();
  expect((await promise).kind).toBe("aborted");
  await a.server.requests[0]?.closed;
  expect(a.server.requests).toHaveLength(1);
  expect((await failure(fallback([a.client]).sendMessage(QUESTION, { signal: AbortSignal.abort() }))).kind).toBe(
    "aborted",
  );
  expect(a.server.requests).toHaveLength(1);
});

test("a `shouldFallBack` that throws says no, and the call fails with what it was asked about", async () => {
  const shouldFallBack = () => {
    throw new Error("mine");
  };
  for (const method of ["sendMessage", "sendMessageStream"] as const) {
    const b = scriptedClient([{ text: "B" }]);
    const client = fallback([scriptedClient([{ refusal: { status: 500 } }]), b], { shouldFallBack });
    expect((await failure(client[method](QUESTION))).kind).toBe("server");
    expect(b.calls).toEqual([]);
  }
});

test.each<[string, object]>([
  ["a signal that is none", { signal: {} }],
  ["limits that are none", { timeouts: { total: "soon" } }],
  ["no limits", { timeouts: null }],
  ["an option that is unknown", { recovery: "continue" }],
])("%s is refused as a client refuses it, by every wrapper", async (_name, options) => {
  const client = scriptedClient(() => ({ text: "A" }));
  const wrappers = [
    fallback([client, client]),
    fallback([client], { recover: "continue" }),
    hedge(client, client, { afterMs: 0 }),
    rateLimit(client, { concurrency: 1 }),
  ];
  for (const wrapper of wrappers)
    for (const method of ["sendMessage", "sendMessageStream"] as const)
      expect((await failure(wrapper[method](QUESTION, options))).kind).toBe("invalidRequest");
  expect(client.calls).toEqual([]);
});

test("a client that throws at once, or what is no error at all, is a failed client", async () => {
  const bad: ClientWrapper = {
    provider: "bad",
    model: "bad",
    sendMessage: () => {
      throw new TypeError("oops");
    },
    sendMessageStream: () => Promise.reject("oops"),
  };
  const good = scriptedClient([{ text: "B" }, { text: "B" }]);
  expect((await read(fallback([bad, good]))).message.content).toBe("B");
  expect((await fallback([bad, good]).sendMessage(QUESTION)).content).toBe("B");
});

test.each([
  ["no clients", () => fallback([])],
  ["something else", () => fallback("x" as never)],
  ["no client", () => fallback([{} as never])],
  ["a circuit that never closes", () => fallback([scriptedClient([])], { circuit: { failureThreshold: 0 } })],
  ["a pause that is none", () => fallback([scriptedClient([])], { circuit: { resetAfterMs: Number.NaN } })],
  [
    "a `shouldFallBack` that is not a function",
    () => fallback([scriptedClient([])], { shouldFallBack: "always" as never }),
  ],
  [
    "no time",
    () => fallback([new CompatibleClient({ baseUrl: "http://127.0.0.1:9", model: "m" })], { firstChunkWithinMs: 0 }),
  ],
])("%s is refused", (_name, make) => {
  expect(make).toThrow(TypeError);
});

describe("one caller's fault does not shut a client for all", () => {
  const REFUSALS: readonly (readonly [kind: string, status: number, body: object])[] = [
    ["contextLength", 400, { error: { code: "context_length_exceeded", message: "too long" } }],
    ["authentication", 401, { error: { message: "no such key" } }],
    ["permission", 403, { error: { message: "not yours" } }],
    ["notFound", 404, { error: { message: "no such model" } }],
    ["invalidRequest", 400, { error: { message: "what is that?" } }],
  ];

  test.each(REFUSALS)("%s", async (kind, status, body) => {
    const a = await member((request, index) =>
      index < 6 ? void request.socket.write(response(status, JSON.stringify(body))) : good("A")(request),
    );
    const client = fallback([a.client]);
    for (let call = 0; call < 6; call++) expect((await failure(read(client))).kind).toBe(kind);
    expect((await read(client)).message.content).toBe("A");
  });

  test.each<[string, object]>([
    ["an option that the client does not have", { search: { sources: ["x"] } }],
    ["a reply that does not fit its schema", { output: { type: "object", required: ["a"] } }],
    ["the caller's own limit on the complete call, before the first chunk", { timeouts: { total: 1 } }],
  ])("%s", async (_name, options) => {
    const a = await member((request, index) => {
      const isHanging = "timeouts" in options && index < 6;
      if (!isHanging) good("{}")(request);
    });
    const client = fallback([a.client]);
    for (let call = 0; call < 6; call++) await failure(read(client, options));
    expect((await read(client)).message.content).toBe("{}");
  });

  test("a trial that ends with a caller's fault neither closes the circuit nor keeps the next trial waiting", async () => {
    const statuses = [500, 400, 500, 400];
    const a = await member((request, index) => {
      const status = statuses[index];
      if (status) request.socket.write(response(status, "{}"));
      else good("A")(request);
    });
    const b = await member(good("B"));
    const client = fallback([a.client, b.client], { circuit: { failureThreshold: 1, resetAfterMs: 60 } });
    const pauseIsOver = () => new Promise((resolve) => setTimeout(resolve, 70));
    expect((await read(client)).message.content).toBe("B");
    await pauseIsOver();
    expect((await failure(read(client))).kind).toBe("invalidRequest");
    expect((await read(client)).message.content).toBe("B"); // another trial at once, which fails
    expect((await read(client)).message.content).toBe("B"); // open again: nobody asks a
    expect(a.server.requests).toHaveLength(3);
    await pauseIsOver();
    await failure(read(client));
    expect((await read(client)).message.content).toBe("A");
  });
});

describe("no call waits for a client while another is idle", () => {
  /** Refuses every request with a wait. */
  const refusing =
    (wait: string) =>
    ({ socket }: RawRequest): void =>
      void socket.write(response(429, "{}", { "retry-after": wait }));

  test.each<[string, (busy: ClientWrapper, idle: ClientWrapper) => ClientWrapper]>([
    ["in a fallback", (busy, idle) => fallback([busy, idle])],
    ["in a fallback that recovers", (busy, idle) => fallback([busy, idle], { recover: "continue" })],
    ["where the fallback is within another", (busy, idle) => fallback([fallback([busy]), idle])],
    ["where the next is within another", (busy, idle) => fallback([fallback([busy, idle])])],
    ["behind a rate limit", (busy, idle) => fallback([rateLimit(busy, { concurrency: 1 }), idle])],
    ["behind a hedge", (busy, idle) => fallback([hedge(busy, busy, { afterMs: 60_000 }), idle])],
    ["with a rate limit around", (busy, idle) => rateLimit(fallback([busy, idle]), { concurrency: 1 })],
  ])("%s", async (_name, both) => {
    const busy = await member(refusing("30"), CHAT, { retries: 2 });
    const idle = await member(good("idle"));
    const client = both(busy.client, idle.client);
    expect((await read(client)).message.content).toBe("idle");
    expect(busy.server.requests.length).toBeLessThan(3);
  });

  test("a non-streamed reply does not wait, either", async () => {
    const busy = await member(refusing("30"), CHAT, { retries: 2 });
    const idle = scriptedClient([{ text: "idle" }]);
    expect((await fallback([busy.client, idle]).sendMessage(QUESTION)).content).toBe("idle");
  });

  test("a turn that comes late in a rate limit goes to the next, and shuts no other call out", async () => {
    const busy = scriptedClient(() => ({ text: "first" }));
    const idle = scriptedClient(() => ({ text: "idle" }));
    const client = fallback([rateLimit(busy, { requestsPerMinute: 1 }), idle], { circuit: { failureThreshold: 1 } });
    expect((await client.sendMessage(QUESTION)).content).toBe("first");
    for (let call = 0; call < 3; call++) expect((await client.sendMessage(QUESTION)).content).toBe("idle");
    expect(busy.calls).toHaveLength(1);
  });

  test("a reply that broke continues elsewhere at once, where the client asks for a wait", async () => {
    const busy = await member(
      ({ socket }, index) => {
        if (index > 0) return refusing("30")({ socket } as RawRequest);
        socket.end(
          STREAM_HEAD.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n") + httpChunk(CHAT.text("A ", 0)) + LAST_CHUNK,
        );
      },
      CHAT,
      { retries: 2 },
    );
    const idle = await member(good("B"));
    const client = fallback([busy.client, idle.client], { recover: "continue" });
    expect((await read(client)).message.content).toBe("A B");
  });

  test("a short wait is waited for, and a long one where no other may be asked", async () => {
    const busy = (wait: string) =>
      member(
        (request, index) =>
          index === 0
            ? void request.socket.write(response(429, "{}", { "retry-after-ms": wait }))
            : good("later")(request),
        CHAT,
        { retries: 2 },
      );
    const idle = await member(good("idle"));
    const short = await busy("20");
    expect((await read(fallback([short.client, idle.client]))).message.content).toBe("later");
    const refusesAll = { shouldFallBack: () => false };
    const [last, alone] = [await busy("1100"), await busy("1100")];
    const down = await member(({ socket }) => void socket.write(response(500, "{}")));
    const replies = await Promise.all([
      read(fallback([down.client, last.client])),
      read(fallback([alone.client, idle.client], refusesAll)),
    ]);
    expect(replies.map(({ message }) => message.content)).toEqual(["later", "later"]);
  });
});
