/** Writers that stall at any moment, take-overs and sealers at once, over slow connections: no acknowledged word is lost or doubled. */

import { setTimeout as elapse } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EntryId, positionOf } from "../../../src/server/log/entry-id.ts";
import type { LogEntry, LogWriter, ReplyLog, RunEnd } from "../../../src/server/log/log.ts";
import { type RedisLike, redisClientOf } from "../../../src/store/redis/client.ts";
import { redisLog } from "../../../src/store/redis/log.ts";
import type { SqliteLike } from "../../../src/store/sqlite/database.ts";
import { sqliteLog } from "../../../src/store/sqlite/log.ts";
import { complete, entry, headOf, lost, snapshot } from "../../../src/testing/log/case.ts";
import { driversMissing, redisDrivers, sqliteDrivers, sqliteMissing } from "../../interop/drivers.mjs";
import { type RedisServer, redisMissing, startRedis } from "../../support/redis-server.ts";

const ROUNDS = Number(process.env.FENCING_ROUNDS ?? 40);
const LEASE_MS = 25;
const ROUND_MS = 400;

/** The words of a reply, each with its writer's name, as the entries say. */
function wordsOf(entries: readonly LogEntry[], before: readonly string[] = []): string[] {
  let words = [...before];
  for (const each of entries) {
    if (each.type === "snapshot") words = each.message.content.split(" ").filter((word) => word !== "");
    else words.push(...each.chunks.map(({ content }) => content.trim()));
  }
  return words;
}

/** A viewer: the ids and words that it has, and the end. */
class Viewer {
  readonly ids: EntryId[] = [];
  words: string[] = [];
  end: RunEnd | undefined;
  isOwned = false;

  async look(log: ReplyLog, run: string): Promise<void> {
    const page = await log.read(run, this.ids.at(-1), 1 + Math.floor(Math.random() * 8));
    if (!page) throw new Error("The run is unknown.");
    this.ids.push(...page.entries.map(({ id }) => id));
    this.words = wordsOf(page.entries, this.words);
    this.isOwned = page.isOwned;
    this.end ??= page.end;
  }

  async lookToTheEnd(log: ReplyLog, run: string): Promise<void> {
    for (let seen = -1; seen < this.ids.length && !this.end; ) {
      seen = this.ids.length;
      await this.look(log, run);
    }
  }
}

/** Most pauses are short; some are longer than the lease. */
const pause = () => elapse(Math.random() < 0.1 ? LEASE_MS * (1 + Math.random() * 2) : Math.random() * 6);

interface Round {
  readonly run: string;
  readonly until: number;
  /** Words that the log has acknowledged, in order for each writer. */
  readonly acknowledged: string[];
  readonly ends: RunEnd[];
}

/** Writes until it loses the run, stalling now and then; in the end it may write an end, or fall silent. */
async function write(writer: LogWriter, name: string, first: LogEntry[], round: Round): Promise<void> {
  let waiting = first;
  for (let number = 1; performance.now() < round.until; ) {
    for (let count = Math.random() * 3; count > 0; count--) {
      waiting.push(entry(`${writer.attempt}-${number}`, `${name}.${number} `));
      number++;
    }
    const state = await writer.append(waiting);
    if (state === "lost") break;
    for (const each of waiting) if (each.type === "chunks") round.acknowledged.push(...wordsOf([each]));
    waiting = [];
    await pause();
    if (Math.random() < 0.03) return Math.random() < 0.5 ? writer.release() : undefined; // it dies
  }
  if (Math.random() < 0.7) {
    const end = await writer.end(complete(name));
    if (end) round.ends.push(end);
  }
}

