/** A viewer whose connection is cut comes back to another process, which knows the reply only from its log. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { memoryLog, type ReplyLog } from "../../src/server/index.ts";
import type { RedisLike } from "../../src/store/redis/client.ts";
import { redisLog } from "../../src/store/redis/log.ts";
import type { SqliteLike } from "../../src/store/sqlite/database.ts";
import { sqliteLog } from "../../src/store/sqlite/log.ts";
import type { ReplyScript } from "../../src/testing/index.ts";
import { relayClient } from "../../src/web/index.ts";
import { driversMissing, redisDrivers, sqliteDrivers, sqliteMissing } from "../interop/drivers.mjs";
import { breakingProxy, type Plan } from "../support/breaking-proxy.ts";
import { read } from "../support/broken-replies.ts";
import { redisMissing, startRedis } from "../support/redis-server.ts";
import { OPEN_RELAY, relaySite } from "../support/relay-site.ts";

const SCRIPT: ReplyScript = {
  steps: [
    { reasoning: "They ask." },
    { text: ["Grüße ", "🌍", "\r\n\n", "data: x"] },
    { pause: 2 },
    { toolCall: { id: "call_a", name: "weather", fragments: ['{"city":', '"Tromsø"}'] } },
    { text: [" More", "."] },
  ],
};

const closing: (() => unknown)[] = [];
afterAll(async () => {
  for (const close of closing.reverse()) await close();
});

/** Opens one log twice, as two processes do. */
const LOGS: readonly {
  readonly name: string;
  readonly missing: string | undefined;
  open(): Promise<readonly [ReplyLog, ReplyLog]>;
}[] = [
  {
    name: "memory",
    missing: undefined,
    async open() {
      const log = memoryLog();
      return [log, log];
    },
  },
  {
    name: "SQLite",
    missing: sqliteMissing,
    async open() {
      const folder = mkdtempSync(join(tmpdir(), "cloudllm-two-"));
      closing.push(() => rmSync(folder, { recursive: true, force: true }));
      const opened = async () => {
        const database = await sqliteDrivers[0]?.open(join(folder, "runs.db"));
        closing.push(() => database?.close());
        return sqliteLog(database as unknown as SqliteLike);
      };
      return [await opened(), await opened()];
    },
  },
  {
    name: "Redis",
    missing: redisMissing ?? driversMissing,
    async open() {
      const server = await startRedis();
      closing.push(() => server[Symbol.asyncDispose]());
      const opened = async () => {
        const connection = await redisDrivers[0]?.connect(server.url);
        closing.push(() => connection?.close());
        return redisLog(connection?.client as RedisLike);
      };
      return [await opened(), await opened()];
    },
  },
];

describe.each(LOGS)("with a log in $name", ({ name, missing, open }) => {
  test.skipIf(missing !== undefined)(
    `no word is lost, and none comes twice${missing ? ` [${missing}]` : ""}`,
    async () => {
      const [ours, theirs] = await open();
      await using first = await relaySite(() => SCRIPT, { ...OPEN_RELAY, log: ours });
      await using second = await relaySite(() => SCRIPT, { ...OPEN_RELAY, log: theirs });
      const complete = await read(
        await relayClient({ url: first.url }).sendMessageStream([{ role: "user", content: "?" }]),
      );
      let plan: Plan | undefined;
      await using proxy = await breakingProxy(
        () => (plan === undefined ? second.port : first.port),
        () => {
          const now = plan;
          plan = undefined;
          return now;
        },
      );
      const client = relayClient({ url: `http://127.0.0.1:${proxy.port}/chat` });
      for (let [afterBytes, reconnects] = [1, 1]; reconnects > 0; afterBytes += 17) {
        plan = { afterBytes, how: "reset" };
        const outcome = await read(await client.sendMessageStream([{ role: "user", content: "?" }]));
        expect(outcome.error, `cut at byte ${afterBytes}, ${name}`).toBeUndefined();
        expect(outcome.shown, `cut at byte ${afterBytes}, ${name}`).toBe(complete.shown);
        expect(outcome.message?.toolCalls).toEqual(complete.message?.toolCalls);
        expect(outcome.chunks.filter(({ type }) => type === "toolCall")).toHaveLength(1);
        reconnects = outcome.message?.metrics.reconnects ?? 0;
        proxy.breakAll();
      }
      expect(second.provider.calls.length, "the other process asks no provider").toBe(0);
    },
    60_000,
  );

  test.skipIf(missing !== undefined)(
    `a refusal whose answer is lost is a refusal in the other process${missing ? ` [${missing}]` : ""}`,
    async () => {
      const [ours, theirs] = await open();
      const refusal = { status: 404, message: "No such model." };
      await using first = await relaySite(() => ({ refusal }), { ...OPEN_RELAY, log: ours });
      await using second = await relaySite(() => ({ text: "never" }), { ...OPEN_RELAY, log: theirs });
      let connections = 0;
      await using proxy = await breakingProxy(
        () => (connections++ === 0 ? first.port : second.port),
        (connection) => (connection === 0 ? { afterBytes: 1, how: "reset" } : undefined),
      );
      const client = relayClient({ url: `http://127.0.0.1:${proxy.port}/chat` });
      const call = client.sendMessageStream([{ role: "user", content: "?" }]);
      await expect(call).rejects.toMatchObject({
        kind: "notFound",
        message: expect.stringContaining("No such model."),
      });
      expect(second.provider.calls).toEqual([]);
    },
  );
});
