/** A process that answers calls, and runs those that a person has allowed, is killed again and again: no call runs twice. */

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LLMSession } from "cloudllm";
import { describe, expect, test } from "vitest";
import { sqliteMissing } from "../interop/drivers.mjs";
import { historyFault } from "../session/legality.ts";
import { randomFrom } from "../support/random.ts";
import { openStore, type StoreKind } from "./places.mjs";

const DIST = fileURLToPath(new URL("../../dist/store/file/index.js", import.meta.url));
const APPROVER = fileURLToPath(new URL("approver.mjs", import.meta.url));
const notBuilt = existsSync(DIST) ? undefined : "the package is not built";
const SEED = Number(process.env.KILL_SEED ?? 20_261_129);
const LEASE_MS = 150;
const TURNS = 24;

/** Lets the process run until it has said so many lines, and a little longer. Resolves with its lines, and whether it came to its end. */
async function killed(args: readonly string[], lines: number, afterMs: number): Promise<[string[], boolean]> {
  const child = spawn(process.execPath, [APPROVER, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  let timer: ReturnType<typeof setTimeout> | undefined;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    if (stdout.split("\n").length > lines) timer ??= setTimeout(() => child.kill("SIGKILL"), afterMs);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  clearTimeout(timer);
  if (!/"busy"|kind: 'busy'|is open in another/.test(stderr)) expect(stderr).toBe(""); // the lease of the one before
  return [stdout.split("\n").filter(Boolean), code === 0];
}

const STORES: readonly { kind: StoreKind; missing: string | undefined; file: string }[] = [
  { kind: "file", missing: notBuilt, file: "sessions" },
  { kind: "sqlite", missing: notBuilt ?? sqliteMissing, file: "chats.db" },
];

describe.concurrent.each(STORES)("$kind", ({ kind, missing, file }) => {
  const title = `${kind} store: a call that a person allowed runs at most once, one that was denied never, and each answer is kept`;

  test.skipIf(missing !== undefined)(
    `${title}${missing ? ` [skipped: ${missing}]` : ""}`,
    { timeout: 300_000 },
    async () => {
      const folder = mkdtempSync(join(tmpdir(), "cloudllm-approvals-"));
      try {
        const [place, effects] = [join(folder, file), join(folder, "effects.txt")];
        writeFileSync(effects, "");
        const random = randomFrom(SEED);
        const answered: string[] = [];
        let [isOver, rounds] = [false, 0];
        for (; !isOver; rounds++) {
          expect(rounds, `seed ${SEED}`).toBeLessThan(400);
          const args = [kind, place, String(LEASE_MS), effects, String(TURNS)];
          const [lines, ended] = await killed(args, 1 + random() * 6, random() * 12);
          for (const line of lines) if (line.startsWith("answered ")) answered.push(line);
          isOver = ended;
        }
        expect(new Set(answered).size, `seed ${SEED}: an answer was forgotten`).toBe(answered.length);
        const started = readFileSync(effects, "utf8")
          .split("\n")
          .filter((line) => line.startsWith("start "));
        expect(new Set(started).size, `seed ${SEED}`).toBe(started.length);
        expect(started.filter((line) => line.endsWith("no"))).toEqual([]);

        const { store, close } = await openStore(kind, place, LEASE_MS);
        const { history } = await LLMSession.peek({ store, id: "shop" });
        await close();
        expect(historyFault(history)).toBeUndefined();
        const seen = { paid: 0, denied: 0, unsure: 0 };
        for (const message of history) {
          if (message.role !== "tool") continue;
          const { toolCallId: id, content } = message;
          const hasStarted = started.includes(`start ${id}`);
          if (content === `paid ${id}`) seen.paid += Number(hasStarted);
          else if (id.endsWith("no")) seen.denied += Number(content === "The user did not allow this call: No.");
          else if (content === "The program ended while this call ran, or before.") seen.unsure++;
          else expect(content, id).toBe("a result of another kind");
        }
        expect(seen.denied).toBe(TURNS);
        expect(seen.paid + seen.unsure).toBe(2 * TURNS);
        // The moments were such that everything happened.
        expect(Math.min(seen.paid, rounds - 1), JSON.stringify({ ...seen, rounds })).toBeGreaterThan(0);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );
});
