/** The sentences the command line makes of numbers and names. */

import type { AssistantMessage, TokenUsage } from "cloudllm";
import { describe, expect, test } from "vitest";
import { CHAT_HELP, unknownCommand } from "../../src/cli/commands/chat-commands.ts";
import { comparisonOf } from "../../src/cli/commands/compare.ts";
import { HELP } from "../../src/cli/help.ts";
import { secondsOf, statusLineOf } from "../../src/cli/status-line.ts";

const USAGE: TokenUsage = { inputTokens: 12, outputTokens: 118, totalTokens: 130 };

function reply(more: Partial<AssistantMessage> = {}): AssistantMessage {
  return {
    role: "assistant",
    content: "Hi",
    reasoning: "",
    toolCalls: [],
    citations: [],
    finishReason: "stop",
    usage: USAGE,
    metrics: {
      timeToFirstChunkMs: 410,
      durationMs: 2_680,
      chunks: 60,
      outputTokensPerSecond: 52.2,
      longestGapMs: 80,
      attempts: [{ provider: "openai", model: "m", durationMs: 2_680, outcome: "answered", status: 200 }],
    },
    provider: "openai",
    model: "gpt-6-luna",
    ...more,
  };
}

describe("the status line", () => {
  const { metrics, usage: _usage, ...without } = reply();
  test.each<[string, AssistantMessage, string]>([
    [
      "says when, how fast, how much and who",
      reply(),
      "0.41 s to first token · 52 tokens/s · 12 in, 118 out · gpt-6-luna",
    ],
    [
      "marks what is estimated",
      { ...without, metrics, estimatedUsage: USAGE },
      "0.41 s to first token · ≈52 tokens/s · ≈12 in, ≈118 out · gpt-6-luna",
    ],
    [
      "does not take what was reported of a stopped reply for all of it",
      reply({
        usage: { ...USAGE, outputTokens: 1 },
        estimatedUsage: USAGE,
        finishReason: "stopped",
        interrupted: true,
      }),
      "0.41 s to first token · ≈52 tokens/s · ≈12 in, ≈118 out · gpt-6-luna · stopped",
    ],
    [
      "says that a reply was cut off",
      reply({ finishReason: "length" }),
      "0.41 s to first token · 52 tokens/s · 12 in, 118 out · gpt-6-luna · cut off at the token limit",
    ],
    [
      "repeats an ending that is unknown",
      reply({ finishReason: "unknown", rawFinishReason: "eos" }),
      "0.41 s to first token · 52 tokens/s · 12 in, 118 out · gpt-6-luna · ended for an unknown reason (eos)",
    ],
    [
      "reports a second attempt",
      reply({ metrics: { ...metrics, attempts: [...metrics.attempts, ...metrics.attempts] } }),
      "0.41 s to first token · 52 tokens/s · 12 in, 118 out · gpt-6-luna · 2 attempts",
    ],
    [
      "has no rate for what came in one piece",
      reply({ metrics: { ...metrics, durationMs: 411, outputTokensPerSecond: 118_000 } }),
      "0.41 s to first token · 12 in, 118 out · gpt-6-luna",
    ],
    [
      "can do with nothing",
      { ...without, finishReason: "stopped", metrics: { durationMs: 950, chunks: 0, longestGapMs: 0, attempts: [] } },
      "0.95 s, nothing came · gpt-6-luna · stopped",
    ],
  ])("%s", (_name, message, line) => expect(statusLineOf(message)).toBe(line));

  test("names the price after the tokens", () => {
    expect(statusLineOf(reply(), "$0.000048")).toBe(
      "0.41 s to first token · 52 tokens/s · 12 in, 118 out · $0.000048 · gpt-6-luna",
    );
  });

  test.each([
    [3, "0.00 s"],
    [9_994, "9.99 s"],
    [9_996, "10.0 s"],
    [99_940, "99.9 s"],
    [125_400, "2 min 5 s"],
  ])("%d ms is %s", (ms, text) => expect(secondsOf(ms)).toBe(text));
});

describe("the comparison", () => {
  const nonStreamed = { firstWordsMs: 3_800, totalMs: 3_800, tokens: "118" };
  const streamed = { firstWordsMs: 400, totalMs: 3_700, tokens: "≈121" };

  test("is a table, a picture and a sentence", () => {
    expect(comparisonOf(nonStreamed, streamed, 53)).toEqual([
      "              first words  last words  tokens",
      "non-streamed       3.80 s      3.80 s     118",
      "streamed           0.40 s      3.70 s    ≈121",
      "",
      "non-streamed  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░█",
      "streamed      ░░░░█████████████████████████████████",
      "              ░ waiting  █ reading",
      "",
      "Streamed, the first words were there 9.5 times sooner.",
    ]);
  });

  test("claims nothing when it was not sooner, and survives replies in no time", () => {
    expect(comparisonOf(streamed, { ...streamed, firstWordsMs: 390 }, 80).at(-1)).toContain("no sooner");
    const nothing = { firstWordsMs: 0, totalMs: 0, tokens: "?" };
    expect(comparisonOf(nothing, nothing, 80).join("\n")).not.toMatch(/NaN|Infinity/);
  });
});

describe("a mistyped command", () => {
  test.each([
    ["sav", "/save"],
    ["savee", "/save"],
    ["hepl", "/help"],
    ["usge", "/usage"],
    ["quit!", "/quit"],
  ])("/%s is answered with %s", (typed, meant) => expect(unknownCommand(typed)).toContain(`Did you mean ${meant}?`));

  test("something else is answered with the list", () => {
    for (const name of ["", "etc/passwd", "exit"])
      expect(unknownCommand(name)).toContain("There are /model /system /usage");
  });
});

test("help fits into a terminal", () => {
  for (const line of HELP.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
  for (const line of CHAT_HELP) expect(line.length, line).toBeLessThanOrEqual(86);
});
