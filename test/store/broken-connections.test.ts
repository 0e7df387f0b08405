/** Connections to the engine that break, requests that come too late, and an engine that restarts: nothing is lost or doubled. */

import { setTimeout as elapse } from "node:timers/promises";
import { LLMSession, type Message, SendError, type SessionRecord } from "cloudllm";
import { type PostgresLike, PostgresStore } from "cloudllm/store/postgres";
import { type RedisLike, RedisStore } from "cloudllm/store/redis";
import { scriptedClient } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { type Driver, driversMissing, postgresDrivers, redisDrivers } from "../interop/drivers.mjs";
import type { Engine } from "../support/engine.ts";
import { postgresMissing, startPostgres } from "../support/postgres-server.ts";
import { redisMissing, startRedis } from "../support/redis-server.ts";

const TURNS = 50;
const LEASE_MS = 2_000;
/** At most so many turns pass without a break. */
const TURNS_A_BREAK = 5;
/** Between two of the breaks: about what it takes to connect again. */
const MAX_PAUSE_MS = 40;
/** Of the breaks, so many wait until a turn has been kept since the one before, however slow the machine is. */
const PATIENT_BREAKS = 0.75;

type Store = PostgresStore | RedisStore;

/** An engine, as these tests use it. */
interface Subject {
  readonly name: string;
  readonly missing: string | undefined;
  readonly drivers: readonly Driver[];
  start(): Promise<Engine & { readonly url: string }>;
  store(client: object): Store;
  /** Closes the connections of all other clients. */
  hangUp(client: object): Promise<unknown>;
}

const SUBJECTS: readonly Subject[] = [
  {
    name: "PostgreSQL",
    missing: postgresMissing ?? driversMissing,
    // A single connection of pg does not come back.
    drivers: postgresDrivers.filter(({ name }) => name !== "a Client of pg"),
    start: startPostgres,
    store: (client) => new PostgresStore(client as PostgresLike, { leaseMs: LEASE_MS }),
    hangUp: (client) =>
      (client as { query(sql: string): Promise<unknown> }).query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
      ),
  },
  {
    name: "Redis",
    missing: redisMissing ?? driversMissing,
    drivers: redisDrivers,
    start: () => startRedis({ appendOnly: true }),
    store: (client) => new RedisStore(client as RedisLike, { leaseMs: LEASE_MS }),
    hangUp: (client) =>
      (client as { call(...args: string[]): Promise<unknown> }).call("CLIENT", "KILL", "TYPE", "normal"),
  },
];

const record = (number: number): SessionRecord => ({ type: "text", text: `record ${number}` });

/** Sends a turn until the store has taken the one before. */
async function sent(session: LLMSession, text: string): Promise<void> {
  await reached(() => session.sendMessage(text));
}

/** Resolves with the outcome of an action, which is repeated while the store cannot be reached. */
async function reached<T>(action: () => Promise<T>): Promise<T> {
  const end = performance.now() + 20_000;
  for (;;) {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof SendError && error.kind === "storage") || performance.now() > end) throw error;
    }
    await elapse(10);
  }
}

