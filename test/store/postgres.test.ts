/** The store in PostgreSQL, on the real engine, with each driver. */

import type { SessionRecord } from "cloudllm";
import { type PostgresLike, PostgresStore } from "cloudllm/store/postgres";
import { storeSuite } from "cloudllm/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Driver, driversMissing, postgresDrivers } from "../interop/drivers.mjs";
import { type PostgresServer, postgresMissing, startPostgres } from "../support/postgres-server.ts";
import { cutClient, SECRETS } from "./cut-client.ts";

const LEASE_MS = 400;
const missing = postgresMissing ?? driversMissing;
const title = missing === undefined ? "PostgresStore" : `PostgresStore [skipped: ${missing}]`;

describe.skipIf(missing !== undefined)(title, () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  const connected = async (driver: Driver) => {
    const { client, close } = await driver.connect(server.url);
    return { client: client as PostgresLike, close };
  };

  describe.each(postgresDrivers.map((driver) => [driver.name, driver] as const))("with %s", (_name, driver) => {
    const cases = storeSuite({
      async open() {
        const [mine, others] = [await connected(driver), await connected(driver)];
        const { client, ...disturb } = cutClient(mine.client);
        const store = new PostgresStore(client, { leaseMs: LEASE_MS });
        const other = new PostgresStore(others.client, { leaseMs: LEASE_MS });
        await store.migrate();
        await run(mine.client, "TRUNCATE cloudllm_sessions CASCADE");
        const dispose = async () => void (await Promise.all([mine.close(), others.close()]));
        return { store, other, ...disturb, secrets: SECRETS, dispose };
      },
      leaseMs: LEASE_MS,
    });
    for (const { name, skip, run } of cases) test.skipIf(skip !== undefined)(name, run);
  });

  const [driver] = postgresDrivers as readonly [Driver];

  /** Gives a test a client on an empty database of its own. */
  async function withDatabase(name: string, use: (client: PostgresLike, url: string) => Promise<void>): Promise<void> {
    const admin = await connected(driver);
    await run(admin.client, `CREATE DATABASE ${name}`);
    const url = server.url.replace(/postgres$/, name);
    const { client, close } = await driver.connect(url);
    try {
      await use(client as PostgresLike, url);
    } finally {
      await close();
      await admin.close();
    }
  }

  test("ten processes that migrate at once make one schema, and a repetition changes nothing", async () => {
    await withDatabase("migrated_at_once", async (client, url) => {
      const others = await Promise.all(Array.from({ length: 10 }, () => driver.connect(url)));
      await Promise.all(others.map((each) => new PostgresStore(each.client as PostgresLike).migrate()));
      await new PostgresStore(client).migrate();
      expect(await run(client, "SELECT * FROM cloudllm_migrations")).toEqual([
        { name: "sessions", version: 1 },
        { name: "sessions", version: 2 },
      ]);
      await Promise.all(others.map(({ close }) => close()));
    });
  });

  test.each(["repeatable read", "serializable"])(
    "a database whose transactions are %s by default fails no call that merely came at the same time",
    async (level) => {
      const name = `of_level_${level.replace(" ", "_")}`;
      await withDatabase(name, async (client, url) => {
        await run(client, `ALTER DATABASE ${name} SET default_transaction_isolation = '${level}'`);
        const others = await Promise.all(Array.from({ length: 4 }, () => driver.connect(url)));
        const stores = others.map((each) => new PostgresStore(each.client as PostgresLike, { leaseMs: 15 }));
        await Promise.all(stores.map((store) => store.migrate()));
        await Promise.all(
          stores.map(async (store, index) => {
            const texts: SessionRecord[] = Array.from({ length: 40 }, () => ({ type: "text", text: "said" }));
            for (const text of texts) await store.append(`s${index}`, [text]); // its renewals come in between
            expect(await store.load(`s${index}`)).toEqual(texts);
            await store.release(`s${index}`);
          }),
        );
        const rivals = others.map((each) => new PostgresStore(each.client as PostgresLike));
        for (let round = 0; round < 10; round++) {
          const claims = await Promise.allSettled(rivals.map((store) => store.claim(`race${round}`)));
          const failures = claims.filter((claim) => claim.status === "rejected").map(({ reason }) => reason.kind);
          expect(failures).toEqual(["busy", "busy", "busy"]);
        }
        await Promise.all(others.map(({ close }) => close()));
      });
    },
  );

  test("the tables of version 1 are brought up to date, and keep their conversations", async () => {
    await withDatabase("of_version_1", async (client) => {
      const store = new PostgresStore(client);
      await store.migrate();
      await store.append("old", [{ type: "text", text: "kept" }]);
      await run(client, "ALTER TABLE cloudllm_sessions DROP COLUMN title");
      await run(client, "DELETE FROM cloudllm_migrations WHERE version > 1");
      await expect(store.list()).rejects.toMatchObject({ message: expect.stringContaining("store.migrate()") });
      await store.migrate();
      await store.append("old", [{ type: "said", messages: [], title: "A poem" }]);
      expect(await store.load("old")).toHaveLength(2);
      expect((await store.list()).sessions).toMatchObject([{ id: "old", title: "A poem" }]);
    });
  });

  test("a database without the tables gets an error that says what to call", async () => {
    await withDatabase("not_migrated", async (client) => {
      const failed = new PostgresStore(client).load("a");
      await expect(failed).rejects.toMatchObject({
        kind: "storage",
        message: expect.stringContaining("store.migrate()"),
      });
    });
  });

  test("the printed SQL makes the schema, for those who run it themselves", async () => {
    await withDatabase("migrated_by_hand", async (client) => {
      await run(client, PostgresStore.migrationSql());
      const store = new PostgresStore(client);
      await store.append("a", [{ type: "text", text: "kept" }]);
      expect(await store.load("a")).toEqual([{ type: "text", text: "kept" }]);
    });
  });

  test("a user who may not create tables uses those that are there", async () => {
    await withDatabase("restricted", async (client, url) => {
      await new PostgresStore(client).migrate();
      await run(client, "CREATE ROLE app LOGIN");
      await run(client, "GRANT SELECT, INSERT, UPDATE, DELETE ON cloudllm_sessions, cloudllm_records TO app");
      const app = await driver.connect(url.replace("postgres@", "app@"));
      const store = new PostgresStore(app.client as PostgresLike);
      const record: SessionRecord = { type: "text", text: "kept" };
      await store.append("a", [record]);
      await store.replace("a", [record, record]);
      await store.release("a");
      expect(await store.load("a")).toEqual([record, record]);
      await store.delete("a");
      await app.close();
    });
  });
});

test("a client of an unknown kind is refused with the kinds that are known", () => {
  for (const client of [{}, () => undefined, null, "postgres://host"]) {
    expect(() => new PostgresStore(client as PostgresLike)).toThrow("The PostgreSQL client is of an unknown kind.");
  }
});

async function run(client: PostgresLike, sql: string): Promise<unknown> {
  if ("query" in client) return ((await client.query(sql)) as { rows: unknown }).rows;
  return client.unsafe(sql);
}
