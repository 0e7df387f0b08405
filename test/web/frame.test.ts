/** Changes of a page: the first at once, and at most one a frame. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { perFrame } from "../../src/web/frame.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Counts changes while something changes each millisecond for a second. */
function changesInASecond(): number {
  let published = 0;
  const changed = perFrame(() => published++);
  changed();
  expect(published).toBe(1);
  for (let ms = 0; ms < 1_000; ms++) {
    changed();
    vi.advanceTimersByTime(1);
  }
  return published;
}

/** A page whose screen draws so many frames a second; none for 0. */
function screen(perSecond: number, visibilityState = "visible"): void {
  vi.stubGlobal("document", { visibilityState });
  vi.stubGlobal("requestAnimationFrame", (callback: () => void) => {
    if (perSecond > 0) setTimeout(callback, 1_000 / perSecond - (performance.now() % (1_000 / perSecond)));
  });
}

test("without a page there are at most 65 changes a second", () => {
  const changes = changesInASecond();
  expect(changes).toBeLessThanOrEqual(65);
  expect(changes).toBeGreaterThan(50);
});

test.each([60, 120, 144])("a screen of %i frames a second has at most 65 changes", (perSecond) => {
  screen(perSecond);
  const changes = changesInASecond();
  expect(changes).toBeLessThanOrEqual(65);
  expect(changes).toBeGreaterThan(40);
});

test("a page that is hidden, and one that draws no frames, change as well", () => {
  screen(0, "hidden");
  expect(changesInASecond()).toBeGreaterThan(50);
  screen(0);
  expect(changesInASecond()).toBeGreaterThan(5);
});

test("the last change is published, and nothing after it", () => {
  let published = 0;
  const changed = perFrame(() => published++);
  changed();
  changed();
  changed();
  vi.advanceTimersByTime(1_000);
  expect(published).toBe(2);
  changed();
  expect(published).toBe(3);
});
