/** Conversations of many turns: what they cost to open grows with them, not with their square. */

import type { SessionRecord } from "cloudllm";
import { expect, test } from "vitest";
import { replay } from "../../src/session/replay.ts";

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

/** The elements of arrays that are copied or visited while the records are read. A spy would visit some itself. */
function elementsVisited(records: readonly SessionRecord[]): number {
  let count = 0;
  const { prototype } = Array;
  const { slice, [Symbol.iterator]: each } = prototype;
  prototype.slice = function (this: unknown[], ...given) {
    count += this.length;
    return slice.apply(this, given);
  };
  prototype[Symbol.iterator] = function (this: unknown[]) {
    count += this.length;
    return each.call(this);
  };
  try {
    replay(records);
  } finally {
    Object.assign(prototype, { slice, [Symbol.iterator]: each });
  }
  return count;
}

test("a log of sixteen times the turns is sixteen times the work", () => {
  expect(elementsVisited(recordsOf(1_600)) / elementsVisited(recordsOf(100))).toBeLessThan(17);
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
