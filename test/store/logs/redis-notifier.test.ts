/** The notifier of the log in Redis, with connections that misbehave; and pages of a stream that has a gap. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type RedisConnection, redisClientOf } from "../../../src/store/redis/client.ts";
import { entryFields, itemPageOf, itemsOf } from "../../../src/store/redis/log-item.ts";
import { RedisNotifier } from "../../../src/store/redis/notifier.ts";
import { entriesOf, entry, snapshot } from "../../../src/testing/log/case.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A client whose second connections answer each in another way. */
function clientWith(connections: readonly ((args: readonly string[]) => Promise<unknown>)[]) {
  const opened: { calls: (readonly string[])[]; isClosed: boolean }[] = [];
  const client = redisClientOf({
    command: async () => null,
    async duplicate(): Promise<RedisConnection> {
      const answer = connections[Math.min(opened.length, connections.length - 1)] ?? never;
      const connection = { calls: [] as (readonly string[])[], isClosed: false };
      opened.push(connection);
      return {
        command(args) {
          connection.calls.push(args);
          return answer(args);
        },
        close() {
          connection.isClosed = true;
        },
      };
    },
  });
  return { notifier: new RedisNotifier(client), opened };
}

const never = () => new Promise<unknown>(() => undefined);
const grown = async () => [["run", [["1-1", ["entries", "[]"]]]]];

test("a call that never settles does not silence the notifier: its connection is closed and another one opened", async () => {
  const { notifier, opened } = clientWith([never, grown]);
  let calls = 0;
  notifier.watch("run", () => {
    calls++;
    notifier.close();
  });
  await vi.advanceTimersByTimeAsync(2_000);
  expect(opened).toMatchObject([{ isClosed: false }]);
  await vi.advanceTimersByTimeAsync(400);
  expect(calls).toBe(1);
  expect(opened).toMatchObject([
    { isClosed: true },
    { isClosed: true, calls: [expect.arrayContaining(["run", "0-0"])] },
  ]);
});

test("a server that stays away is tried once a second, not as fast as it refuses", async () => {
  const refused = async () => Promise.reject(new Error("connect ECONNREFUSED"));
  const { notifier, opened } = clientWith([refused]);
  notifier.watch("run", () => undefined);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(opened.length).toBeGreaterThan(8);
  expect(opened.length).toBeLessThan(20);
  expect(opened.slice(0, -1).every(({ isClosed }) => isClosed)).toBe(true);
  notifier.close();
});

test("without a viewer nothing is asked", async () => {
  const nothing = () => new Promise((resolve) => setTimeout(() => resolve(null), 250));
  const { notifier, opened } = clientWith([nothing]);
  const unwatch = notifier.watch("run", () => undefined);
  await vi.advanceTimersByTimeAsync(1_000);
  unwatch();
  await vi.advanceTimersByTimeAsync(1_000);
  const calls = opened[0]?.calls.length;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(opened[0]?.calls.length).toBe(calls);
  notifier.close();
});

test("behind a gap a page goes on with the next snapshot or the end, so that no viewer gets a text with a hole", () => {
  const items = itemsOf([
    ["1-0", ["begin", ""]],
    ["1-3", [...entryFields(entriesOf(1, 3))]],
    ["1-6", [...entryFields(entriesOf(5, 6))]],
    ["1-9", [...entryFields([entry("1-7"), snapshot("1-8", "so far"), entry("1-9")])]],
    ["1-12", [...entryFields([entry("1-11"), entry("1-12")])]],
    ["1-18446744073709551615", ["end", '{"type":"complete"}']],
  ]);
  const idsFrom = (after: Parameters<typeof itemPageOf>[1], among = items) => {
    const { entries, end, isCut } = itemPageOf(among, after, 500);
    return { ids: entries.map(({ id }) => id), isEnded: end !== undefined, isCut };
  };
  expect(idsFrom(undefined, items.slice(0, 3))).toEqual({ ids: ["1-1", "1-2", "1-3"], isEnded: false, isCut: false });
  expect(idsFrom("1-3", items.slice(2, 3))).toEqual({ ids: [], isEnded: false, isCut: false });
  expect(idsFrom(undefined, items.slice(2, 3))).toEqual({ ids: [], isEnded: false, isCut: false });
  expect(idsFrom("1-3")).toEqual({ ids: ["1-8", "1-9"], isEnded: true, isCut: false });
  expect(idsFrom(undefined)).toEqual({ ids: ["1-1", "1-2", "1-3", "1-8", "1-9"], isEnded: true, isCut: false });
});