describe.each(SUBJECTS)("$name", ({ missing, drivers, start, store: storeOf, hangUp }) => {
  const title = (text: string) => (missing === undefined ? text : `${text} [skipped: ${missing}]`);

  for (const driver of drivers) {
    test.skipIf(missing !== undefined)(
      title(`${driver.name}: connections that are closed at any moment neither lose nor double a turn`),
      { timeout: 60_000 },
      async () => {
        await using engine = await start();
        const [killer, mine] = [await (drivers[0] as Driver).connect(engine.url), await driver.connect(engine.url)];
        const store = storeOf(mine.client);
        if (store instanceof PostgresStore) await store.migrate();
        const said = Array.from({ length: TURNS }, (_, turn) => `turn ${turn}`);
        const client = scriptedClient(said.map((text) => ({ text: [`Answer `, `to ${text}`] })));
        const session = await LLMSession.open({ client, store, id: "a", flushIntervalMs: 1 });
        let isOver = false;
        let [count, kept] = [0, 0];
        const isLate = () => count < kept / TURNS_A_BREAK;
        const killing = (async () => {
          while (!isOver) {
            const before = kept;
            await elapse(Math.random() * MAX_PAUSE_MS);
            if (Math.random() < PATIENT_BREAKS) while (kept === before && !isLate() && !isOver) await elapse(2);
            await hangUp(killer.client).catch(() => undefined);
            count++;
          }
        })();
        for (const text of said) {
          while (isLate()) await elapse(5); // a fast machine waits for the next break
          await sent(session, text);
          kept++;
        }
        isOver = true;
        await killing;
        await sent(session, "the last").catch((error: unknown) => {
          // The script is at its end; the store has everything before that is asked.
          if (error instanceof SendError && error.kind === "storage") throw error;
        });
        const { history } = await reached(() => LLMSession.peek({ store, id: "a" }));
        expect(textsOf(history).slice(0, 2 * TURNS)).toEqual(said.flatMap((text) => [text, `Answer to ${text}`]));
        expect(count).toBeGreaterThan(5);
        await mine.close();
        await killer.close();
      },
    );

    test.skipIf(missing !== undefined)(
      title(`${driver.name}: an engine that restarts is found again by an open session`),
      { timeout: 60_000 },
      async () => {
        await using engine = await start();
        const { client, close } = await driver.connect(engine.url);
        const store = storeOf(client);
        if (store instanceof PostgresStore) await store.migrate();
        const script = ["one", "two", "three"].map((text) => ({ text }));
        const session = await LLMSession.open({ client: scriptedClient(script), store, id: "a" });
        await sent(session, "1");
        await engine.kill();
        const second = session.sendMessage("2").catch((error: unknown) => error);
        await elapse(100);
        await engine.start();
        const outcome = await second;
        if (outcome instanceof SendError) await sent(session, "2");
        await sent(session, "3");
        await session.close();
        const { history } = await LLMSession.peek({ store, id: "a" });
        expect(textsOf(history)).toEqual(["1", "one", "2", "two", "3", "three"]);
        await close();
      },
    );
  }

  test.skipIf(missing !== undefined)(title("a request that arrives after its repetition changes nothing"), async () => {
    await using engine = await start();
    const { client, close } = await (drivers[0] as Driver).connect(engine.url);
    const late = lateClient(client);
    const store = storeOf(late.client);
    if (store instanceof PostgresStore) await store.migrate();
    await store.claim("a");
    await store.append("a", [record(1)]);
    late.hold();
    await expect(store.append("a", [record(2)])).rejects.toMatchObject({ kind: "storage" });
    await expect(store.append("a", [record(2), record(3)])).rejects.toMatchObject({ kind: "storage" });
    late.pass();
    await store.append("a", [record(2), record(3)]);
    await late.deliver();
    expect(await store.load("a")).toEqual([record(1), record(2), record(3)]);
    await store.append("a", [record(4)]);
    expect(await store.load("a")).toEqual([record(1), record(2), record(3), record(4)]);

    late.hold();
    await expect(store.replace("a", [record(5)])).rejects.toMatchObject({ kind: "storage" });
    late.pass();
    await store.append("a", [record(6)]);
    await late.deliver();
    expect(await store.load("a")).toEqual([record(1), record(2), record(3), record(4), record(6)]);
    await close();
  });
});

test.skipIf(SUBJECTS[0]?.missing !== undefined).each([0, 1])(
  "PostgreSQL: a deletion that failed, and arrives late, deletes no conversation that was begun since (request %i)",
  async (at) => {
    await using engine = await startPostgres();
    const { client, close } = await (postgresDrivers[0] as Driver).connect(engine.url);
    const late = lateClient(client);
    const store = new PostgresStore(late.client as PostgresLike, { leaseMs: LEASE_MS });
    await store.migrate();
    await store.append("a", [record(1)]);
    await store.release("a");
    late.hold(at);
    await expect(store.delete("a")).rejects.toMatchObject({ kind: "storage" });
    late.pass();
    await store.append("a", [record(2)]);
    await store.release("a");
    await late.deliver();
    expect(await store.load("a")).toEqual([record(1), record(2)]);
    await store.delete("a");
    expect(await store.load("a")).toEqual([]);
    await close();
  },
);

/** A client whose requests can be held on the way: they reject at once, and are delivered later. */
function lateClient(client: object) {
  let isHeld = false;
  let passing = 0;
  const held: (() => unknown)[] = [];
  const hold = async (request: () => unknown): Promise<never> => {
    held.push(request);
    throw new Error("The connection was lost.");
  };
  return {
    client: new Proxy(client, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          const call = () => Reflect.apply(value, target, args);
          if (!isHeld || passing-- > 0) return call();
          return name === "pipeline" ? { exec: () => hold(() => call().exec()) } : hold(call);
        };
      },
    }),
    /** @param after so many requests pass before */
    hold(after = 0) {
      isHeld = true;
      passing = after;
    },
    pass() {
      isHeld = false;
    },
    async deliver() {
      for (const request of held.splice(0)) await Promise.resolve(request()).catch(() => undefined);
    },
  };
}

function textsOf(history: readonly Message[]): string[] {
  return history.map(({ content }) => String(content));
}
