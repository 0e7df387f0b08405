/** A server's processes are killed at any moment of a reply: on the real log, with viewers at each of them. */

import type { ChildProcess } from "node:child_process";
import { describe, expect, test as vitestTest } from "vitest";
import type { WireEvent } from "../../src/dialects/native/wire.ts";
import { redisDrivers } from "../interop/drivers.mjs";
import { gapsIn, runId, type Watching, watch } from "../support/relay.ts";
import { serverProcesses } from "./server-processes.ts";
import { RELAY_PROCESS, SHARED_LOGS } from "./shared-logs.ts";

const ROUNDS = Number(process.env.KILL_ROUNDS ?? 8);
const TIMEOUT_MS = 30_000 + ROUNDS * 5_000;
const AT_ONCE = 4;
const LEASE_MS = 600;
const WORDS = Array.from({ length: 120 }, (_, index) => `word${index} `);
const WHOLE = WORDS.join("");

interface RelayProcess {
  readonly url: string;
  readonly child: ChildProcess;
}

describe.each(SHARED_LOGS)("killed processes on $title", (log) => {
  const { name, missing } = log;
  const test = vitestTest.skipIf(missing !== undefined);
  const processes = serverProcesses(log);

  async function start(recover: "continue" | ""): Promise<RelayProcess> {
    const { port, child } = await processes.start(RELAY_PROCESS, LEASE_MS, WORDS.length, recover);
    return { url: `http://127.0.0.1:${port}/chat`, child };
  }

  async function post(relay: RelayProcess, run: string): Promise<Watching> {
    const body = JSON.stringify({ run, messages: [{ role: "user", content: "Count" }] });
    const headers = { "content-type": "application/json" };
    return watch(await fetch(relay.url, { method: "POST", headers, body }));
  }

  async function attach(relay: RelayProcess, run: string, after?: string): Promise<Watching> {
    const query = after === undefined ? "" : `?after=${after}`;
    return watch(await fetch(`${relay.url}/${run}/stream${query}`));
  }

  /** Kills the process that writes a reply; returns what a viewer at each process has seen in the end. */
  async function round(others: readonly RelayProcess[], recover: "continue" | "", delayMs: number) {
    const writer = await start(recover);
    const run = runId();
    const first = await post(writer, run);
    const [early = first] = await Promise.all(others.slice(0, 1).map((relay) => attach(relay, run)));
    await new Promise((resolve) => {
      setTimeout(resolve, delayMs);
    });
    writer.child.kill("SIGKILL");
    const killedAt = performance.now();
    await first.over;
    const seen = first.events.findLast(({ type }) => type === "chunks" || type === "snapshot");
    const after = seen && "id" in seen ? seen.id : undefined;
    const [back, late] = await Promise.all([
      attach(others[1] as RelayProcess, run, after),
      attach(others[1] as RelayProcess, run),
    ]);
    await Promise.all([early.over, back.over, late.over]);
    const tookMs = performance.now() - killedAt;
    const wentOnMs = Math.max(...[early, back, late].map(wentOnAt)) - killedAt;
    const again = await attach(others[0] as RelayProcess, run);
    await again.over;
    return { first, early, back, late, again, after, tookMs, wentOnMs, run };
  }

  /** Several rounds, at moments spread over the reply. */
  async function rounds(recover: "continue" | "") {
    const others = await Promise.all([start(recover), start(recover)]);
    const results: Awaited<ReturnType<typeof round>>[] = [];
    for (let at = 0; at < ROUNDS; at += AT_ONCE) {
      const delays = Array.from({ length: Math.min(AT_ONCE, ROUNDS - at) }, () => Math.random() * 500);
      results.push(...(await Promise.all(delays.map((delayMs) => round(others, recover, delayMs)))));
    }
    return results;
  }

  const endOf = ({ events }: Watching): WireEvent | undefined => events.at(-1);

  test("every viewer has the complete reply, written on by another process, and no word twice", {
    timeout: TIMEOUT_MS,
  }, async ({ annotate }) => {
    const results = await rounds("continue");
    await annotate(timesOf(results));
    for (const { first, early, back, late, again, after, wentOnMs } of results) {
      expect([early.text, late.text, again.text]).toEqual([WHOLE, WHOLE, WHOLE]);
      const isReset = back.events.some(({ type }) => type === "snapshot");
      expect(isReset ? back.text : first.text + back.text).toBe(WHOLE);
      expect([...gapsIn(early.events), ...gapsIn(late.events), ...gapsIn(back.events, after)]).toEqual([]);
      expect(endOf(again)).toEqual(endOf(early));
      expect(wentOnMs, "the rest takes as long as the model does").toBeLessThan(LEASE_MS + 5_000);
    }
  });

  test("every viewer has a true beginning and one end, when none may write on", {
    timeout: TIMEOUT_MS,
  }, async ({ annotate }) => {
    const results = await rounds("");
    await annotate(timesOf(results));
    for (const { first, early, back, late, again, tookMs } of results) {
      expect(WHOLE.startsWith(first.text)).toBe(true);
      const end = endOf(again);
      for (const viewer of [early, back, late]) expect(endOf(viewer)).toMatchObject(withoutId(end));
      const text = end?.type === "failed" ? end.error.partial?.content : WHOLE;
      expect([early.text, late.text, again.text]).toEqual([text, text, text]);
      if (end?.type === "failed") expect(end.error).toMatchObject({ kind: "truncated", retryable: true });
      expect(tookMs).toBeLessThan(LEASE_MS + 5_000);
    }
  });

  vitestTest.skipIf(missing !== undefined || name !== "redisLog")(
    "nothing is left in Redis without a time to live",
    async () => {
      const connection = await redisDrivers[0]?.connect(processes.place);
      const client = connection?.client as { call(command: string, ...args: string[]): Promise<unknown> };
      const keys = (await client.call("KEYS", "*")) as string[];
      const times = await Promise.all(keys.map((key) => client.call("PTTL", key)));
      expect(keys.length).toBeGreaterThan(0);
      expect(times.filter((time) => Number(time) <= 0)).toEqual([]);
      await connection?.close();
    },
  );
});

/** Returns how long it took from the kills to the words of another process, and to the last viewer's end. */
function timesOf(rounds: readonly { readonly tookMs: number; readonly wentOnMs: number }[]): string {
  const medianAndLast = (name: "tookMs" | "wentOnMs"): string => {
    const times = rounds.map((round) => Math.round(round[name])).sort((a, b) => a - b);
    return `median ${times[(times.length - 1) >> 1]} ms, at most ${times.at(-1)} ms`;
  };
  return `${rounds.length} kills; until a reply goes on: ${medianAndLast("wentOnMs")}; until it ends: ${medianAndLast("tookMs")}`;
}

/** Returns when a viewer saw the first words of another process, or the end. */
function wentOnAt({ events, arrivedAt }: Watching): number {
  const at = events.findIndex((event) => {
    if (event.type === "complete" || event.type === "failed") return true;
    return event.type === "chunks" && event.id?.startsWith("1-") === false;
  });
  return arrivedAt[at] ?? Number.POSITIVE_INFINITY;
}

/** What all viewers are told alike. */
function withoutId(event: WireEvent | undefined): object {
  if (event?.type !== "failed") return event ?? {};
  const { kind, retryable, partial } = event.error;
  return { type: "failed", error: { kind, retryable, partial: { content: partial?.content } } };
}
