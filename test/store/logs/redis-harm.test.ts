/** Redis loses its connections, dies and comes back, and forgets: no entry is lost, doubled or kept for ever. */

import { setTimeout as elapse } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { LogEntry, LogWriter, RunEnd } from "../../../src/server/log/log.ts";
import { type RedisClient, type RedisLike, redisClientOf } from "../../../src/store/redis/client.ts";
import { redisLog } from "../../../src/store/redis/log.ts";
import { begun, complete, entriesOf, entry, headOf, readAll, snapshot, until } from "../../../src/testing/log/case.ts";
import { type Driver, driversMissing, redisDrivers } from "../../interop/drivers.mjs";
import { type RedisServer, redisMissing, startRedis } from "../../support/redis-server.ts";

const missing = redisMissing ?? driversMissing;
const RUNS = 20;
const ENTRIES = 40;
/** At most so many entries of a run are written without a cut. */
const ENTRIES_A_CUT = 6;

/** Repeats a call until the log answers, as a writer does that must not lose an entry. */
async function answered<Result>(call: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (attempt === 200) throw error;
      await elapse(5);
    }
  }
}

/** Writes a run whatever happens to the connection. `allowed` resolves when the entry of a number may be written. */
async function written(writer: LogWriter, allowed: (number: number) => Promise<void>): Promise<RunEnd | undefined> {
  for (let number = 1; number <= ENTRIES; number += 2) {
    await allowed(number);
    const entries = [entry(`1-${number}`), entry(`1-${number + 1}`)];
    expect(await answered(() => writer.append(entries))).toBe("running");
  }
  return answered(() => writer.end(complete("text")));
}

