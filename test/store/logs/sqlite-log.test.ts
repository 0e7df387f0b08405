/** The log in SQLite keeps the laws of a log with every driver that runs here. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import type { SqliteLike } from "../../../src/store/sqlite/database.ts";
import { sqliteLog } from "../../../src/store/sqlite/log.ts";
import { SQLiteStore } from "../../../src/store/sqlite/store.ts";
import { begun, complete, entriesOf, entry, headOf, until } from "../../../src/testing/log/case.ts";
import { logSuite } from "../../../src/testing/log-suite.ts";
import { sqliteDrivers, sqliteMissing } from "../../interop/drivers.mjs";

/** As a program has it that sets its database to read integers as bigints. */
function withBigints(database: SqliteLike): SqliteLike {
  return {
    exec: (sql) => database.exec(sql),
    prepare(sql) {
      const statement = database.prepare(sql) as ReturnType<SqliteLike["prepare"]> & {
        safeIntegers?(on: boolean): void;
        setReadBigInts?(on: boolean): void;
      };
      statement.safeIntegers?.(true);
      statement.setReadBigInts?.(true);
      return statement;
    },
  };
}

describe.skipIf(sqliteMissing !== undefined)(
  `sqliteLog${sqliteMissing === undefined ? "" : ` [${sqliteMissing}]`}`,
  () => {
    describe.each(sqliteDrivers)("$name", (driver) => {
      const folder = mkdtempSync(join(tmpdir(), "cloudllm-sqlite-"));
      const path = join(folder, "runs.db");
      const closing: (() => unknown)[] = [];

      async function opened(file = path): Promise<SqliteLike> {
        const database = await driver.open(file);
        closing.push(() => database.close());
        return database as unknown as SqliteLike;
      }

      afterAll(() => {
        for (const close of closing.splice(0)) close();
        rmSync(folder, { recursive: true, force: true });
      });

      describe.concurrent("on a connection for each process", () => {
        const cases = logSuite({ open: async (times) => sqliteLog(await opened(), times) });
        for (const { name, skip, run } of cases) test.skipIf(skip !== undefined)(name, run);
      });

      describe.concurrent("on one connection in memory", () => {
        let shared: Promise<SqliteLike> | undefined;
        const open = async (times: object) => {
          shared ??= opened(":memory:");
          return sqliteLog(await shared, times);
        };
        for (const { name, skip, run } of logSuite({ open })) test.skipIf(skip !== undefined)(name, run);
      });

      test("a database that the program has set to read bigints keeps runs and conversations all the same", async () => {
        const database = withBigints(await opened(join(folder, "bigints.db")));
        const [log, head, store] = [sqliteLog(database), headOf(), new SQLiteStore(database)];
        const writer = await begun(log, head);
        expect(await writer.append(entriesOf(1, 3))).toBe("running");
        expect((await log.read(head.id))?.entries).toEqual(entriesOf(1, 3));
        await writer.release();
        expect((await log.takeOver(head.id, 2))?.attempt).toBe(2);
        await store.append("a", [{ type: "text", text: "said" }]);
        expect((await store.list()).sessions).toEqual([{ id: "a", updatedAt: expect.any(Number) }]);
        await store.release("a");
      });

      test("runs and chats that have expired leave no row behind", async () => {
        const database = await opened(join(folder, "expiry.db"));
        const counts = () =>
          ["runs", "entries", "chats"].map(
            (name) =>
              (database.prepare(`SELECT count(*) AS count FROM cloudllm_${name}`).get() as { count: number }).count,
          );
        let now = 1_000_000;
        const log = sqliteLog(database, { leaseMs: 1_000, keepMs: 5_000, maxRunMs: 60_000, now: () => now });
        for (let index = 0; index < 30; index++) {
          const head = headOf();
          const writer = await begun(log, head);
          await writer.append(entriesOf(1, 3));
          await log.setLatestRun(head.chat, { run: head.id, number: 1 });
          if (index % 3 === 0) await writer.end(complete("text"));
        }
        expect(counts()).toEqual([30, 30 * 2 + 10, 30]); // a head and an append each
        const next = async () => (await begun(log, headOf())).append([]);
        now += 6_000;
        await next();
        await next();
        expect(counts()).toEqual([2, 2, 30]);
        now += 60_000;
        await next();
        await next();
        expect(counts()).toEqual([2, 2, 0]);
      });

      test("an append is one row; a viewer in the middle of it, or behind a row of an earlier version, misses nothing", async () => {
        const database = await opened(":memory:");
        const log = sqliteLog(database);
        const head = headOf();
        const writer = await begun(log, head);
        const entries = entriesOf(1, 5);
        await writer.append(entries.slice(0, 3));
        await writer.append(entries.slice(1)); // the answer to the first one was lost
        const rows = database.prepare("SELECT number, entry FROM cloudllm_entries WHERE attempt = 1").all();
        expect(rows).toMatchObject([{ number: 3 }, { number: 5 }]);
        for (const [index, { id }] of entries.entries()) {
          expect((await log.read(head.id, id))?.entries).toEqual(entries.slice(index + 1));
          expect((await log.read(head.id, id, 2))?.entries).toEqual(entries.slice(index + 1, index + 3));
        }
        database.exec(`UPDATE cloudllm_entries SET entry = '${JSON.stringify(entries[4])}' WHERE number = 5`);
        expect((await log.read(head.id))?.entries).toEqual([...entries.slice(0, 3), entries[4]]);
      });

      test.each(["a viewer waits for its end", "the next turn of its chat comes"])(
        "a clock that is set back by an hour keeps a run no longer than a lease whose process is dead, when %s",
        async (what) => {
          let now = 10_000_000;
          const log = sqliteLog(await opened(":memory:"), { leaseMs: 1_000, now: () => now });
          const [head, living] = [headOf(), headOf()];
          await begun(log, head);
          await log.setLatestRun(head.chat, { run: head.id, number: 1 });
          const writer = await begun(log, living);
          now -= 3_600_000;
          if (what.startsWith("a viewer")) await log.markViewed(head.id, 5_000);
          else await begun(log, { ...headOf(), chat: head.chat });
          await writer.append([]);
          now += 999;
          expect((await log.read(head.id))?.isOwned).toBe(true);
          await writer.append([]);
          now += 1;
          expect((await log.read(head.id))?.isOwned).toBe(false);
          expect((await log.read(living.id))?.isOwned).toBe(true);
          expect(await log.seal(head.id, complete("lost"))).toEqual(complete("lost"));
        },
      );

      test("a clock that is set forward by an hour ends no reply for viewers of another process, whose writer lives", async () => {
        const [file, now] = [join(folder, `${crypto.randomUUID()}.db`), Date.now];
        let setMs = 0;
        const clock = vi.spyOn(Date, "now").mockImplementation(() => now() + setMs);
        const [here, there] = [await opened(file), await opened(file)].map((database) => sqliteLog(database));
        if (!here || !there) throw new Error("no logs");
        const [head, ended] = [headOf(), headOf()];
        const writer = await begun(here, head);
        await here.setLatestRun(head.chat, { run: head.id, number: 1 });
        await there.markViewed(head.id, 10_000);
        await writer.append([entry("1-1")]);
        await (await begun(here, ended)).end(complete("all"));
        await there.read(head.id);
        setMs = 3_600_000;
        try {
          expect(await there.read(head.id)).toEqual({ entries: [entry("1-1")], isOwned: true });
          expect(await there.takeOver(head.id, 2)).toBeUndefined();
          expect((await there.read(ended.id))?.end).toEqual(complete("all"));
          await (await begun(there, headOf())).append([]); // sweeps
          expect(await here.isViewed(head.id)).toBe(true);
          expect(await there.latestRun(head.chat)).toEqual({ run: head.id, number: 1 });
          expect(await writer.append([entry("1-2")])).toBe("running");
          expect((await there.read(head.id, "1-1"))?.entries).toEqual([entry("1-2")]);
        } finally {
          clock.mockRestore();
        }
      });

      test("a run that is renewed lasts for a day at most", async () => {
        let now = 1_000_000;
        const log = sqliteLog(await opened(":memory:"), { maxRunMs: 60_000, now: () => now });
        const head = headOf();
        const writer = await begun(log, head);
        for (let number = 1; number < 60; number++) {
          now += 1_000;
          expect(await writer.append([entry(`1-${number}`)])).toBe("running");
        }
        now += 1_000;
        expect(await writer.append([entry("1-60")])).toBe("lost");
        expect(await log.read(head.id)).toBeUndefined();
        expect(await begun(log, head)).toBeDefined(); // the id is free again
      });

      test("a restart of the only process keeps every entry", async () => {
        const file = join(folder, "restart.db");
        const head = headOf();
        const before = await driver.open(file);
        await (await begun(sqliteLog(before as unknown as SqliteLike), head)).append(entriesOf(1, 5));
        before.close();
        const log = sqliteLog(await opened(file));
        expect((await log.read(head.id))?.entries).toEqual(entriesOf(1, 5));
        let calls = 0;
        const unwatch = log.watch(head.id, () => calls++);
        await until(async () => calls > 0);
        unwatch();
        await log.close();
      });
    });
  },
);
