/** A database of SQLite: recognized by its methods, migrated by version, shared by connections that write at once. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { SqliteDatabase, type SqliteLike, schemaSql } from "../../../src/store/sqlite/database.ts";
import { sqliteDrivers, sqliteMissing } from "../../interop/drivers.mjs";

const ONE = { name: "tests", versions: ["CREATE TABLE words (word TEXT NOT NULL PRIMARY KEY);"] };
const TWO = { ...ONE, versions: [...ONE.versions, "ALTER TABLE words ADD COLUMN count INTEGER NOT NULL DEFAULT 1;"] };

test.each([
  ["a path", "runs.db"],
  ["nothing", undefined],
  ["a client of PostgreSQL", { query: async () => ({ rows: [] }) }],
])("%s in the place of a database is reported with the kinds that are known", (_name, database) => {
  expect(() => new SqliteDatabase(database as unknown as SqliteLike, ONE)).toThrow(
    /^The database is of an unknown kind/,
  );
});

describe.skipIf(sqliteMissing !== undefined)(
  `SQLite${sqliteMissing === undefined ? "" : ` [${sqliteMissing}]`}`,
  () => {
    describe.each(sqliteDrivers)("$name", (driver) => {
      const closing: (() => unknown)[] = [];
      afterEach(() => {
        for (const close of closing.splice(0).reverse()) close();
      });

      async function opened(path: string): Promise<SqliteLike> {
        const database = await driver.open(path);
        closing.push(() => database.close());
        return database as unknown as SqliteLike;
      }

      function newPath(): string {
        const folder = mkdtempSync(join(tmpdir(), "cloudllm-sqlite-"));
        closing.push(() => rmSync(folder, { recursive: true, force: true }));
        return join(folder, "data.db");
      }

      test("a new version adds to the tables of the one before and keeps the data", async () => {
        const path = newPath();
        const first = new SqliteDatabase(await opened(path), ONE);
        await first.write(() => first.run("INSERT INTO words (word) VALUES (?)", "kept"));
        const second = new SqliteDatabase(await opened(path), TWO);
        await Promise.all([second.migrate(), second.migrate()]);
        expect(second.get("SELECT * FROM words")).toEqual({ word: "kept", count: 1 });
        const again = new SqliteDatabase(await opened(path), TWO);
        await again.migrate();
        const other = new SqliteDatabase(await opened(path), {
          name: "others",
          versions: ["CREATE TABLE others (id);"],
        });
        await other.migrate();
        const versions = again.all("SELECT name, version FROM cloudllm_migrations");
        expect(versions).toEqual([
          { name: "others", version: 1 },
          { name: "tests", version: 1 },
          { name: "tests", version: 2 },
        ]);
      });

      test("a process goes on while it waits for another one that writes; the timeout of its own statements stays", async () => {
        const path = newPath();
        const [handle, other] = [await opened(path), await opened(path)];
        handle.exec("PRAGMA busy_timeout = 5000"); // as better-sqlite3 has it
        const database = new SqliteDatabase(handle, ONE);
        await database.migrate();
        for (const word of ["a", "b"]) {
          other.exec("BEGIN IMMEDIATE");
          const written = database.write(() => database.run("INSERT INTO words (word) VALUES (?)", word));
          await new Promise<void>((resolve) => {
            setTimeout(() => {
              other.exec("COMMIT"); // in the same process: it comes only when that goes on
              resolve();
            });
          });
          expect(await written).toBe(1);
          const timeout = handle.prepare("PRAGMA busy_timeout").get() as Record<string, number>;
          expect(Object.values(timeout)).toEqual([5_000]);
        }
      });

      test("the SQL that is printed makes the same tables", async () => {
        const path = newPath();
        (await opened(path)).exec(schemaSql(TWO));
        const database = new SqliteDatabase(await opened(path), TWO);
        await database.write(() => database.run("INSERT INTO words (word) VALUES (?)", "a"));
        expect(await database.read(() => database.all("SELECT * FROM words"))).toEqual([{ word: "a", count: 1 }]);
      });

      test("connections that write at once wait for each other, and the program goes on meanwhile", async () => {
        const path = newPath();
        const handles = [await opened(path), await opened(path)];
        for (const handle of handles) handle.exec("PRAGMA busy_timeout = 0");
        const [here, there] = handles.map((handle) => new SqliteDatabase(handle, ONE));
        await here?.migrate();
        await there?.migrate();
        handles[0]?.exec("BEGIN IMMEDIATE");
        let isWritten = false;
        const written = there?.write(() => there.run("INSERT INTO words (word) VALUES (?)", "waited"));
        written?.then(() => {
          isWritten = true;
        });
        await new Promise((resolve) => setTimeout(resolve, 50));
        expect(isWritten).toBe(false);
        handles[0]?.exec("COMMIT");
        expect(await written).toBe(1);
      });

      test("a transaction that fails leaves nothing behind, and the next one works", async () => {
        const database = new SqliteDatabase(await opened(":memory:"), ONE);
        const twice = () => {
          database.run("INSERT INTO words (word) VALUES (?)", "a");
          database.run("INSERT INTO words (word) VALUES (?)", "a");
        };
        await expect(database.write(twice)).rejects.toThrow(/UNIQUE/);
        expect(await database.read(() => database.all("SELECT word FROM words"))).toEqual([]);
        await database.write(() => database.run("INSERT INTO words (word) VALUES (?)", "b"));
        expect(await database.read(() => database.all("SELECT word FROM words"))).toEqual([{ word: "b" }]);
      });
    });
  },
);
