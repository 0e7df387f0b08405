/** Redis, or the connections to it, go away in the middle of replies: viewers at the writer see nothing of it. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createRelay, type Relay } from "../../src/server/index.ts";
import type { RedisLike } from "../../src/store/redis/client.ts";
import { redisLog } from "../../src/store/redis/index.ts";
import { scriptedClient } from "../../src/testing/index.ts";
import { driversMissing, redisDrivers } from "../interop/drivers.mjs";
import { type RedisServer, redisMissing, startRedis } from "../support/redis-server.ts";
import { gapsIn, get, post, runId, type Watching, watch } from "../support/relay.ts";

const missing = redisMissing ?? driversMissing;

const RUNS = Number(process.env.AWAY_RUNS ?? 12);
const WORDS = Array.from({ length: 150 }, (_, index) => `word${index} `);
const WHOLE = WORDS.join("");
const messages = [{ role: "user", content: "Count" }];

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A Redis server, and relays on it, for the tests of one block. */
function useRedis(appendOnly: boolean) {
  const closing: (() => unknown)[] = [];
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis({ appendOnly });
  });
  afterAll(async () => {
    for (const close of closing.reverse()) await close();
    await redis[Symbol.asyncDispose]();
  });
  async function connect(driver: (typeof redisDrivers)[number] | undefined): Promise<RedisLike> {
    const connection = await driver?.connect(redis.url);
    closing.push(() => connection?.close());
    return connection?.client as RedisLike;
  }
  return {
    server: () => redis,
    connect,
    relay: async (driver: (typeof redisDrivers)[number] | undefined): Promise<Relay> => {
      const steps = WORDS.flatMap((text) => [{ text }, { pause: Math.random() * 20 }]);
      const log = redisLog(await connect(driver));
      closing.push(() => log.close());
      const client = scriptedClient(() => ({ steps }));
      return createRelay({ client, authorize: "public", log, limits: { runsPerUser: 1_000 } });
    },
  };
}

function expectWhole({ events, text }: Watching): void {
  expect(text).toBe(WHOLE);
  expect(gapsIn(events)).toEqual([]);
  expect(events.filter(({ type }) => type === "snapshot")).toEqual([]);
  expect(events.at(-1)).toMatchObject({ type: "complete" });
}

async function expectResumed(relay: Relay, run: string): Promise<void> {
  const late = watch(await relay.handle(get(`${run}/stream?run=${run}&after=1-3`)));
  await late.over;
  const isReset = late.events.some(({ type }) => type === "snapshot");
  expect(isReset ? late.text : WORDS.slice(0, 3).join("") + late.text).toBe(WHOLE);
}

const name = missing === undefined ? "" : ` [${missing}]`;

describe.skipIf(missing !== undefined).each([true, false])(`a Redis that comes back${name}`, (keepsData) => {
  const redis = useRedis(keepsData);

  test.each([0, 2])(`replies go on; data kept: ${keepsData} (driver %i)`, { timeout: 60_000 }, async (at) => {
    const [writer, other] = await Promise.all([redis.relay(redisDrivers[at]), redis.relay(redisDrivers[at])]);
    const runs = Array.from({ length: RUNS }, runId);
    const live = await Promise.all(runs.map(async (run) => watch(await writer.handle(post({ run, messages })))));
    await pause(200 + Math.random() * 300);
    const elsewhere = await Promise.all(runs.map(async (run) => watch(await other.handle(get(`${run}/stream`)))));
    await redis.server().kill();
    await pause(300 + Math.random() * 300);
    await redis.server().start();
    await Promise.all([...live, ...elsewhere].map(({ over }) => over));
    live.forEach(expectWhole);
    for (const { events, text } of elsewhere) {
      const end = events.at(-1);
      if (keepsData) expect([end?.type, text]).toEqual(["complete", WHOLE]);
      // The log no longer knows the run: an honest end, and a true beginning.
      else expect([end?.type, WHOLE.startsWith(text)]).toEqual(["failed", true]);
    }
    for (const run of runs) {
      if (keepsData) await expectResumed(other, run);
      else expect((await other.handle(get(`${run}/stream?run=${run}`))).status).toBe(404);
    }
  });
});

describe.skipIf(missing !== undefined)(`connections to Redis that break${name}`, () => {
  const redis = useRedis(false);

  test.each([0, 1, 2, 3])("again and again cost nobody a word (driver %i)", { timeout: 60_000 }, async (at) => {
    const killer = (await redis.connect(redisDrivers[0])) as { call(...command: string[]): Promise<unknown> };
    const [writer, other] = await Promise.all([redis.relay(redisDrivers[at]), redis.relay(redisDrivers[at])]);
    const runs = Array.from({ length: RUNS }, runId);
    const live = await Promise.all(runs.map(async (run) => watch(await writer.handle(post({ run, messages })))));
    const elsewhere: Watching[] = [];
    for (let kills = 0; kills < 15; kills++) {
      await pause(Math.random() * 100);
      const run = runs[kills % runs.length] as string;
      const response = await other.handle(get(`${run}/stream?run=${run}`));
      if (response.status === 200) elsewhere.push(watch(response));
      await killer.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    }
    await Promise.all([...live, ...elsewhere].map(({ over }) => over));
    live.forEach(expectWhole);
    expect(elsewhere.map(({ text, events }) => [events.at(-1)?.type, text])).toEqual(
      elsewhere.map(() => ["complete", WHOLE]),
    );
    for (const run of runs) await expectResumed(other, run);
  });
});
