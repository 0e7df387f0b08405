/** A server's processes are killed at any moment of a session's turn: on real logs and stores, with viewers at each. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Message } from "../../src/index.ts";
import { type PostgresServer, postgresMissing, startPostgres } from "../support/postgres-server.ts";
import { type RedisServer, startRedis } from "../support/redis-server.ts";
import { gapsIn, runId, type Watching, watch } from "../support/relay.ts";
import { SHARED_LOGS, type SharedLog } from "./shared-logs.ts";
import { killRounds, LEASE_MS, ROUNDS, runsIn, TIMEOUT_MS, TURN_PROCESS, WHOLE } from "./turn-kills.ts";

type Kind = "sqlite" | "redis" | "postgres";

const missingOf = (name: SharedLog["name"]) => SHARED_LOGS.find((log) => log.name === name)?.missing;

const PLACES: readonly {
  readonly log: SharedLog["name"];
  readonly kind: Kind;
  readonly missing: string | undefined;
}[] = [
  { log: "sqliteLog", kind: "sqlite", missing: missingOf("sqliteLog") },
  { log: "redisLog", kind: "redis", missing: missingOf("redisLog") },
  { log: "redisLog", kind: "postgres", missing: missingOf("redisLog") ?? postgresMissing },
];

describe.each(PLACES)("killed turns on $log with a store in $kind", ({ log, kind, missing }) => {
  let redis: RedisServer | undefined;
  let postgres: PostgresServer | undefined;
  let folder = "";
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    if (missing !== undefined) return;
    folder = mkdtempSync(join(tmpdir(), "cloudllm-turns-"));
    if (log === "redisLog") redis = await startRedis();
    if (kind === "postgres") postgres = await startPostgres();
  }, 60_000);
  afterAll(async () => {
    for (const child of children) child.kill("SIGKILL");
    await redis?.[Symbol.asyncDispose]();
    await postgres?.[Symbol.asyncDispose]();
    if (folder !== "") rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  });

  async function start(file: string): Promise<{ readonly url: string; readonly child: ChildProcess }> {
    const logPlace = redis?.url ?? join(folder, "runs.db");
    const storePlace = { sqlite: join(folder, "sessions.db"), redis: redis?.url, postgres: postgres?.url }[kind] ?? "";
    const args = [TURN_PROCESS, logPlace, kind, storePlace, String(LEASE_MS), file];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    children.push(child);
    const [port] = (await once(child.stdout, "data")) as [Buffer];
    return { url: `http://127.0.0.1:${String(port).trim()}/chat`, child };
  }

  const ask = (url: string, chat: string, run: string, message: string): Promise<Response> => {
    const headers = { "content-type": "application/json" };
    return fetch(url, { method: "POST", headers, body: JSON.stringify({ run, chat, message }) });
  };

  /** Kills the process that writes a turn. Returns what viewers at two others see, the history, and what tools did. */
  async function round(others: readonly string[], file: string, delayMs: number) {
    const writer = await start(file);
    const [run, chat] = [runId(), runId()];
    const first = watch(await ask(writer.url, chat, run, chat));
    const attach = async (url = ""): Promise<Watching> => watch(await fetch(`${url}/${chat}/stream?run=${run}`));
    const early = await attach(others[0]);
    await new Promise((resolve) => {
      setTimeout(resolve, delayMs);
    });
    writer.child.kill("SIGKILL");
    const killedAt = performance.now();
    await first.over;
    const late = await attach(others[1]);
    await Promise.all([early.over, late.over]);
    const tookMs = performance.now() - killedAt;
    const again = await attach(others[0]);
    await again.over;
    const history = (await (await fetch(`${others[1]}/${chat}`)).json()) as { readonly messages: readonly Message[] };
    const next = watch(await ask(others[0] ?? "", chat, runId(), "Next"));
    await next.over;
    return { first, early, late, again, messages: history.messages, next, ran: runsIn(file, chat), tookMs };
  }

  test.skipIf(missing !== undefined)(
    `are written on, or end as cut: no tool runs twice, and no turn is stored twice${missing ? ` [${missing}]` : ""}`,
    { timeout: TIMEOUT_MS },
    async ({ annotate }) => {
      const file = join(folder, "notes");
      writeFileSync(file, "");
      const others = (await Promise.all([start(file), start(file)])).map(({ url }) => url);
      const results = await killRounds((delayMs) => round(others, file, delayMs));
      const times = results.map(({ tookMs }) => tookMs).sort((a, b) => a - b);
      const complete = results.filter(({ again }) => again.events.at(-1)?.type === "complete").length;
      const [median = 0, longest = 0] = [times[times.length >> 1], times.at(-1)].map((ms) => Math.round(ms ?? 0));
      await annotate(`${ROUNDS} kills: ${complete} complete; median ${median} ms, at most ${longest} ms`);
      for (const { first, early, late, again, messages, next, ran } of results) {
        expect(WHOLE.startsWith(first.text)).toBe(true);
        expect([...gapsIn(early.events), ...gapsIn(late.events)]).toEqual([]);
        expect(Math.max(...ran), "no tool runs twice").toBeLessThanOrEqual(1);
        const end = again.events.at(-1);
        for (const viewer of [early, late]) expect(viewer.events.at(-1)?.type).toBe(end?.type);
        expect(early.text).toBe(late.text);
        expect(messages.filter(({ role }) => role === "user").length).toBe(1);
        if (end?.type === "complete") {
          expect([late.text, again.text, end.message.content]).toEqual([WHOLE, WHOLE, WHOLE]);
          expect(ran).toEqual([1, 1]);
          const roles = ["user", "assistant", "tool", "assistant", "tool", "assistant"];
          expect(messages.map(({ role }) => role)).toEqual(roles);
          const said = messages.flatMap((message) => (message.role === "assistant" ? [message.content] : []));
          expect(said.join("")).toBe(WHOLE);
          const results = messages.flatMap((message) => (message.role === "tool" ? [message.content] : []));
          expect(results).toEqual(["noted 0", "noted 1"]);
        } else {
          // A tool had begun, and its result is not known.
          const partial = end?.type === "failed" ? end.error.partial : undefined;
          expect(end).toMatchObject({ type: "failed", error: { kind: "truncated" } });
          expect(WHOLE.startsWith(partial?.content ?? "-")).toBe(true);
          expect(partial?.toolCalls.length).toBe(1);
          expect(messages.at(-1)).toMatchObject({ role: "tool", isError: true });
        }
        expect(next.events.at(-1)).toMatchObject({ type: "complete", message: { content: WHOLE } });
      }
    },
  );
});
