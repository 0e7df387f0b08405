import { afterEach, describe, expect, test, vi } from "vitest";
import { yieldToEventLoop } from "../../src/embedded/yield-to-event-loop.ts";

afterEach(() => vi.unstubAllGlobals());

describe("between two tokens the event loop turns", () => {
  test.each([
    ["with setImmediate", []],
    ["with a message channel, as in browsers", ["setImmediate"]],
    ["with a timer where there is nothing else", ["setImmediate", "MessageChannel"]],
  ])("%s", async (_name, missing) => {
    for (const name of missing) vi.stubGlobal(name, undefined);
    let timersRan = 0;
    for (let index = 0; index < 3; index++) setTimeout(() => timersRan++, 0);
    for (let turns = 0; turns < 1_000_000 && timersRan < 3; turns++) await yieldToEventLoop();
    expect(timersRan).toBe(3);
  });
});
