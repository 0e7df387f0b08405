import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { accepts } from "../bench/nodes.mjs";
import { type Facts, withFigures } from "../bench/readme.mjs";
import { longSentences } from "./support/prose.ts";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

/** Rounds of one contender, `factor` times as dear as the loop written by hand. */
function valuesOf(factor: number): Record<string, number[]> {
  const keys = ["aloneUs", "packedUs", "shortUs", "firstTokenMs", "startMs", "p50Ms", "p99Ms", "packedPromises"];
  return { ...Object.fromEntries(keys.map((key) => [key, [100 * factor, 110 * factor]])), importMs: [9] };
}

function runOn(node: string, taking: readonly string[]) {
  const results = Object.fromEntries(taking.map((name) => [name, valuesOf(name.endsWith("/fetch") ? 1 : 20)]));
  return { node, leftOut: [], failures: {}, results };
}

const names = ["fetch", "http", "cloudllm", "cloudllm-batches", "openai", "ai-sdk"].map((name) => `chat/${name}`);
const facts: Facts = {
  date: "2026-01-02",
  machine: { platform: "linux", arch: "x64", cores: 2 },
  load: { before: 0, after: 1 },
  eventBytes: 300,
  versions: { openai: "7.8.9", ai: "1.2.3" },
  runs: [runOn("v24.1.0", names), runOn("v20.2.0", ["chat/fetch", "chat/cloudllm"])],
};

test("the table in README.md names the date, each Node and the version of each library", () => {
  const written = withFigures(readme, facts);
  expect(written).toContain("run of 2026-01-02 on Node 24.1.0");
  expect(written).toMatch(/^\| openai 7\.8\.9 \| 20\.0 \|/m);
  expect(written).toMatch(/^\| \*\*cloudllm\*\* on Node 20 \| 20\.0 \|/m);
  expect(longSentences(written)).toEqual([]);
});

test("new figures replace the old ones and leave the rest of README.md as it is", () => {
  const once = withFigures(readme, facts);
  expect(withFigures(once, facts)).toBe(once);
  expect(once.slice(0, once.indexOf("## Speed"))).toBe(readme.slice(0, readme.indexOf("## Speed")));
  expect(once.slice(once.indexOf("## Documentation"))).toBe(readme.slice(readme.indexOf("## Documentation")));
});

test.each([
  [">=22", "v20.20.2", false],
  [">=22.19.0", "v22.18.1", false],
  [">=22.19.0", "v22.19.0", true],
  [">=22.0.0", "v24.1.0", true],
  ["^20 || >=22", "v20.1.0", true],
  [undefined, "v20.1.0", true],
])("a library that wants Node %s runs on %s: %s", (engines, version, expected) => {
  expect(accepts(engines, version)).toBe(expected);
});
