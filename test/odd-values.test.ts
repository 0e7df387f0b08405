/**
 * Odd values at every seam, from a seed: whatever a server, a caller's `fetch`, a generator or a store comes up with, the call
 * settles, what it throws is a `SendError`, and nothing reaches the program any other way.
 * `ODD_CASES=100000 npx vitest run test/odd-values.test.ts` runs as many.
 */

import {
  type ClientWrapper,
  fallback,
  hedge,
  LLMSession,
  type MessageChunk,
  MessageStream,
  SendError,
  type SessionStore,
  type Tool,
} from "cloudllm";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { REPLY_KINDS, type ReplyKind, sseOf } from "./support/odd-replies.ts";
import { mutated, oddJson, oddObject } from "./support/odd-values.ts";
import { pick, type Random, randomFrom } from "./support/random.ts";

const CASES = Number(process.env.ODD_CASES ?? 4_000);
const SETTLES_WITHIN_MS = 5_000;
const QUESTION = [{ role: "user", content: "?" }] as const;
/** A tool that answers, answers oddly, or throws something odd; so may its schema. */
function toolsOf(random: Random): readonly Tool[] {
  const throwing = () => {
    throw oddObject(random);
  };
  const run = pick<() => unknown>(random, [() => "seen", () => "seen", () => oddObject(random), throwing]);
  const validate = pick<() => unknown>(random, [() => ({ value: {} }), async () => oddObject(random), throwing]);
  const jsonSchema = { input: () => ({ type: "object" }), output: () => ({ type: "object" }) };
  const schema = { "~standard": { version: 1, vendor: "odd", validate, jsonSchema } } as unknown as Tool["parameters"];
  return [{ name: "look", parameters: random() < 0.7 ? { type: "object" } : schema, run }];
}

const strays: unknown[] = [];
const stray = (error: unknown): void => void strays.push(error);

beforeAll(() => {
  vi.spyOn(Math, "random").mockReturnValue(0); // retries and recoveries do not wait
  process.on("uncaughtException", stray).on("unhandledRejection", stray);
});
afterAll(() => {
  process.off("uncaughtException", stray).off("unhandledRejection", stray);
  vi.restoreAllMocks();
});

/** What a case leaves behind: nothing, or the words that say what is wrong. */
type Case = (random: Random) => Promise<string | undefined>;

async function settled(call: Promise<unknown>): Promise<string | undefined> {
  let limit: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<string>((resolve) => {
    limit = setTimeout(resolve, SETTLES_WITHIN_MS, "it does not settle");
  });
  const outcome = call.then(
    () => undefined,
    (error: unknown) => (error instanceof SendError ? undefined : `it threw ${stackOf(error)}`),
  );
  try {
    return await Promise.race([outcome, late]);
  } finally {
    clearTimeout(limit);
  }
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : typeof error;
}

/** A body in pieces, cut anywhere. */
function bodyOf(random: Random, text: string): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  const size = Math.max(1, Math.floor(random() * bytes.length) + (random() < 0.5 ? bytes.length : 40));
  let at = 0;
  const breaks = random() < 0.1;
  return new ReadableStream({
    pull(controller) {
      const piece = bytes.subarray(at, at + size);
      at += size;
      if (piece.length > 0) controller.enqueue(piece);
      else if (breaks) controller.error(new Error("socket hang up"));
      else controller.close();
    },
  });
}

const json = (status: number, body: string, headers = {}) =>
  new Response(body, { status, headers: { "content-type": "application/json", ...headers } });

/** Reads a stream in one of the ways there are, and leaves it in one of them. */
async function read(random: Random, stream: MessageStream, abort: () => void): Promise<void> {
  const way = pick(random, ["loop", "final", "batches", "text", "object", "web", "stop", "break", "abort", "drain"]);
  switch (way) {
    case "final":
      return void (await stream.finalMessage());
    case "stop":
      return void (await stream.stop());
    case "drain":
      return void (await stream.stop({ drain: true }));
    case "batches":
      for await (const _batch of stream.batches());
      return;
    case "text":
      for await (const _text of stream.text());
      return;
    case "object":
      for await (const _value of stream.partialObject());
      return;
    case "web":
      for (const reader = stream.toReadableStream().getReader(); !(await reader.read()).done; );
      return;
    default:
      for await (const _chunk of stream) {
        JSON.stringify(stream.partial);
        if (way === "break") break;
        if (way === "abort") abort();
      }
      if (way === "loop") await stream.finalMessage();
  }
}

