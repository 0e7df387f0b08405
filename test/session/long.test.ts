/** Conversations of many turns: what they cost to open grows with them, not with their square. */

import type { SessionRecord } from "cloudllm";
import { expect, test } from "vitest";
import { replay } from "../../src/session/reducer.ts";

function recordsOf(turns: number): readonly SessionRecord[] {
  return Array.from({ length: turns }, (_, turn): readonly SessionRecord[] => [
    { type: "said", messages: [{ role: "user", content: `question ${turn}` }] },
    {
      type: "end",
      stays: true,
      message: { role: "assistant", content: `answer ${turn}` },
      usage: { provider: "p", model: "m", usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 } },
    },
  ]).flat();
}

/** The best of several, in milliseconds: what else the machine does only adds. */
function timeOf(records: readonly SessionRecord[]): number {
  const times = Array.from({ length: 5 }, () => {
    const startedAt = performance.now();
    replay(records);
    return performance.now() - startedAt;
  });
  return Math.min(...times);
}

test("sixteen times the turns are not two hundred times the work", () => {
  const some = recordsOf(1_000);
  const many = recordsOf(16_000);
  expect(timeOf(many) / timeOf(some)).toBeLessThan(60);
});

test("reading leaves the records as they are, however a conversation was replaced and cut", () => {
  const session = { version: 1, onInterrupt: "keep", history: [], turns: [] } as const;
  const records = [
    ...recordsOf(3),
    { type: "saved", session } as const,
    ...recordsOf(2),
    { type: "cut", length: 2 } as const,
  ];
  const before = structuredClone(records);
  const first = replay(records);
  const second = replay([...records, ...recordsOf(1)]);
  expect(records).toEqual(before);
  expect(first).toMatchObject({ history: [{ content: "question 0" }, { content: "answer 0" }] });
  expect(first.history).toHaveLength(2);
  expect(second.history).toHaveLength(4);
  expect(second.turns).toHaveLength(3);
});
