import { describe, expect, test } from "vitest";
import { createSampler, type Sampling } from "../../src/embedded/sampler.ts";
import { StopTexts } from "../../src/embedded/stop-texts.ts";

/** The logarithms of 0.1, 0.6, 0.3 and 0. */
const SCORES = Float32Array.of(Math.log(0.1), Math.log(0.6), Math.log(0.3), Number.NEGATIVE_INFINITY);

function draws(sampling: Partial<Sampling>, count = 3_000): readonly number[] {
  const sample = createSampler({ temperature: 1, topP: 1, seed: 1, ...sampling });
  return Array.from({ length: count }, () => sample(SCORES));
}

function shares(sampling: Partial<Sampling>): readonly number[] {
  const all = draws(sampling);
  return [0, 1, 2, 3].map((id) => Math.round((10 * all.filter((each) => each === id).length) / all.length) / 10);
}

describe("the next token", () => {
  test.each<[string, Partial<Sampling>, readonly number[]]>([
    ["is drawn by its likelihood", {}, [0.1, 0.6, 0.3, 0]],
    ["is the likeliest at temperature 0", { temperature: 0 }, [0, 1, 0, 0]],
    ["is more often an unlikely one when it is warm", { temperature: 2 }, [0.2, 0.5, 0.3, 0]],
    ["is one of the likeliest that make up topP", { topP: 0.8 }, [0, 0.7, 0.3, 0]],
    ["is the likeliest when topP is 0", { topP: 0 }, [0, 1, 0, 0]],
  ])("%s", (_name, sampling, expected) => expect(shares(sampling)).toEqual(expected));

  test.each([[0], [-7], [2 ** 40 + 5]])("is the same again with the seed %d", (seed) => {
    expect(draws({ seed }, 50)).toEqual(draws({ seed }, 50));
  });

  test("is another with another seed, also one that differs in its upper half only, and without one", () => {
    expect(draws({ seed: 1 }, 50)).not.toEqual(draws({ seed: 2 }, 50));
    expect(draws({ seed: 1 }, 50)).not.toEqual(draws({ seed: 1 + 2 ** 40 }, 50));
    expect(draws({ seed: undefined }, 50)).not.toEqual(draws({ seed: undefined }, 50));
  });
});

describe("stop texts", () => {
  test.each<[string, readonly string[], readonly string[], string, boolean]>([
    ["nothing to stop at", [], ["Once ", "upon"], "Once upon", false],
    ["within a piece", ["up"], ["Once ", "upon"], "Once ", true],
    ["over three pieces", ["ce upon"], ["Once", " up", "on a"], "On", true],
    ["a beginning that was none", ["ce upset"], ["Once", " up", "on a"], "Once upon a", false],
    ["a beginning at the very end", ["time"], ["Once a ti"], "Once a ti", false],
    ["the first of several", ["time", "a"], ["Once a time"], "Once ", true],
    ["a beginning within a beginning", ["aab"], ["a", "a", "a", "b"], "a", true],
  ])("%s", (_name, stops, pieces, expected, stopped) => {
    const watch = new StopTexts(stops);
    let text = "";
    let isStopped = false;
    for (const piece of pieces) {
      const step = watch.push(piece);
      text += step.text;
      isStopped ||= step.stopped;
    }
    expect(text + watch.rest()).toBe(expected);
    expect(isStopped).toBe(stopped);
  });
});
