/** Processes are killed at any moment of a loop of tools that no session keeps: on real logs, with viewers at each. */

import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { AssistantMessage } from "../../src/index.ts";
import { gapsIn, runId, type Watching, watch } from "../support/relay.ts";
import { serverProcesses } from "./server-processes.ts";
import { SHARED_LOGS } from "./shared-logs.ts";
import { killRounds, LEASE_MS, ROUNDS, runsIn, TIMEOUT_MS, TURN_PROCESS, WHOLE } from "./turn-kills.ts";

describe.each(SHARED_LOGS)("killed loops of tools on $title", (log) => {
  const processes = serverProcesses(log);
  const file = join(tmpdir(), `cloudllm-notes-${runId()}`);

  async function start() {
    const { port, child } = await processes.start(TURN_PROCESS, "none", "-", LEASE_MS, file);
    return { url: `http://127.0.0.1:${port}/chat`, child };
  }

  /** Kills the process that writes a reply. Returns what viewers see, and how often each tool ran. */
  async function round(others: readonly string[], delayMs: number) {
    const writer = await start();
    const run = runId();
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ run, messages: [{ role: "user", content: run }] });
    const first = watch(await fetch(writer.url, { method: "POST", headers, body }));
    const attach = async (url = ""): Promise<Watching> => watch(await fetch(`${url}/${run}/stream`));
    const early = await attach(others[0]);
    await new Promise((resolve) => {
      setTimeout(resolve, delayMs);
    });
    writer.child.kill("SIGKILL");
    await first.over;
    const late = await attach(others[1]);
    await Promise.all([early.over, late.over]);
    const again = await attach(others[0]);
    await again.over;
    return { first, early, late, again, ran: runsIn(file, run) };
  }

  test.skipIf(log.missing !== undefined)(
    "are written on, or end as cut: no tool runs twice",
    { timeout: TIMEOUT_MS },
    async ({ annotate }) => {
      writeFileSync(file, "");
      const others = (await Promise.all([start(), start()])).map(({ url }) => url);
      const results = await killRounds((delayMs) => round(others, delayMs));
      await annotate(`${ROUNDS} kills: ${results.filter(({ again }) => endOf(again).isComplete).length} complete`);
      for (const { first, early, late, again, ran } of results) {
        expect(WHOLE.startsWith(first.text)).toBe(true);
        expect([...gapsIn(early.events), ...gapsIn(late.events)]).toEqual([]);
        expect(Math.max(...ran), "no tool runs twice").toBeLessThanOrEqual(1);
        expect(early.text).toBe(late.text);
        const { isComplete, message } = endOf(again);
        for (const viewer of [early, late]) expect(endOf(viewer).isComplete).toBe(isComplete);
        if (isComplete) {
          expect([late.text, again.text, message?.content]).toEqual([WHOLE, WHOLE, WHOLE]);
          expect([message?.steps?.length, ran]).toEqual([3, [1, 1]]);
        } else {
          // A tool had begun, and its result is not known.
          expect(again.events.at(-1)).toMatchObject({ type: "failed", error: { kind: "truncated" } });
          expect(WHOLE.startsWith(message?.content ?? "-")).toBe(true);
          expect(message?.toolCalls.length).toBe(1);
        }
      }
    },
  );
});

function endOf({ events }: Watching): { readonly isComplete: boolean; readonly message: AssistantMessage | undefined } {
  const end = events.at(-1);
  if (end?.type === "complete") return { isComplete: true, message: end.message };
  return { isComplete: false, message: end?.type === "failed" ? end.error.partial : undefined };
}
