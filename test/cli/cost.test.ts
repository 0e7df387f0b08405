/** What the command line says of money: on stderr, where the price is known, and never as more than is known. */

import type { SessionUsage, TurnUsage } from "cloudllm";
import { startProviderServer } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { conversationCostOf, dollarsOf, replyCostOf } from "../../src/cli/cost.ts";
import { command } from "./command.ts";

/** A reply of Chat Completions as a provider sends it, with its own words for what it used. */
function chatReply(model: string, usage: object) {
  const chunks = [
    { model, choices: [{ index: 0, delta: { content: "Hi" }, finish_reason: "stop" }] },
    { model, choices: [], usage },
  ];
  return { body: `${chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join("")}data: [DONE]\n\n` };
}

/** The same of Responses: 1000 tokens in, 100 out. */
function responsesReply(model: string) {
  const item = { id: "msg_1", type: "message", role: "assistant" };
  const text = { type: "output_text", text: "Hi", annotations: [] };
  const response = { id: "resp_1", object: "response", model, output: [] };
  const usage = { input_tokens: 1_000, output_tokens: 100, total_tokens: 1_100 };
  const done = { ...item, status: "completed", content: [text] };
  const events = [
    { type: "response.created", response: { ...response, status: "in_progress" } },
    { type: "response.output_item.added", output_index: 0, item: { ...item, status: "in_progress", content: [] } },
    { type: "response.output_text.delta", output_index: 0, content_index: 0, item_id: "msg_1", delta: "Hi" },
    { type: "response.output_item.done", output_index: 0, item: done },
    { type: "response.completed", response: { ...response, status: "completed", output: [done], usage } },
  ];
  return { body: events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join("") };
}

const USAGE = { prompt_tokens: 1_000, completion_tokens: 100, total_tokens: 1_100 };
const openai = ["--provider", "openai", "--model", "gpt-5.2"];
const openrouter = ["--provider", "openrouter", "--model", "maker/model"];
const env = { OPENAI_API_KEY: "none", OPENROUTER_API_KEY: "none" };

describe("one question", () => {
  test.each([
    // 1000 × 1.75 + 100 × 14 millionths
    ["by the list, for the snapshot that answered", openai, responsesReply("gpt-5.2-2025-12-11"), "· $0.0032 ·"],
    ["by the provider's own bill", openrouter, chatReply("maker/model", { ...USAGE, cost: 0.0145476 }), "· $0.015 ·"],
  ])("says what it cost: %s", async (_how, who, reply, said) => {
    await using server = await startProviderServer([reply]);
    const { stdout, stderr, code } = await command([...who, "--base-url", server.baseUrl, "x"], { env });
    expect(code, stderr).toBe(0);
    expect(stderr).toContain(`1000 in, 100 out ${said}`);
    expect(stdout).toBe("Hi\n");
  });

  test.each([
    ["a model that is unknown", openai, responsesReply("gpt-99")],
    ["a server of one's own, with any model name", ["--model", "gpt-5.2"], chatReply("gpt-5.2", USAGE)],
  ])("says nothing of money for %s", async (_what, who, reply) => {
    await using server = await startProviderServer([reply]);
    const { stderr } = await command([...who, "--base-url", server.baseUrl, "x"], { env });
    expect(stderr).toContain("1000 in, 100 out · gpt-");
    expect(stderr).not.toContain("$");
  });

  test.each([
    ["--quiet", "Hi\n"],
    ["--json", undefined],
  ])("with %s stdout has no price", async (option, stdout) => {
    await using server = await startProviderServer([responsesReply("gpt-5.2")]);
    const result = await command([...openai, "--base-url", server.baseUrl, option, "x"], { env });
    if (stdout) expect(result).toEqual({ stdout, stderr: "", code: 0 });
    expect(result.stdout).not.toContain("$");
  });
});

describe("a chat", () => {
  test("says it after each turn, and /usage for all", async () => {
    await using server = await startProviderServer([responsesReply("gpt-5.2"), responsesReply("gpt-5.2")]);
    const { stdout, stderr } = await command(["chat", ...openai, "--base-url", server.baseUrl], {
      env,
      stdin: "a\nb\n/usage\n",
    });
    expect(stderr.match(/ out · \$0\.0032 · gpt-5\.2/g)).toHaveLength(2);
    expect(stderr).toMatch(/\n2 replies: 2000 tokens in, 200 out\. \$0\.0063\.\n$/);
    expect(stdout).toBe("Hi\nHi\n");
  });
});

describe("a reply's cost", () => {
  const tokens = { inputTokens: 1_000, outputTokens: 100, totalTokens: 1_100 };
  const estimate = { inputTokens: 1_000, outputTokens: 1_100, totalTokens: 2_100 };
  test.each<[string, Partial<TurnUsage>, string | undefined]>([
    ["is what the provider reported", { usage: tokens }, "$0.0032"],
    ["is an estimate where it reported nothing", { estimatedUsage: estimate }, "≈$0.017"],
    ["covers the end of a cut one, which the report does not", { usage: tokens, estimatedUsage: estimate }, "≈$0.017"],
    ["is not said where nothing is known", {}, undefined],
  ])("%s", async (_name, usage, said) => {
    expect(await replyCostOf({ provider: "openai", model: "gpt-5.2", ...usage })).toBe(said);
  });
});

describe("a conversation's cost", () => {
  const tokens = { inputTokens: 1_000, outputTokens: 100, totalTokens: 1_100 };
  const known: TurnUsage = { provider: "openai", model: "gpt-5.2", usage: tokens };
  const unknown: TurnUsage = { provider: "ollama", model: "llama3.2", usage: tokens };
  const { usage: _reported, ...cut } = { ...known, estimatedUsage: tokens };
  test.each<[string, readonly TurnUsage[], string | undefined]>([
    ["is the sum of its turns", [known, known], "$0.0063"],
    ["names how many it covers", [known, unknown], "$0.0032 for 1 of 2"],
    ["is an estimate where one of them is", [known, cut], "≈$0.0063"],
    [
      "counts all of a turn that was cut",
      [{ ...known, estimatedUsage: { ...tokens, outputTokens: 1_100 } }],
      "≈$0.017",
    ],
    ["is not said where nothing is known", [unknown], undefined],
    ["is not said before anything was", [], undefined],
  ])("%s", async (_name, turns, said) => {
    const usage: SessionUsage = { ...tokens, estimated: tokens, turns };
    expect(await conversationCostOf(usage)).toBe(said);
  });
});

test.each([
  [0, "$0"],
  [0.000_000_004_9, "$0.0000000049"],
  [0.000_048, "$0.000048"],
  [0.00996, "$0.010"],
  [0.0149, "$0.015"],
  [0.25, "$0.25"],
  [0.999, "$1.00"],
  [12.345, "$12.35"],
])("%f dollars are %s", (cost, said) => expect(dollarsOf(cost)).toBe(said));
