/** `timeouts.total` limits the complete call: its error reports the wait of that, not of the inner call that it ended. */

import { type ClientWrapper, fallback, hedge, LLMSession, rateLimit, type Tool } from "cloudllm";
import { Gate, type ReplyScript, scriptedClient } from "cloudllm/testing";
import { afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { recovery } from "../../src/stream/load-recovery.ts";

// Its file takes real time.
beforeAll(() => recovery.load());
beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const QUESTION = [{ role: "user", content: "hi" }] as const;
const SILENT: ReplyScript = { text: [], ending: "hang" };
const BEGUN: ReplyScript = { text: "One ", ending: "hang" };
const BROKEN: ReplyScript = { steps: [{ text: "One " }, { pause: 400 }], ending: "reset" };
const FREE_AFTER_400_MS: ReplyScript = { steps: [{ pause: 400 }, { text: "Hello." }] };

/** Its queue is free after 400 ms. */
function queued(script: ReplyScript): ClientWrapper {
  const client = rateLimit(scriptedClient([FREE_AFTER_400_MS, script]), { concurrency: 1 });
  void client.sendMessage(QUESTION);
  return client;
}

const CLIENTS: readonly [string, () => ClientWrapper][] = [
  ["a wait in a queue, before a reply that says nothing", () => queued(SILENT)],
  ["a wait in a queue, before a reply that falls silent", () => queued(BEGUN)],
  ["waits in two queues", () => rateLimit(queued(BEGUN), { concurrency: 1 })],
  [
    "a client that was too slow",
    () => fallback([scriptedClient([SILENT]), scriptedClient([BEGUN])], { firstChunkWithinMs: 400 }),
  ],
  ["a client that was hedged", () => hedge(scriptedClient([SILENT]), scriptedClient([BEGUN]), { afterMs: 400 })],
  ["a reply that broke", () => fallback([scriptedClient([BROKEN]), scriptedClient([BEGUN])], { recover: "continue" })],
];

test.each(CLIENTS)("the limit on a call reports the wait of the call: after %s", async (_name, make) => {
  const client = make();
  const failed = client
    .sendMessageStream(QUESTION, { timeouts: { total: 1_000 } })
    .then((stream) => stream.finalMessage())
    .catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(1_100);
  expect(await failed).toMatchObject({
    kind: "timeout",
    phase: "total",
    waitedMs: 1_000,
    message: expect.stringContaining("within 1,000 ms (`timeouts.total`)"),
  });
});

test("the limit on a turn reports the wait of the turn: after a tool", async () => {
  const started = new Gate();
  const look: Tool = {
    name: "look",
    run() {
      started.open();
      return new Promise((resolve) => setTimeout(resolve, 400, "a bird"));
    },
  };
  const client = scriptedClient([{ steps: [{ toolCall: { name: "look" } }] }, BEGUN]);
  const failed = new LLMSession({ client })
    .sendMessage("question", { tools: [look], timeouts: { total: 1_000 } })
    .catch((error: unknown) => error);
  await started.pass();
  await vi.advanceTimersByTimeAsync(1_100);
  expect(await failed).toMatchObject({ kind: "timeout", phase: "total", waitedMs: 1_000 });
});

test("the limit of an inner client, which begins with its own call, reports that wait alone", async () => {
  const limited = scriptedClient([BEGUN]);
  const own: ClientWrapper = {
    provider: "own",
    model: "m",
    sendMessage: (messages) => limited.sendMessage(messages, { timeouts: { total: 300 } }),
    sendMessageStream: (messages) => limited.sendMessageStream(messages, { timeouts: { total: 300 } }),
  };
  const client = fallback([scriptedClient([SILENT]), own], { firstChunkWithinMs: 400 });
  const failed = client
    .sendMessageStream(QUESTION)
    .then((stream) => stream.finalMessage())
    .catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await failed).toMatchObject({ kind: "timeout", phase: "total", waitedMs: 300 });
});