async function ask(random: Random, client: ClientWrapper): Promise<void> {
  const controller = new AbortController();
  const options = {
    signal: controller.signal,
    ...(random() < 0.3 && { tools: toolsOf(random) }),
    ...(random() < 0.2 && { output: { type: "object" } }),
    ...(random() < 0.5 && { recover: pick(random, ["resume", "continue", "restart"] as const) }),
  };
  if (random() < 0.3) return void (await client.sendMessage(QUESTION, options));
  await read(random, await client.sendMessageStream(QUESTION, options), () => controller.abort(oddObject(random)));
}

function clientOf(random: Random, kind: ReplyKind, answer: (body: string) => Response): ClientWrapper {
  const client = kind.client({
    baseUrl: "http://odd.internal",
    fetch: async (_url, { body }) => answer(typeof body === "string" ? body : ""),
  });
  const chance = random();
  if (chance < 0.1) return fallback([client, client]);
  return chance < 0.2 ? hedge(client, client, { afterMs: 50 }) : client;
}

const STATUSES = [400, 401, 403, 404, 408, 409, 413, 422, 429, 498, 500, 502, 503, 529, 599];
const ERRORS: readonly object[] = [
  {
    error: {
      message: "no",
      type: "invalid_request_error",
      code: "c",
      param: null,
      metadata: { reasons: ["r"], raw: "w" },
    },
  },
  { type: "error", error: { type: "overloaded_error", message: "no" }, request_id: "r" },
  {
    error: {
      code: 429,
      message: "no",
      status: "RESOURCE_EXHAUSTED",
      details: [{ retryDelay: "1s", violations: [{ quotaId: "q" }] }],
    },
  },
  [{ error: { code: 400, message: "no", details: [{ reason: "API_KEY_INVALID" }] } }] as object,
  { detail: [{ loc: ["body"], msg: "no" }] },
  { base_resp: { status_code: 1004, status_msg: "no" } },
  { errors: [{ message: "no", code: 7 }], success: false },
];

const errorBody: Case = async (random) => {
  const kind = pick(random, REPLY_KINDS);
  const body = JSON.stringify(mutated(random, pick(random, ERRORS)));
  const headers = random() < 0.2 ? { "retry-after": pick(random, ["x", "-1", "9e9", "0"]) } : {};
  const inStream = random() < 0.3;
  const client = clientOf(random, kind, () =>
    inStream ? new Response(`event: error\ndata: ${body}\n\n`) : json(pick(random, STATUSES), body, headers),
  );
  return settled(ask(random, client));
};

const wholeReply: Case = async (random) => {
  const kind = pick(random, REPLY_KINDS);
  const client = clientOf(random, kind, () => json(200, JSON.stringify(mutated(random, kind.document))));
  return settled(ask(random, client));
};

const streamedReply: Case = async (random) => {
  const kind = pick(random, REPLY_KINDS);
  const client = clientOf(random, kind, () => {
    const events = random() < 0.2 ? [...kind.events, oddJson(random)] : kind.events;
    const text = sseOf(kind, mutated(random, events));
    return new Response(bodyOf(random, random() < 0.2 ? text.slice(0, random() * text.length) : text));
  });
  return settled(ask(random, client));
};

/** What came odd does not spoil the turns after it: each is sent, and answered. */
const sessionAfterwards: Case = async (random) => {
  const kind = pick(random, REPLY_KINDS);
  let turn = 0;
  const holes: string[] = [];
  const whole = random() < 0.5;
  const client = kind.client({
    baseUrl: "http://odd.internal",
    async fetch(_url, { body }) {
      if (turn > 0) holes.push(...holesIn(JSON.parse(String(body))));
      if (turn++ > 0) return json(200, JSON.stringify(kind.good));
      const text = sseOf(kind, mutated(random, kind.events));
      return whole ? json(200, JSON.stringify(mutated(random, kind.document))) : new Response(text);
    },
  });
  const session = new LLMSession({ client });
  const options = random() < 0.5 ? { tools: toolsOf(random) } : {};
  const first = whole
    ? session.sendMessage("one", options)
    : session.sendMessageStream("one", options).then((stream) => stream.finalMessage());
  const fault = await settled(first);
  if (fault) return fault;
  const sent = turn;
  const { history } = session;
  // Calls of tools that nobody runs wait for the caller.
  const open =
    history.at(-1)?.role === "assistant" ? (history.at(-1) as { toolCalls?: readonly { id: string }[] }) : {};
  const results = (open.toolCalls ?? []).map(({ id }) => ({ role: "tool", toolCallId: id, content: "seen" }) as const);
  const second = session.sendMessage(results.length > 0 ? results : "two", options);
  const outcome = await Promise.resolve(second).then(
    () => undefined,
    (error: unknown) => (error instanceof SendError ? `${error.kind}: ${error.message}` : `it threw ${stackOf(error)}`),
  );
  if (holes.length > 0) return `the next turn sends ${holes.join(", ")} after ${JSON.stringify(history)}`;
  if (outcome === undefined || turn > sent) return undefined;
  return `the next turn is not sent: ${outcome} after ${JSON.stringify(history)}`;
};

