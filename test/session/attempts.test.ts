/** Every request that a turn has sent is in `metrics.attempts`, wherever the turn was left. */

import {
  type AssistantMessage,
  CompatibleClient,
  LLMSession,
  type MessageStream,
  rateLimit,
  SendError,
  type Tool,
} from "cloudllm";
import { Gate, type ReplyScript, scriptedClient, startProviderServer } from "cloudllm/testing";
import { describe, expect, test } from "vitest";

const look: Tool = { name: "look", run: () => "a bird" };
const CALL: ReplyScript = { steps: [{ text: "Let me see. " }, { toolCall: { name: "look" } }] };

/** Where the turn stands. */
const PLACES: readonly (readonly [place: string, scripts: (gate: Gate) => readonly ReplyScript[], outcomes: number])[] =
  [
    ["in its first reply", (gate) => [{ steps: [{ text: "Let" }, { pause: gate }] }], 1],
    ["while its second reply is asked for", (gate) => [CALL, { opensAfter: gate, text: "A bird." }], 2],
    ["in its second reply", (gate) => [CALL, { steps: [{ text: "A" }, { pause: gate }] }], 2],
    ["while its third reply is asked for", (gate) => [CALL, CALL, { opensAfter: gate, text: "A bird." }], 3],
  ];

/** How it is left. */
const WAYS: readonly (readonly [
  way: string,
  leave: (stream: MessageStream, abort: AbortController, gate: Gate) => void,
])[] = [
  ["stop()", (stream) => void stream.stop()],
  [
    "stop({ drain: true })",
    (stream, _abort, gate) => {
      void stream.stop({ drain: true });
      gate.open();
    },
  ],
  ["the signal", (_stream, abort) => abort.abort()],
  ["the end of a block", (stream) => void stream[Symbol.asyncDispose]()],
];

describe.each(WAYS)("a turn that is left by %s", (way, leave) => {
  test.each(PLACES)("%s reports every request", async (_place, scripts, outcomes) => {
    const gate = new Gate();
    const client = scriptedClient(scripts(gate));
    const abort = new AbortController();
    const session = new LLMSession({ client });
    const stream = await session.sendMessageStream("question", { tools: [look], signal: abort.signal });
    const ending: Promise<AssistantMessage | undefined> = stream.finalMessage().catch((error: unknown) => {
      if (!(error instanceof SendError)) throw error;
      expect(error.attempts).toEqual(error.partial?.metrics.attempts);
      return error.partial;
    });
    await gate.reached;
    leave(stream, abort, gate);
    const attempts = (await ending)?.metrics.attempts ?? [];
    expect(client.calls).toHaveLength(outcomes);
    const last = way === "the signal" ? ["aborted"] : ["stopped", "answered"];
    expect(attempts.map(({ outcome }) => outcome).slice(0, -1)).toEqual(Array(outcomes - 1).fill("answered"));
    expect(last).toContain(attempts.at(-1)?.outcome);
    expect(attempts).toHaveLength(outcomes);
    for (const { durationMs } of attempts) expect(durationMs).toBeGreaterThanOrEqual(0);
  });
});

test("a request that was sent again is there twice", async () => {
  const gate = new Gate();
  await using server = await startProviderServer([CALL, { refusal: { status: 503 } }, { opensAfter: gate, text: "A" }]);
  const client = new CompatibleClient({ baseUrl: server.baseUrl, model: "m" });
  const stream = await new LLMSession({ client }).sendMessageStream("question", { tools: [look] });
  const ending = stream.finalMessage();
  await gate.reached;
  await stream.stop();
  const outcomes = (await ending).metrics.attempts.map(({ outcome, status }) => `${outcome} ${status ?? "-"}`);
  expect(outcomes).toEqual(["answered 200", "overloaded 503", "stopped -"]);
});

test("what waits for its turn was not sent", async () => {
  const client = rateLimit(scriptedClient([CALL, { text: "A bird." }]), { requestsPerMinute: 1 });
  const stream = await new LLMSession({ client }).sendMessageStream("question", { tools: [look] });
  for await (const chunk of stream) {
    if (chunk.type !== "toolResult") continue;
    void stream.finalMessage();
    await new Promise((resolve) => setImmediate(resolve)); // the next reply is asked for
    await stream.stop();
  }
  expect(stream.metrics.attempts.map(({ outcome }) => outcome)).toEqual(["answered"]);
});
