/** A driver that waits without end for a connection that is gone, and then has a new one. */

import type { SessionRecord } from "cloudllm";
import { PostgresStore } from "cloudllm/store/postgres";
import { RedisStore } from "cloudllm/store/redis";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

const SILENCE = { kind: "storage", message: expect.stringMatching(/ has not answered for [16][50],000 ms\.$/) };
const record: SessionRecord = { type: "text", text: "one" };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A driver of PostgreSQL that answers while `isBack`. */
class Driver {
  isBack = true;
  readonly asked: string[] = [];
  async query(text: string): Promise<object[]> {
    this.asked.push(text);
    if (!this.isBack) await new Promise(() => undefined);
    return [{ next: 1, is_kept: false, for_ms: null, id: "a", records: "[]" }];
  }
}

/** Resolves with the outcome after a minute of silence. */
async function late<T>(outcome: Promise<T>): Promise<T> {
  outcome.catch(() => undefined);
  await vi.advanceTimersByTimeAsync(60_100);
  return outcome;
}

describe("a driver that never answers", () => {
  test("does not keep a conversation busy for ever in its own process", async () => {
    const driver = new Driver();
    const store = new PostgresStore(driver);
    driver.isBack = false;
    await expect(late(store.claim("a"))).rejects.toMatchObject(SILENCE);
    driver.isBack = true;
    await store.claim("a");
    await store.release("a");
  });

  test.each<[string, (store: PostgresStore) => Promise<unknown>]>([
    ["append", (store) => store.append("a", [record])],
    ["load", (store) => store.load("a")],
    ["list", (store) => store.list()],
    ["delete", (store) => store.delete("b")],
    ["release", (store) => store.release("a")],
  ])("is told as a failure of the store: %s", async (_name, call) => {
    const driver = new Driver();
    const store = new PostgresStore(driver);
    await store.claim("a");
    driver.isBack = false;
    await expect(late(call(store))).rejects.toMatchObject(SILENCE);
  });

  test("does not end the renewals: leases are held again when it is back", async () => {
    const driver = new Driver();
    const store = new PostgresStore(driver);
    await store.claim("a");
    driver.isBack = false;
    await vi.advanceTimersByTimeAsync(30_000);
    driver.isBack = true;
    driver.asked.length = 0;
    await vi.advanceTimersByTimeAsync(30_000);
    expect(driver.asked.length).toBeGreaterThan(2);
    await store.release("a");
  });

  test("holds up no more statements of a single connection than a thousand, and sends none that was given up", async () => {
    const driver = Object.assign(new Driver(), { connect: async () => undefined });
    let answer = (): void => undefined;
    const query = driver.query.bind(driver);
    driver.query = async (text) => {
      const rows = await query(text);
      if (driver.asked.length === 1) await new Promise<void>((resolve) => (answer = resolve));
      return rows;
    };
    const store = new PostgresStore(driver);
    const reads = Array.from({ length: 1_500 }, (_, index) => store.load(`chat ${index}`));
    const outcomes = Promise.allSettled(reads);
    await expect(reads.at(-1)).rejects.toMatchObject({
      kind: "storage",
      message: expect.stringContaining("1000 statements"),
    });
    await vi.advanceTimersByTimeAsync(15_000);
    await expect(reads[1]).rejects.toMatchObject({ kind: "storage", message: expect.stringContaining("15,000 ms") });
    const next = store.load("later");
    answer();
    await next;
    await reads[0];
    expect(driver.asked.length, "the first one and the last one").toBe(2);
    const failed = (await outcomes).filter(({ status }) => status === "rejected");
    expect(failed.length).toBe(1_499);
    await Promise.all(Array.from({ length: 900 }, () => store.load("again")));
  });

  test("is the same for Redis", async () => {
    const store = new RedisStore({ command: () => new Promise(() => undefined) });
    await expect(late(store.claim("a"))).rejects.toMatchObject(SILENCE);
    await expect(late(store.claim("a"))).rejects.toMatchObject(SILENCE);
  });
});
