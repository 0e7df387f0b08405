/** The parts of a reply, a conversation and a failure that a browser sees. */

import { describe, expect, test } from "vitest";
import type { MessageChunk } from "../../src/contract/chunk.ts";
import { isSendErrorKind, type SendErrorKind } from "../../src/contract/error-kind.ts";
import { SendError } from "../../src/contract/errors.ts";
import type { AssistantMessage } from "../../src/contract/message.ts";
import { native } from "../../src/dialects/native/dialect.ts";
import { notFound, Refusal } from "../../src/dialects/refusal.ts";
import { exposedHistory } from "../../src/server/policy/exposed-history.ts";
import { exposedChunks, exposedMessage } from "../../src/server/policy/exposed-message.ts";
import { errorResponse, maskedError } from "../../src/server/policy/masked-error.ts";
import { policyOf } from "../../src/server/policy/policy.ts";
import { message } from "../support/exposed.ts";

const DEFAULTS = policyOf({ authorize: "public" }, { hasSessions: false }).expose;
const ALL = { reasoning: true, usage: true, toolResults: true, providerTools: true, logprobs: true };

/** Every text that must stay on the server has this in it. */
const SECRET = "SECRET";
const poisoned = (): unknown => JSON.parse(`{ "a": 1, "__proto__": { "isAdmin": true }, "b": [{ "constructor": 1 }] }`);

const FULL: AssistantMessage = message({
  content: "Hello",
  reasoning: "thinking",
  toolCalls: [{ id: "c1", name: "pay", arguments: poisoned(), rawArguments: '{"__proto__":{}}' }],
  citations: [{ url: "https://example.com/", title: "A", raw: SECRET } as never],
  providerToolCalls: [{ name: "web_search", arguments: { query: "q" }, result: poisoned() }],
  search: { queries: ["q"], count: 1 },
  logprobs: [{ token: "Hello", logprob: 0 }],
  rawFinishReason: SECRET,
  usage: { inputTokens: 1, outputTokens: 2, totalTokens: 3, raw: { account: SECRET } },
  estimatedUsage: { inputTokens: 1, outputTokens: 2, totalTokens: 3, raw: SECRET },
  metrics: {
    durationMs: 5,
    chunks: 1,
    longestGapMs: 0,
    attempts: [{ provider: SECRET, model: SECRET, durationMs: 1, outcome: "answered", status: 200 }],
  },
  id: SECRET,
  requestId: SECRET,
  rateLimits: { requests: { remaining: 1 } },
  raw: { body: SECRET },
  replay: { provider: "p", protocol: SECRET, data: SECRET },
  steps: [
    message({ requestId: SECRET, reasoning: "thinking", replay: { provider: "p", protocol: "q", data: SECRET } }),
  ],
});

describe("a message", () => {
  test("nothing of replay, raw values, ids, limits and attempts leaves the server, even with everything exposed", () => {
    const text = JSON.stringify(exposedMessage(FULL, ALL));
    for (const word of [SECRET, "rateLimits", "requestId", "replay", '"raw"', "__proto__", "constructor", "isAdmin"]) {
      expect(text).not.toContain(word);
    }
  });

  test("text, calls, sources, counts and times are there", () => {
    expect(exposedMessage(FULL, DEFAULTS)).toEqual({
      role: "assistant",
      content: "Hello",
      reasoning: "",
      toolCalls: [{ id: "c1", name: "pay", arguments: { a: 1, b: [{}] } }],
      citations: [{ url: "https://example.com/", title: "A" }],
      search: { queries: ["q"], count: 1 },
      finishReason: "stop",
      usage: { inputTokens: 1, outputTokens: 2, totalTokens: 3 },
      estimatedUsage: { inputTokens: 1, outputTokens: 2, totalTokens: 3 },
      metrics: { durationMs: 5, chunks: 1, longestGapMs: 0, attempts: [] },
      steps: [exposedMessage(message(), DEFAULTS)],
      provider: "scripted",
      model: "toy",
    });
  });

  test("each option shows or hides its part", () => {
    const all = exposedMessage(FULL, ALL);
    expect(all).toMatchObject({ reasoning: "thinking", logprobs: FULL.logprobs, steps: [{ reasoning: "thinking" }] });
    expect(all.providerToolCalls?.[0]?.name).toBe("web_search");
    expect(exposedMessage(FULL, { ...ALL, usage: false })).not.toHaveProperty("usage");
    expect(exposedMessage(FULL, { ...ALL, usage: false })).not.toHaveProperty("estimatedUsage");
  });
});

