/** The engines that other tests need: they start, survive a power cut with their data, and leave nothing behind. */

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { KEEPER } from "./support/engine.ts";
import { postgresMissing, startPostgres } from "./support/postgres-server.ts";
import { redisMissing, startRedis } from "./support/redis-server.ts";

const ENGINES = [
  { name: "Redis", missing: redisMissing, start: () => startRedis({ appendOnly: true }) },
  { name: "PostgreSQL", missing: postgresMissing, start: () => startPostgres() },
];

const isOpen = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve(true));
    socket.once("connect", () => socket.destroy());
    socket.once("error", () => resolve(false));
  });

for (const { name, missing, start } of ENGINES) {
  const title = (text: string) => (missing === undefined ? text : `${text} [skipped: ${missing}]`);

  test.skipIf(missing !== undefined)(
    title(`${name} starts, is killed, starts again on its port, and goes`),
    async () => {
      const engine = await start();
      try {
        expect(await isOpen(engine.port)).toBe(true);
        await engine.kill();
        expect(await isOpen(engine.port)).toBe(false);
        await engine.start();
        expect(await isOpen(engine.port)).toBe(true);
      } finally {
        await engine[Symbol.asyncDispose]();
      }
      expect(await isOpen(engine.port)).toBe(false);
    },
  );
}

test("an engine and its data are gone when the process of the tests was killed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cloudllm-keeper-"));
  const start = 'require("child_process").spawn("sh", process.argv.slice(1), { stdio: ["pipe", "inherit", "ignore"] })';
  const args = ["-e", start, "--", "-c", KEEPER, "sh", folder, "sleep", "1000"];
  const tests = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const pid = await new Promise<number>((resolve) => tests.stdout.once("data", (line) => resolve(Number(line))));
  expect(() => process.kill(pid, 0)).not.toThrow();
  tests.kill("SIGKILL");
  await vi.waitFor(() => expect(existsSync(folder)).toBe(false));
  expect(() => process.kill(pid, 0)).toThrow("ESRCH");
});
