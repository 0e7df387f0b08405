/**
 * The tokens of a reply whose provider did not count all of it: each place that shows or adds them takes the same
 * count. An aborted reply of Claude has reported its input and one token of output.
 */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ClaudeClient, completeUsageOf, type TokenUsage } from "cloudllm";
import { describe, expect, test } from "vitest";
import { replyCostOf } from "../../src/cli/cost.ts";
import { Metrics } from "../../src/cli/serve/metrics.ts";
import { statusLineOf } from "../../src/cli/status-line.ts";
import { anthropicWire } from "../../src/dialects/anthropic/reply.ts";
import type { GatewayWire } from "../../src/dialects/gateway/dialect.ts";
import { chatWire } from "../../src/dialects/openai-chat/reply.ts";
import { responseObject } from "../../src/dialects/openai-responses/items.ts";
import { EMPTY_MEMO } from "../../src/dialects/openai-responses/request.ts";
import { costQuestionOf, figuresOf } from "../../src/page/figures.ts";
import { BudgetMeter } from "../../src/session/budget-meter.ts";
import { complete, encoded, message, OPENED, REPLY } from "../support/encoding.ts";
import { httpChunk, STREAM_HEAD } from "../support/raw-server.ts";
import { useServers } from "../support/servers.ts";

const usage: TokenUsage = { inputTokens: 5, outputTokens: 1, totalTokens: 6 };
const estimatedUsage: TokenUsage = { inputTokens: 5, outputTokens: 300, totalTokens: 305 };

const PARTLY_COUNTED = message({ usage, estimatedUsage, provider: "claude", model: "claude-sonnet-4-5" });

const serve = useServers();

test.each([
  ["the provider's count, where it covers the reply", { usage }, usage],
  ["the estimate, where the provider has counted nothing", { estimatedUsage }, estimatedUsage],
  ["the estimate, where the provider has counted a part", { usage, estimatedUsage }, estimatedUsage],
  ["nothing, where nothing is known", {}, undefined],
])("it is %s", (_name, reply, expected) => expect(completeUsageOf(reply)).toBe(expected));

describe("all of an aborted reply is in", () => {
  test.each<readonly [string, GatewayWire, object]>([
    ["Chat Completions", chatWire(true), { completion_tokens: 300 }],
    ["Anthropic Messages", anthropicWire, { output_tokens: 300 }],
  ])("the gateway's %s", (_name, wire, counted) => {
    const events = encoded(wire, OPENED, complete(PARTLY_COUNTED)).map(({ data }) => data);
    expect(events).toContainEqual(expect.objectContaining({ usage: expect.objectContaining(counted) }));
  });

  test("the gateway's Responses", () => {
    const state = { status: "cancelled", message: PARTLY_COUNTED } as const;
    const response = responseObject(REPLY, EMPTY_MEMO, state, []);
    expect(response).toMatchObject({ usage: { input_tokens: 5, output_tokens: 300, total_tokens: 305 } });
  });

  test("the metrics of `cloudllm serve`", () => {
    const metrics = new Metrics();
    metrics.begun();
    metrics.ended(PARTLY_COUNTED, undefined);
    expect(metrics.text(0)).toContain('cloudllm_tokens_total{kind="output"} 300');
  });

  test("the budget of a turn", () => {
    const budget = new BudgetMeter({ tokens: 300 });
    budget.add(PARTLY_COUNTED);
    expect(budget.isReached).toBe(true);
  });

  test("the lines and costs that people read", async () => {
    expect(statusLineOf(PARTLY_COUNTED)).toContain("≈300 out");
    expect(figuresOf(PARTLY_COUNTED as never, undefined)).toContain("≈300 tokens");
    expect(costQuestionOf(PARTLY_COUNTED as never)?.usage).toBe(estimatedUsage);
    expect(await replyCostOf(PARTLY_COUNTED)).toBe(await replyCostOf({ ...PARTLY_COUNTED, usage: estimatedUsage }));
  });
});

test("the estimate of an aborted reply has the cached input that the provider counted: it has a price of its own", async () => {
  const counted = { input_tokens: 10, cache_read_input_tokens: 900, cache_creation_input_tokens: 90, output_tokens: 1 };
  const start = { type: "message_start", message: { id: "m1", model: "claude", usage: counted } };
  const server = await serve(({ socket }) =>
    socket.write(`${STREAM_HEAD}${httpChunk(`event: message_start\ndata: ${JSON.stringify(start)}\n\n`)}`),
  );
  const baseUrl = `http://127.0.0.1:${server.port}`;
  const client = new ClaudeClient({ baseUrl, model: "claude-sonnet-4-5", apiKey: "sk-test" });
  const stream = await client.sendMessageStream([{ role: "user", content: "hi" }]);
  const reading = stream.finalMessage();
  await expect.poll(() => stream.partial.usage).toBeDefined();
  await stream.stop();
  const message = await reading;
  expect(completeUsageOf(message)).toBe(message.estimatedUsage);
  expect(message.estimatedUsage).toMatchObject({ inputTokens: 1_000, cachedInputTokens: 900, cacheWriteTokens: 90 });
});

test("no other file chooses between the two counts", () => {
  const src = fileURLToPath(new URL("../../src/", import.meta.url));
  const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  const choosing = files.filter((file) =>
    /usage\)? \?\? [\w.?]*estimatedUsage|estimatedUsage\)? \?\? [\w.?]*usage/i.test(
      readFileSync(join(src, file), "utf8"),
    ),
  );
  expect(choosing).toEqual(["contract/usage.ts"]);
});