describe("chunks", () => {
  const base = { content: "", isFinal: false } as const;
  const text: MessageChunk = { type: "text", content: "Hi", isFinal: false };

  test("text costs nothing: the same array goes on", () => {
    const chunks = [text, text];
    expect(exposedChunks(chunks, DEFAULTS)).toBe(chunks);
  });

  test.each<[name: string, chunk: MessageChunk, seen: readonly object[], seenWithAll?: readonly object[]]>([
    ["the provider's event", { ...text, raw: SECRET }, [text]],
    [
      "thinking",
      { ...base, type: "reasoning", reasoning: "hm", raw: SECRET },
      [],
      [{ ...base, type: "reasoning", reasoning: "hm" }],
    ],
    [
      "a rewind of thinking that was not shown",
      { ...base, type: "rewind", length: 2, reasoningLength: 5 },
      [{ ...base, type: "rewind", length: 2, reasoningLength: 0 }],
      [{ ...base, type: "rewind", length: 2, reasoningLength: 5 }],
    ],
    [
      "a call with a key of prototypes",
      { ...base, type: "toolCall", toolCall: { id: "1", name: "t", arguments: poisoned() }, raw: SECRET },
      [{ ...base, type: "toolCall", toolCall: { id: "1", name: "t", arguments: { a: 1, b: [{}] } } }],
    ],
    [
      "what a tool threw",
      { ...base, type: "toolResult", toolCallId: "1", name: "t", result: SECRET, isError: true, error: SECRET },
      [{ ...base, type: "toolResult", toolCallId: "1", name: "t", result: "The tool failed.", isError: true }],
    ],
    [
      "what a provider's tool was given",
      { ...base, type: "providerToolCall", providerToolCall: { name: "code" } },
      [],
      [{ ...base, type: "providerToolCall", providerToolCall: { name: "code" } }],
    ],
    [
      "a source",
      { ...base, type: "citation", url: "u", title: "t", raw: SECRET },
      [{ ...base, type: "citation", url: "u", title: "t" }],
    ],
    [
      "the end",
      { type: "final", content: "", isFinal: true, message: FULL },
      [{ type: "final", content: "", isFinal: true, message: exposedMessage(FULL, DEFAULTS) }],
      [{ type: "final", content: "", isFinal: true, message: exposedMessage(FULL, ALL) }],
    ],
  ])("%s", (_name, chunk, seen, seenWithAll = seen) => {
    expect(exposedChunks([chunk], DEFAULTS)).toStrictEqual(seen);
    expect(exposedChunks([chunk], ALL)).toStrictEqual(seenWithAll);
  });

  test("results of tools can be left out", () => {
    const chunk: MessageChunk = {
      ...base,
      type: "toolResult",
      toolCallId: "1",
      name: "t",
      result: "4",
      isError: false,
    };
    expect(exposedChunks([chunk], DEFAULTS)).toEqual([chunk]);
    expect(exposedChunks([chunk], { ...DEFAULTS, toolResults: false })).toEqual([]);
  });
});

test("a conversation shows no system turn, no replay and no failure's text", () => {
  const turns = exposedHistory(
    [
      { role: "system", content: SECRET },
      { role: "user", content: "Hello" },
      {
        role: "assistant",
        content: "a",
        toolCalls: [{ id: "1", name: "t", arguments: {} }],
        replay: FULL.replay ?? never(),
      },
      { role: "tool", toolCallId: "1", content: SECRET, isError: true },
      FULL,
    ],
    DEFAULTS,
  );
  expect(JSON.stringify(turns)).not.toContain(SECRET);
  expect(turns.map(({ role }) => role)).toEqual(["user", "assistant", "tool", "assistant"]);
});

