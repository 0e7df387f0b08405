/** The store in SQLite, with each driver that runs here. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SessionStore } from "cloudllm";
import { SQLiteStore, type SqliteLike } from "cloudllm/store/sqlite";
import { storeSuite } from "cloudllm/testing";
import { describe, expect, test, vi } from "vitest";
import { sqliteDrivers, sqliteMissing } from "../interop/drivers.mjs";
import { SECRETS } from "./cut-client.ts";

const LEASE_MS = 400;
const title = sqliteMissing === undefined ? "SQLiteStore" : `SQLiteStore [skipped: ${sqliteMissing}]`;

/** A database whose file is away: every statement fails. */
function cutDatabase(database: SqliteLike): { database: SqliteLike; cut(): void; reconnect(): void } {
  let isCut = false;
  const check = () => {
    if (isCut) throw new Error(`disk I/O error on ${SECRETS[0]}/${SECRETS[2]}`);
  };
  const checked = {
    exec(sql: string) {
      check();
      return database.exec(sql);
    },
    prepare(sql: string) {
      check();
      const statement = database.prepare(sql);
      return new Proxy(statement, {
        get(target, name) {
          const value: unknown = Reflect.get(target, name, target);
          if (typeof value !== "function") return value;
          return (...args: unknown[]) => {
            check();
            return Reflect.apply(value, target, args);
          };
        },
      });
    },
  };
  return {
    database: checked,
    cut() {
      isCut = true;
    },
    reconnect() {
      isCut = false;
    },
  };
}

describe.skipIf(sqliteMissing !== undefined)(title, () => {
  describe.each(sqliteDrivers.map((driver) => [driver.name, driver] as const))("with %s", (_name, driver) => {
    const inFolder = async (use: (path: string) => Promise<void>): Promise<void> => {
      const folder = mkdtempSync(join(tmpdir(), "cloudllm-sqlite-"));
      try {
        await use(join(folder, "chats.db"));
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    };

    test("the suite takes a machine that stands still for no store that loses a lease", async () => {
      await inFolder(async (path) => {
        const [mine, others] = [await driver.open(path), await driver.open(path)];
        const store = new SQLiteStore(mine, { leaseMs: LEASE_MS });
        const other = new SQLiteStore(others, { leaseMs: LEASE_MS });
        const thief: SessionStore = {
          append: (id, records) => other.append(id, records),
          load: async () => [],
          list: () => other.list(),
          claim: async () => undefined,
        };
        const caseWith = (second: SessionStore) =>
          storeSuite({ open: () => ({ store, other: second }), leaseMs: LEASE_MS }).find(({ name }) =>
            name.startsWith("a holder that lives"),
          );
        setTimeout(() => {
          const end = performance.now() + 2 * LEASE_MS;
          while (performance.now() < end);
        }, LEASE_MS / 2);
        await caseWith(other)?.run();
        for (let round = 1; round < 9; round++) await store.release(`round ${round}`);
        await expect(caseWith(thief)?.run()).rejects.toThrow("must fail with kind");
        for (const each of [mine, others]) each.close();
      });
    });

    const cases = storeSuite({
      async open() {
        const folder = mkdtempSync(join(tmpdir(), "cloudllm-sqlite-"));
        const path = join(folder, "chats.db");
        const [mine, others] = [await driver.open(path), await driver.open(path)];
        const { database, cut, reconnect } = cutDatabase(mine);
        const dispose = () => {
          for (const each of [mine, others]) each.close();
          rmSync(folder, { recursive: true, force: true });
        };
        const store = new SQLiteStore(database, { leaseMs: LEASE_MS });
        const other = new SQLiteStore(others, { leaseMs: LEASE_MS });
        return { store, other, cut, reconnect, secrets: SECRETS, dispose };
      },
      leaseMs: LEASE_MS,
      cannot: { lostAnswers: "its calls are synchronous" },
    });
    for (const { name, skip, run } of cases) test.skipIf(skip !== undefined)(name, run);

    test("the printed SQL makes the schema, for those who run it themselves", async () => {
      await inFolder(async (path) => {
        const database = await driver.open(path);
        database.exec(SQLiteStore.migrationSql());
        const store = new SQLiteStore(database);
        await store.migrate();
        await store.append("a", [{ type: "text", text: "kept" }]);
        expect(await store.load("a")).toEqual([{ type: "text", text: "kept" }]);
        database.close();
      });
    });

    test("the tables of version 1 are brought up to date, and keep their conversations", async () => {
      await inFolder(async (path) => {
        const database = await driver.open(path);
        database.exec(SQLiteStore.migrationSql());
        await new SQLiteStore(database).append("old", [{ type: "text", text: "kept" }]);
        database.exec("ALTER TABLE cloudllm_sessions DROP COLUMN title");
        database.exec("DELETE FROM cloudllm_migrations WHERE version > 1; UPDATE cloudllm_sessions SET holder = NULL");
        const store = new SQLiteStore(database);
        expect((await store.list()).sessions).toMatchObject([{ id: "old" }]);
        await store.append("old", [{ type: "said", messages: [], title: "A poem" }]);
        expect(await store.load("old")).toHaveLength(2);
        expect((await store.list()).sessions).toMatchObject([{ id: "old", title: "A poem" }]);
        database.close();
      });
    });

    test.each(["opens", "deletes"])(
      "a clock that is set back by an hour keeps a user who %s a conversation out for a lease, whose process is dead",
      async (what) => {
        await inFolder(async (path) => {
          const [dead, database] = [await driver.open(path), await driver.open(path)];
          await new SQLiteStore(dead, { leaseMs: 60_000 }).append("a", [{ type: "text", text: "kept" }]);
          dead.close();
          const hourBefore = vi.spyOn(Date, "now").mockReturnValue(Date.now() - 3_600_000);
          try {
            const store = new SQLiteStore(database, { leaseMs: 1_000 });
            const asks = () => (what === "opens" ? store.claim("a") : store.delete("a"));
            await expect(asks()).rejects.toMatchObject({ kind: "busy", retryAfterMs: 1_000 });
            hourBefore.mockReturnValue(Date.now() + 1_000);
            await asks();
          } finally {
            hourBefore.mockRestore();
            database.close();
          }
        });
      },
    );

    test("a clock that is set forward by an hour takes no conversation from a process that lives", async () => {
      await inFolder(async (path) => {
        const [one, two] = [await driver.open(path), await driver.open(path)];
        const [holder, other] = [new SQLiteStore(one), new SQLiteStore(two)];
        await holder.append("a", [{ type: "text", text: "kept" }]);
        await other.list();
        const forward = vi.spyOn(Date, "now").mockReturnValue(Date.now() + 3_600_000);
        try {
          await expect(other.claim("a")).rejects.toMatchObject({ kind: "busy" });
          await expect(other.delete("a")).rejects.toMatchObject({ kind: "busy" });
          await holder.append("a", [{ type: "text", text: "and more" }]);
        } finally {
          forward.mockRestore();
          one.close();
          two.close();
        }
      });
    });

    test("ten connections that begin at once make one schema", async () => {
      await inFolder(async (path) => {
        const databases = await Promise.all(Array.from({ length: 10 }, () => driver.open(path)));
        const stores = databases.map((database) => new SQLiteStore(database));
        await Promise.all(
          stores.map((store, index) => store.append(`session ${index}`, [{ type: "text", text: "kept" }])),
        );
        expect((await stores[0]?.list())?.sessions).toHaveLength(10);
        for (const database of databases) database.close();
      });
    });
  });
});
