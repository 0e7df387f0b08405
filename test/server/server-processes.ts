/** Servers in processes of their own, on a log that they share. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { type RedisServer, startRedis } from "../support/redis-server.ts";
import type { SharedLog } from "./shared-logs.ts";

/** A server that listens. */
export interface ServerProcess {
  readonly port: number;
  readonly child: ChildProcess;
}

/** The processes of a group of tests. */
export interface ServerProcesses {
  /** The place of the log, as soon as the tests run. */
  readonly place: string;
  /** Starts a program. It is given the place of the log, and then `args`, and says its port on stdout. */
  start(program: string, ...args: readonly (string | number)[]): Promise<ServerProcess>;
}

/** Opens the log before the tests of a group; ends the processes and the log after them. */
export function serverProcesses({ name, missing }: SharedLog): ServerProcesses {
  const children: ChildProcess[] = [];
  let redis: RedisServer | undefined;
  let folder: string | undefined;
  let place = "";

  beforeAll(async () => {
    if (missing !== undefined) return;
    if (name === "redisLog") redis = await startRedis();
    else folder = mkdtempSync(join(tmpdir(), "cloudllm-log-"));
    place = redis?.url ?? join(folder ?? "", "runs.db");
  });
  afterAll(async () => {
    for (const child of children) child.kill("SIGKILL");
    await redis?.[Symbol.asyncDispose]();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  });

  return {
    get place() {
      return place;
    },
    async start(program, ...args) {
      const child = spawn(process.execPath, [program, place, ...args.map(String)], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      children.push(child);
      const [port] = (await once(child.stdout, "data")) as [Buffer];
      return { port: Number(String(port).trim()), child };
    },
  };
}