/** Where a request has nothing in an array of messages, items, blocks or parts. */
function holesIn(value: unknown, path = ""): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => {
    const isStructure = /^(messages|input|contents|content|parts|summary|tool_calls|reasoning_details)$/.test(name);
    const isArguments = name === "input" && path !== "";
    if (!isStructure || isArguments || !Array.isArray(inner)) return [];
    return inner.flatMap((part: unknown, at) =>
      typeof part === "object" && part !== null ? holesIn(part, `${path}.${name}.${at}`) : [`${path}.${name}.${at}`],
    );
  });
}

const MESSAGE = {
  role: "assistant",
  content: "hello",
  reasoning: "",
  toolCalls: [{ id: "k1", name: "look", arguments: { a: 1 } }],
  citations: [],
  finishReason: "stop",
  metrics: { durationMs: 1, chunks: 1, longestGapMs: 0, attempts: [] },
  provider: "p",
  model: "m",
} as const;
const CHUNKS: readonly MessageChunk[] = [
  { type: "text", content: "hello", isFinal: false },
  { type: "reasoning", content: "", reasoning: "hm", isFinal: false },
  { type: "toolCallDelta", content: "", index: 0, id: "k1", name: "look", argumentsDelta: "{}", isFinal: false },
  { type: "toolCall", content: "", toolCall: { id: "k1", name: "look", arguments: { a: 1 } }, isFinal: false },
  { type: "toolResult", content: "", toolCallId: "k1", name: "look", result: "r", isError: false, isFinal: false },
  { type: "providerToolCall", content: "", providerToolCall: { name: "s", arguments: {} }, isFinal: false },
  { type: "citation", content: "", url: "https://a.example", isFinal: false },
  { type: "rewind", content: "", length: 1, reasoningLength: 0, isFinal: false },
  { type: "final", content: "", message: MESSAGE, isFinal: true },
];

function foreignStream(random: Random): MessageStream {
  const made: unknown = mutated(
    random,
    CHUNKS.filter(() => random() < 0.8),
    oddObject,
  );
  const chunks = (Array.isArray(made) ? made : [made]) as readonly MessageChunk[];
  async function* generator() {
    for (const chunk of chunks) yield chunk;
    if (random() < 0.2) throw oddObject(random);
  }
  const results = [...chunks];
  const iterator = {
    next: () => (random() < 0.1 ? oddObject(random) : { done: results.length === 0, value: results.shift() }),
    return: () => oddObject(random),
  };
  const source =
    random() < 0.7
      ? generator()
      : ({ [Symbol.asyncIterator]: () => iterator } as unknown as AsyncIterable<MessageChunk>);
  return MessageStream.from(source);
}

const foreignChunks: Case = async (random) => settled(read(random, foreignStream(random), () => undefined));

const foreignClient: Case = async (random) => {
  const chance = random();
  // What a client itself rejects with, a session hands on as it is.
  const rejects = chance < 0.6 && random() < 0.2;
  const client: ClientWrapper = {
    provider: "p",
    model: "m",
    sendMessage: async () => (rejects ? Promise.reject(oddObject(random)) : foreignStream(random).finalMessage()),
    sendMessageStream: async () => (rejects ? Promise.reject(oddObject(random)) : foreignStream(random)),
  };
  if (chance < 0.3) return settled(ask(random, fallback([client, client])));
  if (chance < 0.6) return settled(ask(random, hedge(client, client, { afterMs: 50 })));
  const session = new LLMSession({ client });
  if (random() < 0.5) return settled(session.sendMessage("one", { tools: toolsOf(random) }));
  const stream = session.sendMessageStream("one", { tools: toolsOf(random) });
  return settled(stream.then((opened) => read(random, opened, () => undefined)));
};