/** Watches the run, takes it over when its writer is dead, or seals it. */
async function succeed(log: ReplyLog, name: string, round: Round): Promise<void> {
  const viewer = new Viewer();
  for (let life = 1; performance.now() < round.until && !viewer.end; ) {
    await viewer.look(log, round.run);
    await pause();
    if (viewer.isOwned || viewer.end) continue;
    const attempt = (positionOf(viewer.ids.at(-1) ?? "1-0")?.attempt ?? 1) + 1 + Math.floor(Math.random() * 2);
    if (Math.random() < 0.15) {
      const end = await log.seal(round.run, lost(name));
      if (end) round.ends.push(end);
      continue;
    }
    const writer = await log.takeOver(round.run, attempt);
    if (!writer) continue;
    const before = new Viewer();
    await before.lookToTheEnd(log, round.run);
    await pause(); // another one may take it over or seal it meanwhile
    const start = snapshot(`${attempt}-0`, before.words.join(" "), before.ids.at(-1));
    await write(writer, `${name}.${life++}`, [start], round);
  }
  if (viewer.end) round.ends.push(viewer.end);
}

async function play(open: () => ReplyLog): Promise<{ attempts: number }> {
  const logs = Array.from({ length: 4 }, open);
  const [first, ...others] = logs;
  const head = headOf();
  const writer = await first?.begin(head);
  if (!first || !writer) throw new Error("The run did not begin.");
  const round: Round = { run: head.id, until: performance.now() + ROUND_MS, acknowledged: [], ends: [] };
  const actors = others.map((log, index) => succeed(log, `heir${index}`, round));
  await Promise.all([write(writer, "first", [], round), ...actors]);
  let end: RunEnd | undefined;
  while (!end) {
    end = await first.seal(head.id, lost("at last"));
    if (!end) await elapse(LEASE_MS);
  }
  const viewer = new Viewer();
  await viewer.lookToTheEnd(first, head.id);
  expect(viewer.end).toEqual(end);
  for (const each of round.ends) expect(each).toEqual(end);
  expect(new Set(viewer.words).size, "no word is doubled").toBe(viewer.words.length);
  const kept = new Set(viewer.words);
  expect(
    round.acknowledged.filter((word) => !kept.has(word)),
    "acknowledged words that are missing",
  ).toEqual([]);
  for (const log of logs) await log.close();
  return { attempts: positionOf(viewer.ids.at(-1) ?? "1-1")?.attempt ?? 1 };
}

async function playRounds(open: () => ReplyLog): Promise<void> {
  let most = 0;
  // On a busy machine a round may have no take-over: then more of them are played.
  for (let round = 0; round < ROUNDS || (most <= 2 && round < 5 * ROUNDS); round += 10) {
    const played = await Promise.all(Array.from({ length: 10 }, () => play(open)));
    most = Math.max(most, ...played.map(({ attempts }) => attempts));
  }
  expect(most, "there were take-overs").toBeGreaterThan(2);
}

const noRedis = redisMissing ?? driversMissing;
describe.skipIf(noRedis !== undefined)(`redisLog${noRedis === undefined ? "" : ` [${noRedis}]`}`, () => {
  let server: RedisServer;
  let client: RedisLike;
  let close: () => Promise<void>;
  beforeAll(async () => {
    server = await startRedis();
    const connection = await redisDrivers[0]?.connect(server.url);
    client = connection?.client as RedisLike;
    close = async () => connection?.close();
  });
  afterAll(async () => {
    await close();
    await server[Symbol.asyncDispose]();
  });

  /** A connection of its own: commands arrive late, in order, and those of others in between, also inside a pipeline. */
  function slow(): RedisLike {
    const { command } = redisClientOf(client);
    let before: Promise<unknown> = Promise.resolve();
    return {
      command(args) {
        const reply = before.then(() => elapse(Math.random() < 0.5 ? 0 : Math.random() * 4)).then(() => command(args));
        before = reply.catch(() => undefined);
        return reply;
      },
    };
  }

  test("every interleaving of commands leaves one end and each acknowledged word once", () =>
    playRounds(() => redisLog(slow(), { leaseMs: LEASE_MS })));
});

describe.skipIf(sqliteMissing !== undefined)(
  `sqliteLog${sqliteMissing === undefined ? "" : ` [${sqliteMissing}]`}`,
  () => {
    test("every interleaving of calls leaves one end and each acknowledged word once", async () => {
      const database = await sqliteDrivers[0]?.open(":memory:");
      await playRounds(() => sqliteLog(database as unknown as SqliteLike, { leaseMs: LEASE_MS }));
      database?.close();
    });
  },
);
