/** A key that a server repeats in its reply is not in the errors that the library itself finds reason for, whoever wraps the client. */

import { inspect } from "node:util";
import { CompatibleClient, fallback, hedge, LLMSession, rateLimit, SendError, type TypedClient } from "cloudllm";
import { describe, expect, test } from "vitest";
import type { FetchLike } from "../../src/transport/fetch.ts";

const KEY = "sk-proj-0123456789-abcdefghij";
const HI = [{ role: "user", content: "hi" }] as const;
const SCHEMA = { type: "object", properties: { n: { type: "number" } }, required: ["n"] } as const;

const events = (...list: object[]) => list.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("");
const piece = (delta: object, finish_reason: string | null = null) => ({
  choices: [{ index: 0, delta, finish_reason }],
});
const call = { index: 0, id: "c", function: { name: "look", arguments: JSON.stringify({ n: KEY, [KEY]: 1 }) } };

const whole =
  (...list: object[]): FetchLike =>
  async () =>
    new Response(`${events(...list)}data: [DONE]\n\n`, { headers: { "content-type": "text/event-stream" } });
/** Sends this and then nothing more. */
const stuck =
  (...list: object[]): FetchLike =>
  async () =>
    new Response(
      new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode(events(...list))) }),
      { headers: { "content-type": "text/event-stream" } },
    );

const clientOf = (fetch: FetchLike): TypedClient =>
  new CompatibleClient({ baseUrl: "http://127.0.0.1:9/v1", model: "m", apiKey: KEY, retries: 0, fetch });

const WRAPPERS: readonly (readonly [string, (fetch: FetchLike) => TypedClient])[] = [
  ["bare", clientOf],
  ["in a fallback", (fetch) => fallback([clientOf(fetch), clientOf(fetch)])],
  ["in a hedge", (fetch) => hedge(clientOf(fetch), clientOf(fetch), { afterMs: 1_000 })],
  ["in a rate limit", (fetch) => rateLimit(clientOf(fetch), { requestsPerMinute: 100 })],
  ["in a fallback in a fallback", (fetch) => fallback([fallback([clientOf(fetch)]), clientOf(fetch)])],
];

async function failureOf(client: TypedClient, options: Parameters<TypedClient["sendMessageStream"]>[1]) {
  try {
    const stream = await client.sendMessageStream(HI, options);
    for await (const _chunk of stream);
  } catch (error) {
    return error;
  }
  return undefined;
}

function expectClean(failure: unknown, kind: string): void {
  expect(failure).toBeInstanceOf(SendError);
  expect(failure).toMatchObject({ kind });
  const { stack, cause } = failure as SendError;
  const shown = inspect([failure, stack, cause], { depth: 20, showHidden: true }) + JSON.stringify(failure);
  expect(shown).toContain("[key]");
  expect(shown).not.toContain(KEY);
}

describe.each(WRAPPERS)("a client %s", (_name, wrapped) => {
  test("whose reply does not fit its schema", async () => {
    const text = JSON.stringify({ n: KEY, [KEY]: KEY });
    const client = wrapped(whole(piece({ content: text, reasoning_content: KEY }), piece({}, "stop")));
    expectClean(await failureOf(client, { output: SCHEMA }), "invalidOutput");
  });

  test("whose reply is not JSON", async () => {
    const client = wrapped(whole(piece({ content: KEY }), piece({}, KEY)));
    expectClean(await failureOf(client, { output: SCHEMA }), "invalidOutput");
  });

  test("whose call does not fit its schema", async () => {
    const client = wrapped(whole(piece({ content: KEY, tool_calls: [call] }), piece({}, "tool_calls")));
    expectClean(await failureOf(client, { tools: [{ name: "look", parameters: SCHEMA }] }), "invalidOutput");
  });

  test("whose reply takes longer than the total limit", async () => {
    const client = wrapped(stuck(piece({ content: `you sent ${KEY}` })));
    expectClean(await failureOf(client, { timeouts: { total: 60 } }), "timeout");
  });

  test("whose call is aborted in the middle", async () => {
    const client = wrapped(stuck(piece({ content: `you sent ${KEY}` })));
    const controller = new AbortController();
    const stream = await client.sendMessageStream(HI, { signal: controller.signal });
    const reading = (async () => {
      for await (const _chunk of stream) controller.abort();
    })();
    expectClean(await reading.catch((error: unknown) => error), "aborted");
  });

  test("in a session whose tools wait while the call is aborted", async () => {
    const client = wrapped(whole(piece({ content: KEY, tool_calls: [call] }), piece({}, "tool_calls")));
    const controller = new AbortController();
    const tools = [{ name: "look", run: () => new Promise(() => controller.abort()) }];
    const session = new LLMSession({ client, tools });
    const stream = await session.sendMessageStream("hi", { signal: controller.signal });
    const reading = (async () => {
      for await (const _chunk of stream);
    })();
    expectClean(await reading.catch((error: unknown) => error), "aborted");
  });
});

test("what the provider counted repeats no key, neither in a reply nor in the attempts of an error", async () => {
  const usage = { prompt_tokens: 1, completion_tokens: 1, [KEY]: KEY, details: [{ modality: KEY }] };
  const told = { ...piece({ content: "hi" }), usage, service_tier: KEY };
  const reply = await clientOf(whole(told, piece({}, "stop"))).sendMessageStream(HI);
  const message = await reply.finalMessage();
  expect(inspect(message, { depth: 20 })).not.toContain(KEY);
  expect(message.usage?.inputTokens).toBe(1);
  expectClean(await failureOf(clientOf(whole(told, { error: { message: "no" } })), {}), "server");
});