const RECORDS: readonly unknown[] = [
  { type: "prompt", systemPrompt: "be brief" },
  { type: "said", messages: [{ role: "user", content: "one" }] },
  { type: "text", text: "hel" },
  { type: "reply", message: MESSAGE },
  { type: "result", message: { role: "tool", toolCallId: "k1", content: "seen" } },
  { type: "end", stays: true, message: { role: "assistant", content: "hello" } },
  { type: "cut", length: 0 },
];

const foreignStore: Case = async (random) => {
  const odd = () => (random() < 0.3 ? oddObject(random) : undefined);
  const store = {
    append: async () => (random() < 0.2 ? Promise.reject(oddObject(random)) : odd()),
    load: async () => {
      const chance = random();
      if (chance < 0.1) throw oddObject(random);
      return chance < 0.2
        ? oddObject(random)
        : mutated(
            random,
            RECORDS.filter(() => random() < 0.7),
            oddObject,
          );
    },
    list: async () => ({ sessions: [] }),
    ...(random() < 0.3 && { claim: async () => (random() < 0.3 ? Promise.reject(oddObject(random)) : odd()) }),
    ...(random() < 0.3 && { release: async () => (random() < 0.3 ? Promise.reject(oddObject(random)) : odd()) }),
  } as unknown as SessionStore;
  const kind = pick(random, REPLY_KINDS);
  const client = clientOf(random, kind, () => json(200, JSON.stringify(kind.good)));
  const talk = async () => {
    const session = await LLMSession.open({ client, store, id: "odd" });
    try {
      await session.sendMessage("one");
    } finally {
      await session.close();
    }
  };
  return settled(talk());
};

/** A `fetch` of the caller's own, whose answer is none. */
const foreignFetch: Case = async (random) => {
  const kind = pick(random, REPLY_KINDS);
  const reader = {
    read: () =>
      random() < 0.4
        ? oddObject(random)
        : Promise.resolve(random() < 0.5 ? { done: false, value: oddObject(random) } : { done: true }),
    cancel: () => oddObject(random),
  };
  const answer = {
    status: random() < 0.8 ? pick(random, [200, 400, 302]) : oddObject(random),
    headers: random() < 0.8 ? { get: () => (random() < 0.8 ? null : oddObject(random)) } : oddObject(random),
    body:
      random() < 0.8
        ? { getReader: () => (random() < 0.8 ? reader : oddObject(random)), cancel: () => oddObject(random) }
        : oddObject(random),
  };
  const client = kind.client({
    baseUrl: "http://odd.internal",
    timeouts: { total: 20 },
    fetch: (() => (random() < 0.9 ? Promise.resolve(answer) : oddObject(random))) as unknown as typeof fetch,
  });
  return settled(ask(random, client));
};

const SEAMS: readonly (readonly [string, number, Case])[] = [
  ["an error body", 0.2, errorBody],
  ["a non-streamed reply", 0.18, wholeReply],
  ["a streamed reply", 0.24, streamedReply],
  ["a session after an odd reply", 0.14, sessionAfterwards],
  ["chunks of a generator", 0.1, foreignChunks],
  ["a client of another's", 0.06, foreignClient],
  ["a store", 0.06, foreignStore],
  ["a fetch of the caller's", 0.02, foreignFetch],
];

describe(`odd values, ${CASES} cases`, () => {
  test.each(SEAMS)(
    "%s: the call settles, with a SendError or without",
    async (name, share, run) => {
      const faults: string[] = [];
      for (let at = 0; at < CASES * share && faults.length < 5; at++) {
        const seed = (hashOf(name) + at) | 0;
        let fault = await run(randomFrom(seed)).catch((error: unknown) => `the case itself threw ${stackOf(error)}`);
        if (at % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
        fault ??= strays.length > 0 ? `it reached the program: ${stackOf(strays.splice(0)[0])}` : undefined;
        if (fault) faults.push(`seed ${seed}: ${fault}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
      faults.push(...strays.splice(0).map((error) => `it reached the program: ${stackOf(error)}`));
      expect(faults.join("\n\n")).toBe("");
    },
    3_600_000,
  );
});

function hashOf(text: string): number {
  let hash = 7;
  for (const character of text) hash = (Math.imul(hash, 31) + character.charCodeAt(0)) | 0;
  return hash;
}
