/** Metrics are present on every ending, and while the reply runs. */

import assert from "node:assert/strict";
import type { MessageChunk } from "../../contract/chunk.ts";
import type { ReplyMetrics } from "../../contract/metrics.ts";
import { Gate } from "../pause.ts";
import { asSendError, type CaseDefinition, finalOf, ONCE, partialOf, QUESTION, readAll } from "./case.ts";

export const metricsCases: readonly CaseDefinition[] = [
  {
    name: "metrics: a complete reply reports its timing, its chunks and its one attempt",
    async run({ open }) {
      const { client } = await open({ text: ["One ", "two"], ending: { usage: { inputTokens: 1, outputTokens: 2 } } });
      const stream = await client.sendMessageStream(QUESTION);
      const { chunks } = await readAll(stream);
      const { metrics } = finalOf(chunks);
      checkMetrics(metrics, chunks);
      assert.equal(metrics.attempts.at(-1)?.outcome, "answered");
      assert.deepEqual(stream.metrics, metrics);
    },
  },
  {
    name: "metrics: a non-streamed reply has them as well",
    async run({ open }) {
      const { client } = await open({ text: "One two" });
      const { metrics } = await client.sendMessage(QUESTION);
      assert.ok(metrics.durationMs >= 0);
      assert.equal(metrics.attempts.at(-1)?.outcome, "answered");
    },
  },
  {
    name: "metrics: a failure reports them in its partial message",
    async run({ open }) {
      const { client } = await open({ text: ["One ", "two"], ending: "cut" });
      const { chunks, error } = await readAll(await client.sendMessageStream(QUESTION, ONCE));
      const { metrics } = partialOf(asSendError(error));
      checkMetrics(metrics, chunks);
      assert.equal(metrics.attempts.at(-1)?.outcome, "truncated");
    },
  },
  {
    name: "metrics: a reply that was stopped has them",
    async run({ open }) {
      const { client } = await open({ text: ["One ", "two"], ending: "hang" });
      const stream = await client.sendMessageStream(QUESTION);
      const chunks: MessageChunk[] = [];
      for await (const chunk of stream) {
        chunks.push(chunk);
        if (chunks.length === 1) void stream.stop();
      }
      const { metrics } = finalOf(chunks);
      checkMetrics(metrics, chunks);
      assert.equal(metrics.attempts.at(-1)?.outcome, "stopped");
    },
  },
  {
    name: "metrics: they can be read while the reply runs, and grow",
    async run({ open }) {
      const gate = new Gate();
      const { client } = await open({ steps: [{ text: "One " }, { pause: gate }, { text: "two" }] });
      const stream = await client.sendMessageStream(QUESTION);
      const before = stream.metrics;
      assert.equal(before.chunks, 0);
      assert.equal(before.timeToFirstChunkMs, undefined);
      for await (const chunk of stream) {
        if (chunk.content !== "One ") continue;
        const running = stream.metrics;
        assert.equal(running.chunks, 1);
        assert.ok(running.timeToFirstChunkMs !== undefined && running.timeToFirstChunkMs >= 0);
        assert.ok(running.durationMs >= before.durationMs);
        gate.open();
      }
      assert.equal(stream.metrics.chunks, 2);
    },
  },
];

function checkMetrics(metrics: ReplyMetrics, chunks: readonly MessageChunk[]): void {
  const { timeToFirstChunkMs = Number.NaN, durationMs, longestGapMs, outputTokensPerSecond, attempts } = metrics;
  assert.equal(metrics.chunks, chunks.filter((chunk) => !chunk.isFinal).length);
  assert.ok(timeToFirstChunkMs >= 0 && timeToFirstChunkMs <= durationMs, "the first chunk comes within the call");
  assert.ok(longestGapMs >= 0 && longestGapMs <= durationMs, "no gap is longer than the call");
  if (outputTokensPerSecond !== undefined) {
    assert.ok(outputTokensPerSecond > 0 && Number.isFinite(outputTokensPerSecond), "a rate is a positive number");
  }
  assert.equal(attempts.length, 1);
  for (const { durationMs: attemptMs, provider, model } of attempts) {
    assert.ok(attemptMs >= 0 && attemptMs <= durationMs + 1, "an attempt takes no longer than its call");
    assert.notEqual(provider, "");
    assert.notEqual(model, "");
  }
}