describe("a failure", () => {
  const rules = {
    requestId: "req-1",
    describe: undefined,
    exposed: (partial: AssistantMessage) => partial,
    body: native.refusal,
  };
  const KINDS = (
    "authentication permission notFound invalidRequest contextLength contentFilter rateLimit overloaded server network " +
    "timeout truncated protocol aborted unsupported invalidOutput busy storage"
  ).split(" ") as SendErrorKind[];

  test.each(KINDS)("%s: nothing of the provider's, the same in a status and in a stream", async (kind) => {
    expect(isSendErrorKind(kind)).toBe(true);
    const error = new SendError(
      kind,
      `POST https://llm.internal:8443/v1 failed for key sk-${SECRET}: model ${SECRET}\n`,
      {
        provider: SECRET,
        model: SECRET,
        status: 418,
        code: SECRET,
        requestId: SECRET,
        retryAfterMs: 1_500.2,
        attempts: FULL.metrics.attempts,
        cause: new Error(SECRET),
      },
    );
    const data = maskedError(error, rules);
    expect(Object.keys(data).sort()).toEqual(["kind", "message", "requestId", "retryAfterMs", "retryable"]);
    expect(data).toMatchObject({ kind, retryable: error.retryable, retryAfterMs: 1_501, requestId: "req-1" });
    expect(data.message).toMatch(/^[A-Z][\w ',]+\.$/);
    const response = errorResponse(error, rules);
    expect(await response.json()).toEqual({ error: data });
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(response.headers.get("retry-after")).toBe("2");
    expect(response.headers.get("x-request-id")).toBe("req-1");
    expect([...response.headers].join()).not.toContain(SECRET);
  });

  test("what was paid for goes along, exposed as a message; not in a status", async () => {
    const error = new SendError("network", SECRET, { partial: FULL });
    const exposed = (partial: AssistantMessage) => exposedMessage(partial, DEFAULTS);
    const data = maskedError(error, { ...rules, exposed });
    expect(data.partial).toEqual(exposed(FULL));
    expect(JSON.stringify(data)).not.toContain(SECRET);
    expect(await errorResponse(error, rules).json()).not.toHaveProperty("error.partial");
  });

  test("a mistake of the program is a failure of the server that does not say more", async () => {
    for (const mistake of [new TypeError(SECRET), SECRET, undefined, { toString: 1 }]) {
      const response = errorResponse(mistake, rules);
      const text = await response.text();
      expect(response.status).toBe(500);
      expect(text).toContain('"kind":"server"');
      expect(text).not.toContain(SECRET);
    }
  });

  test.each<[described: unknown, message: string]>([
    ["Try again\r\nSet-Cookie: x\u2028now\0.", "Try again Set-Cookie: x now ."],
    ["x".repeat(1_000), "x".repeat(500)],
    ["", "The connection to the model failed."],
    [undefined, "The connection to the model failed."],
    [{ text: 1 }, "The connection to the model failed."],
  ])("a description of the server's own: %j", (described, message) => {
    const describe = () => described as string;
    expect(maskedError(new SendError("network", SECRET), { ...rules, describe }).message).toBe(message);
  });

  test("a description that throws hides nothing but itself", () => {
    const describe = () => {
      throw new Error(SECRET);
    };
    const data = maskedError(new SendError("network", SECRET), { ...rules, describe });
    expect(data.message).toBe("The connection to the model failed.");
  });

  test("a refusal says its own sentence, and when to come back", () => {
    const busy = errorResponse(new Refusal(429, "rateLimit", "Too many.", { retryAfterMs: 2_000 }), rules);
    expect([busy.status, busy.headers.get("retry-after")]).toEqual([429, "2"]);
    expect(maskedError(notFound(), rules)).toEqual({
      kind: "notFound",
      message: "There is nothing of this name.",
      retryable: false,
      requestId: "req-1",
    });
  });

  test("the relay's own code goes out, a provider's does not", () => {
    expect(maskedError(new SendError("truncated", "x", { code: "producerLost" }), rules).code).toBe("producerLost");
    expect(maskedError(new SendError("truncated", "x", { code: "overloaded_error" }), rules)).not.toHaveProperty(
      "code",
    );
  });
});

function never(): never {
  throw new Error("unreachable");
}
