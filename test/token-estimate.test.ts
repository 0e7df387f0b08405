/** Estimates against the vocabulary they estimate, and a counter that learns from bills. */

import { readdirSync, readFileSync } from "node:fs";
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { describe, expect, test } from "vitest";
import { createTokenCounter, estimateTokens } from "../src/tokens/estimate.ts";

const HERE = new URL(".", import.meta.url);

/** How far the estimate is off: 0.1 is ten percent too many. */
function errorOf(text: string): number {
  return estimateTokens(text) / countTokens(text, { disallowedSpecial: new Set() }) - 1;
}

function read(path: string): string {
  return readFileSync(new URL(path, HERE), "utf8");
}

describe("the estimate is near the count", () => {
  // Texts written for this test; the constants come from others.
  test.each([
    ["English prose", "english.txt", 0.1],
    ["a README", "readme.md", 0.1],
    ["Python", "python.py", 0.1],
    ["HTML", "page.html", 0.1],
    ["JSON", "order.json", 0.1],
    ["Chinese", "chinese.txt", 0.1],
    ["Japanese", "japanese.txt", 0.1],
    ["Korean", "korean.txt", 0.1],
    ["Chinese, traditional", "chinese-traditional.txt", 0.2],
    ["German", "german.txt", 0.2],
    ["French", "french.txt", 0.2],
    ["Spanish", "spanish.txt", 0.2],
    ["Russian", "russian.txt", 0.2],
    ["Arabic", "arabic.txt", 0.2],
    ["Hindi", "hindi.txt", 0.2],
    ["emoji", "emoji.txt", 0.2],
  ])("%s", (_kind, file, tolerance) => {
    expect(Math.abs(errorOf(read(`fixtures/text/${file}`)))).toBeLessThan(tolerance);
  });

  test("TypeScript: the sources of this project, together and one by one", () => {
    const files = readdirSync(new URL("../src/", HERE), { recursive: true, encoding: "utf8" });
    const sources = files.filter((file) => file.endsWith(".ts")).map((file) => read(`../src/${file}`));
    expect(Math.abs(errorOf(sources.join("\n")))).toBeLessThan(0.1);
    for (const source of sources.filter((text) => text.length > 3_000)) {
      expect(Math.abs(errorOf(source)), source.slice(0, 80)).toBeLessThan(0.2);
    }
  });

  test("texts that are no prose at all", () => {
    const bytes = Uint8Array.from({ length: 3_000 }, (_, index) => (index * 7_919 + ((index * index) % 251)) & 255);
    expect(Math.abs(errorOf(Buffer.from(bytes).toString("base64")))).toBeLessThan(0.4);
    expect(Math.abs(errorOf(Buffer.from(bytes).toString("hex")))).toBeLessThan(0.4);
    const rows = Array.from({ length: 80 }, (_, row) => `${row},${row * 3.7},2026-04-01T${row % 24}:00:00Z,user${row}`);
    expect(Math.abs(errorOf(rows.join("\n")))).toBeLessThan(0.2);
  });
});

describe("every text has an estimate", () => {
  test("nothing is nothing", () => expect(estimateTokens("")).toBe(0));

  test.each([
    ["a letter", "a"],
    ["a space", " "],
    ["an ending alone", "'s"],
    ["half a character", "\ud800"],
    ["the other half", "x\udc00y"],
    ["a mark at the end", "word."],
    ["a space at the end", "word "],
    ["the last code unit", "\uffff"],
    ["a null", "\0"],
  ])("%s has at least one token", (_name, text) => {
    expect(estimateTokens(text)).toBeGreaterThanOrEqual(1);
    expect(Number.isInteger(estimateTokens(text))).toBe(true);
  });

  test("joined texts have about as many as both", () => {
    const english = read("fixtures/text/english.txt");
    const japanese = read("fixtures/text/japanese.txt");
    const apart = estimateTokens(english) + estimateTokens(japanese);
    expect(Math.abs(estimateTokens(`${english}\n${japanese}`) / apart - 1)).toBeLessThan(0.05);
  });

  test.each([
    "a",
    "A",
    "中",
    "é",
    "я",
    "😀",
    " ",
    "\n",
    "\t",
    "1",
    ".",
    "\ud800",
    "\0",
    " \n",
    "aA",
    "'s",
    "中A",
    "a1",
  ])("a megabyte of %j is read through once", (unit) => {
    const estimate = estimateTokens(unit.repeat(1_000_000 / unit.length));
    expect(estimate).toBeGreaterThan(1_000);
    expect(estimate).toBeLessThan(1_500_000);
  });
});

describe("a counter", () => {
  test("says what the estimate says, until it is reported better", () => {
    const counter = createTokenCounter();
    expect(counter.count("")).toBe(0);
    expect(counter.count("The quick brown fox")).toBe(estimateTokens("The quick brown fox"));
  });

  test("comes near the bills of a provider that counts a third more", () => {
    const counter = createTokenCounter();
    const text = read("fixtures/text/english.txt").repeat(5);
    const billed = estimateTokens(text) * 1.33;
    for (let turn = 0; turn < 8; turn++) counter.calibrate(counter.count(text), billed);
    expect(Math.abs(counter.count(text) / billed - 1)).toBeLessThan(0.02);
  });

  test("learns little from a little request", () => {
    const counter = createTokenCounter();
    counter.calibrate(10, 20);
    expect(factorOf(counter)).toBeLessThan(1.01);
    counter.calibrate(2_000, 3_000);
    expect(factorOf(counter)).toBeCloseTo(1.25, 1);
  });

  test.each([
    ["ten times as much", 100_000, 2],
    ["a tenth", 1_000, 0.5],
  ])("a bill of %s moves it no further than to its bound", (_name, billed, bound) => {
    const counter = createTokenCounter();
    for (let turn = 0; turn < 50; turn++) counter.calibrate(10_000, billed);
    expect(factorOf(counter)).toBeCloseTo(bound, 1);
  });

  test.each([
    [0, 100],
    [100, 0],
    [-100, 100],
    [100, -100],
    [Number.NaN, 100],
    [100, Number.NaN],
    [Number.POSITIVE_INFINITY, 100],
    [100, Number.POSITIVE_INFINITY],
  ])("ignores that %d were billed as %d", (estimated, actual) => {
    const counter = createTokenCounter();
    counter.calibrate(estimated, actual);
    expect(factorOf(counter)).toBe(1);
  });
});

function factorOf(counter: { count(text: string): number }): number {
  const text = "word ".repeat(10_000);
  return counter.count(text) / estimateTokens(text);
}
