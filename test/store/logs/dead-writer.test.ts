/** A process that writes a run is killed, or stands still: one other process ends the run or goes on, and no entry is lost. */

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ReplyLog, RunEnd, RunHead } from "../../../src/server/log/log.ts";
import type { RedisLike } from "../../../src/store/redis/client.ts";
import { redisLog } from "../../../src/store/redis/log.ts";
import type { SqliteLike } from "../../../src/store/sqlite/database.ts";
import { sqliteLog } from "../../../src/store/sqlite/log.ts";
import { entriesOf, headOf, lost, readAll, snapshot, until } from "../../../src/testing/log/case.ts";
import { driversMissing, redisDrivers, sqliteDrivers, sqliteMissing } from "../../interop/drivers.mjs";
import { type RedisServer, redisMissing, startRedis } from "../../support/redis-server.ts";

const WRITER = fileURLToPath(new URL("writer.mjs", import.meta.url));
const built = existsSync(new URL("../../../dist/store/sqlite/index.js", import.meta.url))
  ? undefined
  : "dist/ is not built";
const LEASE_MS = 1_000;

/** A process that writes. */
class Writer {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly exited: Promise<unknown>;
  /** The last entry that the log has acknowledged. */
  wrote = 0;
  #standsStill = false;
  /** The answers of the log after it has refused an entry. */
  refused: { again: string; end?: RunEnd } | undefined;

  constructor(engine: string, address: string, head: RunHead) {
    const args = [WRITER, engine, address, String(LEASE_MS), JSON.stringify(head)];
    this.#process = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.exited = new Promise((resolve) => this.#process.once("close", resolve));
    createInterface({ input: this.#process.stdout }).on("line", (line) => {
      if (line.startsWith("wrote ")) this.wrote = Number(line.slice("wrote ".length));
      else if (line === "stands still") this.#standsStill = true;
      else this.refused = JSON.parse(line.slice("lost ".length));
    });
  }

  async hasWritten(count: number): Promise<void> {
    await until(async () => this.wrote >= count);
  }

  /** Ends the process at any moment. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.exited;
  }

  /** Stops the process between two appends: in the middle of one, SQLite keeps its file locked until it wakes up. */
  async standStill(): Promise<void> {
    this.#process.stdin.write("stand still\n");
    await until(async () => this.#standsStill);
  }

  wakeUp(): void {
    this.#process.kill("SIGCONT");
  }
}

function laws(engine: string, place: () => { address: string; open(): Promise<ReplyLog> }): void {
  /** Starts a writer, and stops it when it has written some entries. */
  async function stoppedWriter(stop: (writer: Writer) => unknown) {
    const { address, open } = place();
    const head = headOf();
    const writer = new Writer(engine, address, head);
    const log = await open();
    await writer.hasWritten(20);
    await stop(writer);
    await until(async () => (await log.read(head.id, "1-999999"))?.isOwned === false);
    return { writer, head, log, other: await open() };
  }

  test("killed with SIGKILL: every acknowledged entry is there, and of many sealers one wins", async () => {
    const { writer, head, log, other } = await stoppedWriter((writer) => writer.kill());
    const sealed = Array.from({ length: 10 }, (_, index) => (index % 2 ? log : other).seal(head.id, lost(`${index}`)));
    const ends = await Promise.all(sealed);
    expect(ends[0]?.type).toBe("failed");
    for (const end of ends) expect(end).toEqual(ends[0]);
    const { ids, end } = await readAll(log, head.id, 7);
    expect(end).toEqual(ends[0]);
    expect(ids).toEqual(entriesOf(1, ids.length).map(({ id }) => id));
    expect(ids.length).toBeGreaterThanOrEqual(writer.wrote);
    expect(ids.length).toBeLessThanOrEqual(writer.wrote + 1);
  });

  test("stopped with SIGSTOP and taken over: when it wakes up it is refused, and the log is that of its successor", async () => {
    const { writer, head, log } = await stoppedWriter((writer) => writer.standStill());
    const { ids } = await readAll(log, head.id);
    const successor = await log.takeOver(head.id, 2);
    const start = snapshot("2-0", "so far", ids.at(-1));
    expect(await successor?.append([start])).toBe("running");
    writer.wakeUp();
    await writer.exited;
    expect(writer.refused).toEqual({ again: "lost" });
    expect(await log.read(head.id)).toEqual({ entries: [start], isOwned: true });
    expect(await successor?.end(lost("so far"))).toEqual(lost("so far"));
  });

  test("stopped with SIGSTOP and sealed: when it wakes up it learns of the end, and adds nothing", async () => {
    const { writer, head, log } = await stoppedWriter((writer) => writer.standStill());
    const before = await readAll(log, head.id);
    expect(await log.seal(head.id, lost("part"))).toEqual(lost("part"));
    writer.wakeUp();
    await writer.exited;
    expect(writer.refused).toEqual({ again: "lost", end: lost("part") });
    expect(await readAll(log, head.id)).toEqual({ ...before, end: lost("part") });
  });
}

const noRedis = redisMissing ?? driversMissing ?? built;
describe.skipIf(noRedis !== undefined)(`a writer of redisLog${noRedis === undefined ? "" : ` [${noRedis}]`}`, () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  describe.each(redisDrivers.filter(({ name }) => name === "ioredis 5" || name === "node-redis 6"))(
    "$name",
    (driver) => {
      const closing: (() => unknown)[] = [];
      afterAll(async () => {
        for (const close of closing) await close();
      });
      laws(driver.name, () => ({
        address: server.url,
        async open() {
          const { client, close } = await driver.connect(server.url);
          closing.push(close);
          return redisLog(client as RedisLike, { leaseMs: LEASE_MS });
        },
      }));
    },
  );
});

const noSqlite = sqliteMissing ?? built;
describe.skipIf(noSqlite !== undefined)(
  `a writer of sqliteLog${noSqlite === undefined ? "" : ` [${noSqlite}]`}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), "cloudllm-sqlite-"));
    const closing: (() => unknown)[] = [];
    afterAll(() => {
      for (const close of closing) close();
      rmSync(folder, { recursive: true, force: true });
    });
    laws("sqlite", () => ({
      address: join(folder, "runs.db"),
      async open() {
        const database = await sqliteDrivers[0]?.open(join(folder, "runs.db"));
        closing.push(() => database?.close());
        return sqliteLog(database as unknown as SqliteLike, { leaseMs: LEASE_MS });
      },
    }));
  },
);