describe.skipIf(missing !== undefined)(`redisLog${missing === undefined ? "" : ` [${missing}]`}`, () => {
  let server: RedisServer;
  let admin: RedisClient;
  const closing: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    server = await startRedis({ appendOnly: true });
  });
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  async function clientOf(driver: Driver | undefined): Promise<RedisLike> {
    const connection = await driver?.connect(server.url);
    closing.push(async () => connection?.close());
    return connection?.client as RedisLike;
  }

  describe.each(redisDrivers)("with $name", (driver) => {
    test("a connection that is cut at random costs no entry and doubles none, for writers and viewers", async () => {
      const [client, other] = [await clientOf(driver), await clientOf(driver)];
      admin = redisClientOf(await clientOf(redisDrivers[0]));
      const [here, there] = [redisLog(client), redisLog(other)];
      const runs = await Promise.all(
        Array.from({ length: RUNS }, async () => {
          const head = headOf();
          return { head, writer: await begun(here, head) };
        }),
      );
      let [isOver, kills] = [false, 0];
      const killer = (async () => {
        while (!isOver) {
          await elapse(Math.random() * 20);
          const killed = await admin.command(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).catch(() => 0);
          if (Number(killed) > 0) kills++;
        }
      })();
      const cut = async (number: number) => {
        while (kills < number / ENTRIES_A_CUT) await elapse(5); // a fast machine waits for the next cut
      };
      await Promise.all(
        runs.map(async ({ head, writer }) => {
          const unwatch = there.watch(head.id, () => undefined);
          const ids: string[] = [];
          const viewer = (async () => {
            for (;;) {
              const page = await answered(() => there.read(head.id, ids.at(-1) as LogEntry["id"]));
              ids.push(...(page?.entries ?? []).map(({ id }) => id));
              if (page?.end) return page.end;
              await elapse(5);
            }
          })();
          expect(await written(writer, cut)).toEqual(complete("text"));
          expect(await viewer).toEqual(complete("text"));
          expect(ids).toEqual(entriesOf(1, ENTRIES).map(({ id }) => id));
          unwatch();
        }),
      );
      isOver = true;
      await killer;
      expect(kills).toBeGreaterThan(5);
      await Promise.all([here.close(), there.close()]);
    });

    test("the log notifies again after its connection was cut", async () => {
      const [here, there] = [redisLog(await clientOf(driver)), redisLog(await clientOf(driver))];
      admin = redisClientOf(await clientOf(redisDrivers[0]));
      const head = headOf();
      const writer = await begun(here, head);
      let calls = 0;
      const unwatch = there.watch(head.id, () => calls++);
      await there.read(head.id);
      for (let number = 1; number <= 2; number++) {
        const before = calls;
        await answered(() => writer.append([entry(`1-${number}`)]));
        await until(async () => calls > before);
        await answered(() => there.read(head.id));
        await admin.command(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
      }
      unwatch();
      await there.close();
    });
  });

  test("a Redis that dies and comes back with its data has every acknowledged entry, and the run goes on", async () => {
    const log = redisLog(await clientOf(redisDrivers[3]));
    const head = headOf();
    const writer = await begun(log, head);
    await writer.append(entriesOf(1, 5));
    await server.kill();
    const pending = writer.append([entry("1-6")]).catch(() => "away"); // some clients reject, others wait
    await server.start();
    await pending;
    expect(await answered(() => writer.append([entry("1-6")]))).toBe("running");
    expect(await writer.append([snapshot("1-7", "so far", "1-6"), entry("1-8")])).toBe("running");
    expect(await writer.end(complete("text"))).toEqual(complete("text"));
    expect(await readAll(log, head.id)).toEqual({ ids: ["1-7", "1-8"], end: complete("text") });
  });

  test("a Redis that has lost its data does not take half a run for all of it", async () => {
    const client = redisClientOf(await clientOf(redisDrivers[3]));
    const log = redisLog(client);
    const head = headOf();
    const writer = await begun(log, head);
    await writer.append(entriesOf(1, 5));
    await client.command(["FLUSHALL"]); // as a server without a disk that starts again
    expect(await writer.append([entry("1-6")])).toBe("lost");
    expect(await writer.append([])).toBe("lost");
    expect(await writer.end(complete("text"))).toBeUndefined();
    expect(await log.read(head.id)).toBeUndefined();
    expect(await log.takeOver(head.id, 2)).toBeUndefined();
    await until(async () => Number(await client.command(["DBSIZE"])) <= 1); // the lease that was renewed, for 15 s
  });

  test("an entry that Redis has no memory for is missing for nobody: its successor is a snapshot", async () => {
    const client = redisClientOf(await clientOf(redisDrivers[0]));
    const log = redisLog(client);
    const head = headOf();
    const writer = await begun(log, head);
    await writer.append(entriesOf(1, 3));
    await client.command(["CONFIG", "SET", "maxmemory", "1"]);
    await expect(writer.append([entry("1-4")])).rejects.toThrow(/^OOM/);
    await expect(writer.append([snapshot("1-5", "so far", "1-4")])).rejects.toThrow(/^OOM/);
    expect(await readAll(log, head.id)).toEqual({ ids: ["1-1", "1-2", "1-3"] });
    await client.command(["CONFIG", "SET", "maxmemory", "0"]);
    expect(await writer.append([snapshot("1-6", "so far", "1-5")])).toBe("running");
    expect((await log.read(head.id, "1-3"))?.entries).toEqual([snapshot("1-6", "so far", "1-5")]);
  });

  /** A log, another one on the same data, and a run that one of them writes. */
  async function running(times = {}) {
    const client = redisClientOf(await clientOf(redisDrivers[0]));
    const [log, other] = [redisLog(client, times), redisLog(client, times)];
    const head = headOf();
    const writer = await begun(log, head);
    const key = (name: string) => `cloudllm:{${head.id}}:${name}`;
    return { client, log, other, head, writer, key };
  }

  test("a Redis that comes back with the data of a moment ago shows no text with a hole: a snapshot follows", async () => {
    const { client, other, head, writer, key } = await running();
    await writer.append(entriesOf(1, 3));
    for (const [next, then] of [
      [4, [entry("1-5")]],
      [7, []],
    ] as const) {
      await client.command(["COPY", key("log"), key("before"), "REPLACE"]);
      expect(await writer.append([entry(`1-${next}`)])).toBe("running");
      const seen = await readAll(other, head.id);
      await client.command(["COPY", key("before"), key("log"), "REPLACE"]); // a failover
      await expect(writer.append(then)).rejects.toThrow("Redis has lost entries of the run");
      expect((await readAll(other, head.id)).ids).toEqual(seen.ids.slice(0, -1));
      const summary = snapshot(`1-${next + 2}`, "so far", `1-${next + 1}`);
      expect(await writer.append([summary])).toBe("running");
      expect((await other.read(head.id))?.entries).toEqual([summary]);
    }
    expect(await writer.append([entry("1-10")])).toBe("running");
    expect(await writer.end(complete("text"))).toEqual(complete("text"));
    expect(await readAll(other, head.id)).toEqual({ ids: ["1-9", "1-10"], end: complete("text") });
  });

  test("a reader at a hole waits while the run goes on, through pages of any size, and then gets the end", async () => {
    const { client, other, head, writer, key } = await running();
    await writer.append(entriesOf(1, 3));
    await client.command(["COPY", key("log"), key("before")]);
    await writer.append([entry("1-4")]);
    await client.command(["COPY", key("before"), key("log"), "REPLACE"]);
    for (let number = 5; number < 12; number++) await writer.append([entry(`1-${number}`)]).catch(() => "lost entries");
    for (const limit of [1, 2, 500]) {
      expect(await other.read(head.id, "1-3", limit)).toEqual({ entries: [], isOwned: true });
    }
    await writer.end(complete("text"));
    for (const limit of [1, 2, 500]) {
      expect(await other.read(head.id, "1-3", limit)).toEqual({ entries: [], end: complete("text"), isOwned: false });
    }
  });

  test("a stream that Redis has evicted comes back with a snapshot, and with the end", async () => {
    const { client, other, head, writer, key } = await running();
    await writer.append(entriesOf(1, 3));
    await client.command(["DEL", key("log")]);
    for (const entries of [[], [entry("1-4")]])
      await expect(writer.append(entries)).rejects.toThrow("Redis has lost the stream of the run");
    expect(await writer.append([snapshot("1-5", "so far", "1-4"), entry("1-6")])).toBe("running");
    expect(await writer.append([entry("1-7")])).toBe("running");
    expect((await readAll(other, head.id)).ids).toEqual(["1-5", "1-6", "1-7"]);
    expect(Number(await client.command(["PTTL", key("log")]))).toBeGreaterThan(0);
    await client.command(["DEL", key("log")]);
    expect(await writer.end(complete("text"))).toEqual(complete("text"));
    expect(await readAll(other, head.id)).toEqual({ ids: [], end: complete("text") });
    expect(Number(await client.command(["PTTL", key("log")]))).toBeGreaterThan(0);
  });

  test("a process that slept does not bring an evicted stream back, nor one of a run that was deleted", async () => {
    const { client, log, head, writer, key } = await running({ leaseMs: 20 });
    await writer.append(entriesOf(1, 3));
    await client.command(["DEL", key("log")]);
    await elapse(30); // longer than the lease
    expect(await writer.append([snapshot("1-5", "so far", "1-4")])).toBe("lost");
    expect(await writer.end(complete("text"))).toBeUndefined();
    const deleted = await running();
    await deleted.writer.append(entriesOf(1, 3));
    await log.delete(deleted.head.id);
    expect(await deleted.writer.append([snapshot("1-5", "so far", "1-4")])).toBe("lost");
    expect(await client.command(["EXISTS", key("log"), deleted.key("log"), deleted.key("head")])).toBe(0);
    expect(await log.read(head.id)).toMatchObject({ entries: [] });
  });

  test("a run whose head Redis has evicted is not begun a second time, and its writer brings the head back", async () => {
    const { client, other, head, writer, key } = await running({ leaseMs: 1, keepMs: 60_000 });
    await writer.append(entriesOf(1, 3));
    await client.command(["DEL", key("head")]);
    expect((await other.read(head.id))?.entries).toEqual(entriesOf(1, 3));
    expect(await other.begin({ ...head, owner: "another user" })).toBeUndefined();
    expect(await other.head(head.id)).toBeUndefined(); // the run is not the other user's
    expect(await writer.append([entry("1-4")])).toBe("running");
    expect(await other.head(head.id)).toEqual(head);
    expect(Number(await client.command(["PTTL", key("head")]))).toBeGreaterThan(0);
    expect(await other.begin(head)).toBeUndefined();
    expect((await readAll(other, head.id)).ids).toEqual(["1-1", "1-2", "1-3", "1-4"]);
  });

  test("a viewer of a run whose head Redis has evicted may try again, and is not told that there is none", async () => {
    const { client, other, head, writer, key } = await running();
    await writer.append(entriesOf(1, 3));
    await client.command(["DEL", key("head")]);
    await expect(other.head(head.id)).rejects.toThrow("brings it back");
    await other.delete(head.id);
    expect(await other.head(head.id)).toBeUndefined();
  });

  test("a run whose head has expired before the rest is begun anew, and shows nothing of the old one", async () => {
    const { client, other, head, writer, key } = await running();
    await writer.append(entriesOf(1, 3));
    await writer.end(complete("old"));
    await client.command(["DEL", key("head")]);
    const again = await begun(other, head);
    expect(await again.append([entry("1-1", "new")])).toBe("running");
    expect(await other.read(head.id)).toEqual({ entries: [entry("1-1", "new")], isOwned: true });
  });

  test("a client that is set to return integers as strings does not make a living process look dead", async () => {
    const client = redisClientOf(await clientOf(redisDrivers[0]));
    const command = async (args: readonly string[]) => {
      const reply = await client.command(args);
      return typeof reply === "number" ? String(reply) : reply;
    };
    const [log, head] = [redisLog({ command }), headOf()];
    const writer = await begun(log, head);
    expect(await writer.append([entry("1-1")])).toBe("running");
    expect((await log.read(head.id))?.isOwned).toBe(true);
    expect(await log.takeOver(head.id, 2)).toBeUndefined();
    expect(await log.seal(head.id, complete("text"))).toBeUndefined();
    await log.requestStop(head.id);
    expect(await writer.append([])).toBe("stopping");
    await log.delete(head.id);
    expect(await writer.append([])).toBe("lost");
    expect(await log.read(head.id)).toBeUndefined();
  });

  test("a writer keeps its lease while Redis has no memory, so that no other process ends a run that goes on", async () => {
    const { client, other, head, writer } = await running({ leaseMs: 2_000 });
    await writer.append(entriesOf(1, 3));
    await client.command(["CONFIG", "SET", "maxmemory", "1"]);
    try {
      for (const end = performance.now() + 3_000; performance.now() < end; await elapse(10)) {
        expect(await writer.append([])).toBe("running");
        expect((await other.read(head.id, "1-3"))?.isOwned).toBe(true);
      }
    } finally {
      await client.command(["CONFIG", "SET", "maxmemory", "0"]);
    }
  });

  test.each([redisDrivers[1], redisDrivers[2]])(
    "every key has a time to live at every moment of 200 runs, and none is left behind ($name)",
    { timeout: 60_000 },
    async (driver) => {
      admin = redisClientOf(await clientOf(redisDrivers[0]));
      await admin.command(["FLUSHALL"]);
      const times = { leaseMs: 1_000, keepMs: 500, maxRunMs: 4_000 };
      const logs = [redisLog(await clientOf(driver), times), redisLog(await clientOf(driver), times)];
      const immortal = new Set<string>();
      const kinds = new Set<string>();
      let [isOver, looks] = [false, 0];
      const scanner = (async () => {
        while (!isOver) {
          const keys = (await admin.command(["KEYS", "*"])) as string[];
          const lives = await admin.pipeline(keys.map((key) => ["PTTL", key]));
          for (const [index, { value }] of lives.entries()) {
            const key = keys[index] ?? "";
            kinds.add(key.replace(/\{.*\}/, "{}"));
            if (value === -1) immortal.add(key);
          }
          looks++;
          await elapse(1);
        }
      })();
      const runAll = () =>
        Promise.all(
          Array.from({ length: 200 }, async (_, index) => {
            await elapse(index * 5);
            const [here, there] = index % 2 ? logs : logs.toReversed();
            if (!here || !there) return;
            const head = headOf();
            const writer = await begun(here, head);
            await here.setLatestRun(head.chat, { run: head.id, number: 1 });
            for (let number = 1; number <= 10; number++) await writer.append([entry(`1-${number}`)]);
            await there.markViewed(head.id, 1_000);
            await there.requestStop(head.id);
            await writer.append([snapshot("1-11", "so far")]);
            if (index % 4 === 0) return; // it dies
            if (index % 4 === 1) await writer.end(complete("text"));
            await writer.release();
            if (index % 4 === 2) await there.seal(head.id, complete("text"));
            if (index % 4 === 3) await (await there.takeOver(head.id, 2))?.append([snapshot("2-0", "so far")]);
          }),
        );
      const run = ["head", "log", "own:1", "own:2", "seen", "stop"].map((name) => `cloudllm:{}:${name}`);
      // A busy machine looks seldom, and misses the keys that are there for a moment.
      do {
        await runAll();
      } while (looks <= 50 || kinds.size <= run.length);
      await until(async () => Number(await admin.command(["DBSIZE"])) === 0);
      isOver = true;
      await scanner;
      expect([...immortal]).toEqual([]);
      expect([...kinds].sort()).toEqual(["cloudllm:chat:{}", ...run]);
    },
  );
});
