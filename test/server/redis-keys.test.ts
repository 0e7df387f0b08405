/** Every key of a log in Redis has a time to live at every moment, so that no process that dies fills a server for ever. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createRelay } from "../../src/server/index.ts";
import type { RedisLike } from "../../src/store/redis/client.ts";
import { redisLog } from "../../src/store/redis/index.ts";
import { scriptedClient } from "../../src/testing/index.ts";
import { driversMissing, redisDrivers } from "../interop/drivers.mjs";
import { type RedisServer, redisMissing, startRedis } from "../support/redis-server.ts";
import { get, post, read, runId } from "../support/relay.ts";

const missing = redisMissing ?? driversMissing;

const RUNS = Number(process.env.KEY_RUNS ?? 200);
const AT_ONCE = 100;
const WORDS = Array.from({ length: 30 }, (_, index) => `word${index} `);
const messages = [{ role: "user", content: "Count" }];
const times = { leaseMs: 1_000, keepMs: 500 };

interface Commands {
  call(...command: string[]): Promise<unknown>;
}

describe.skipIf(missing !== undefined)(`the keys of redisLog${missing === undefined ? "" : ` [${missing}]`}`, () => {
  let redis: RedisServer;
  const closing: (() => unknown)[] = [];

  async function connect(): Promise<Commands> {
    const connection = await redisDrivers[0]?.connect(redis.url);
    closing.push(() => connection?.close());
    return connection?.client as Commands;
  }

  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(async () => {
    for (const close of closing.reverse()) await close();
    await redis[Symbol.asyncDispose]();
  });

  /** Looks at every key again and again. Returns how often it has, and the keys without a time to live. */
  function scanner(commands: Commands) {
    const immortal = new Set<string>();
    let isOver = false;
    let looks = 0;
    const look = async (): Promise<void> => {
      const keys = (await commands.call("KEYS", "*")) as string[];
      const lives = await Promise.all(keys.map((key) => commands.call("PTTL", key)));
      keys.forEach((key, index) => {
        if (lives[index] === -1) immortal.add(key);
      });
      looks += keys.length;
    };
    const looking = (async () => {
      while (!isOver) await look();
    })();
    return {
      stop: async () => {
        isOver = true;
        await looking;
        return { immortal: [...immortal], looks };
      },
    };
  }

  test("expire at every moment, and are gone after the replies", { timeout: 60_000 + RUNS * 50 }, async ({
    annotate,
  }) => {
    const log = redisLog((await connect()) as unknown as RedisLike, times);
    closing.push(() => log.close());
    const steps = WORDS.flatMap((text) => [{ text }, { pause: Math.random() * 10 }]);
    const client = scriptedClient(() => ({ steps }));
    const relay = createRelay({ client, authorize: "public", log, limits: { runsPerUser: 10_000 } });
    const commands = await connect();
    const scanning = scanner(commands);
    for (let begun = 0; begun < RUNS; begun += AT_ONCE) {
      await Promise.all(
        Array.from({ length: AT_ONCE }, async (_, index) => {
          const run = runId();
          const chat = index % 2 === 0 ? run : `chat${begun + index}`;
          const live = read(await relay.handle(post({ run, chat, messages })));
          if (index % 5 === 0) await read(await relay.handle(get(`${chat}/stream?run=${run}`)));
          if (index % 7 === 0) await relay.handle(post({ run }, `${chat}/stop`));
          await live;
        }),
      );
    }
    const { immortal, looks } = await scanning.stop();
    await annotate(`${RUNS} replies, ${looks} looks at a key`);
    expect(immortal).toEqual([]);
    expect(looks).toBeGreaterThan(RUNS);
    await expect
      .poll(() => commands.call("DBSIZE"), { timeout: times.leaseMs + times.keepMs + 5_000, interval: 100 })
      .toBe(0);
  });
});
