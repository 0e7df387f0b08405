/** The limit of work that nothing can end, such as an answer of a store or a log. */

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { within } from "../src/platform/within.ts";

const late = (): Error => new Error("late");

test("work that takes longer than its limit is given up", async () => {
  await expect(within(new Promise(() => undefined), 10, late)).rejects.toThrow("late");
});

test("an answer that came while the process stood still counts", async () => {
  const answer = within(readFile(fileURLToPath(import.meta.url), "utf8"), 200, late);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500);
  expect(await answer).toContain("stood still");
});
