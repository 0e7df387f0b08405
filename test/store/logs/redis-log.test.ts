/** The log in Redis keeps the laws of a log with every client, over HTTP and in a cluster, on the real engine. */

import { afterAll, beforeAll, describe, test } from "vitest";
import { type RedisLike, redisClientOf } from "../../../src/store/redis/client.ts";
import { redisLog } from "../../../src/store/redis/log.ts";
import type { LogSubject } from "../../../src/testing/log/case.ts";
import { logSuite } from "../../../src/testing/log-suite.ts";
import {
  driversMissing,
  redisClusterDrivers,
  redisDrivers,
  upstashClient,
  upstashMissing,
} from "../../interop/drivers.mjs";
import { type RedisServer, redisMissing, startRedis, startRedisCluster } from "../../support/redis-server.ts";
import { startUpstash } from "../../support/upstash.ts";

const missing = redisMissing ?? driversMissing;
const cannot = { notify: "it has no second connection: readers poll" };
const [ioredis, , nodeRedis] = redisDrivers;

describe.skipIf(missing !== undefined)(`redisLog${missing === undefined ? "" : ` [${missing}]`}`, () => {
  let server: RedisServer;
  let cluster: RedisServer;
  const closing: (() => unknown)[] = [];

  beforeAll(async () => {
    [server, cluster] = await Promise.all([startRedis(), startRedisCluster()]);
  });
  afterAll(async () => {
    for (const close of closing.reverse()) await close();
    await Promise.all([server, cluster].map((each) => each[Symbol.asyncDispose]()));
  });

  /** The client of a driver; it is closed behind all tests. */
  async function clientOf(driver: (typeof redisDrivers)[number] | undefined, url: string): Promise<RedisLike> {
    const connection = await driver?.connect(url);
    closing.push(() => connection?.close());
    return connection?.client as RedisLike;
  }

  function suite(
    name: string,
    connect: () => Promise<RedisLike>,
    lacks?: LogSubject["cannot"],
    isMissing?: string | undefined,
  ): void {
    describe.skipIf(isMissing !== undefined).concurrent(name, () => {
      let client: RedisLike;
      beforeAll(async () => {
        client = await connect();
      });
      const cases = logSuite({ open: (times) => redisLog(client, { ...times, prefix: name }), cannot: lacks });
      for (const { name, skip, run } of cases) test.skipIf(skip !== undefined)(name, run);
    });
  }

  for (const driver of redisDrivers) suite(driver.name, () => clientOf(driver, server.url));
  for (const driver of redisClusterDrivers) suite(driver.name, () => clientOf(driver, cluster.url), cannot);

  async function upstash(): Promise<{ url: string; token: string }> {
    const { command } = redisClientOf(await clientOf(ioredis, server.url));
    const { url, server: http } = await startUpstash(command);
    closing.push(() => http.close());
    return { url, token: "secret" };
  }
  suite("the address of an Upstash database", upstash, cannot);
  suite(
    `a client of Upstash${upstashMissing === undefined ? "" : ` [${upstashMissing}]`}`,
    async () => {
      const { url, token } = await upstash();
      return (await upstashClient(url, token)) as RedisLike;
    },
    cannot,
    upstashMissing,
  );

  suite(
    "a client that sends every command twice, as ioredis may after a break",
    async () => {
      const { command } = redisClientOf(await clientOf(nodeRedis, server.url));
      return {
        command: (args) =>
          Promise.all([command(args).catch(() => undefined), command(args)]).then(([, second]) => second),
      };
    },
    cannot,
  );

  suite(
    "a client of one's own with nothing but `command`",
    async () => ({ command: redisClientOf(await clientOf(nodeRedis, server.url)).command }),
    cannot,
  );
});
