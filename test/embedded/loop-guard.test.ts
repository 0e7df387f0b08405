import { describe, expect, test } from "vitest";
import { withoutLoops } from "../../src/embedded/loop-guard.ts";
import { createSampler, likeliest } from "../../src/embedded/sampler.ts";

/** Chooses what is wanted, one token after another; where that is not allowed, the next one of 40 (a new one: 39). */
function written(wanted: readonly number[]): readonly number[] {
  const choose = withoutLoops(likeliest);
  return wanted.map((token) => {
    const scores = new Float32Array(40);
    scores[39] = 1;
    scores[token] = 2;
    return choose(scores);
  });
}

const OTHER = 39;
const times = (count: number, run: readonly number[]): number[] => Array.from({ length: count }, () => run).flat();
const count = (from: number, length: number): number[] => Array.from({ length }, (_, index) => from + index);

describe("a run of tokens stands twice in a row, and not three times", () => {
  test.each<[string, readonly number[], readonly number[]]>([
    ["one token", [7, 7, 7], [7, 7, OTHER]],
    ["one token, after others", [1, 2, 7, 7, 7, 3], [1, 2, 7, 7, OTHER, 3]],
    ["two tokens", [7, 8, 7, 8, 7, 8], [7, 8, 7, 8, 7, OTHER]],
    ["three, of which two are equal", [7, 7, 8, 7, 7, 8, 7, 7, 8], [7, 7, 8, 7, 7, 8, 7, 7, OTHER]],
    ["32 tokens", times(3, count(0, 32)), [...times(3, count(0, 32)).slice(0, -1), OTHER]],
    ["after it was prevented once, the run counts again", times(7, [7]), [7, 7, OTHER, 7, 7, OTHER, 7]],
  ])("%s", (_name, wanted, expected) => expect(written(wanted)).toEqual(expected));

  test.each<[string, readonly number[]]>([
    ["twice", [7, 7, 1, 7, 7]],
    ["two and a half times", [1, 7, 8, 7, 8, 7, 2]],
    ["often, with another token between", [7, 1, 7, 2, 7, 3, 7, 4]],
    ["three times, with one token changed", [1, 2, 3, 1, 2, 4, 1, 2, 3]],
    ["three times, longer than is looked for", times(3, count(0, 33))],
  ])("but as it likes: %s", (_name, wanted) => expect(written(wanted)).toEqual(wanted));
});

test("what is left is as likely as before", () => {
  const choose = withoutLoops(createSampler({ temperature: 1, topP: 1, seed: 1 }));
  const all = Array.from({ length: 3_000 }, () =>
    choose(Float32Array.of(Math.log(0.9), Math.log(0.06), Math.log(0.04))),
  );
  const afterTwo = all.filter((_, at) => at > 1 && all[at - 1] === 0 && all[at - 2] === 0);
  expect(afterTwo).not.toContain(0);
  const share = afterTwo.filter((token) => token === 1).length / afterTwo.length;
  expect(share).toBeGreaterThan(0.5);
  expect(share).toBeLessThan(0.7);
});
