/** A database engine as a child process: on loopback, with throw-away data, and gone when the tests are. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as elapse } from "node:timers/promises";

/** An engine that runs. */
export interface Engine {
  readonly port: number;
  /** Ends the engine at once, as a power cut does. Resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again on the same port with the data that are there. */
  start(): Promise<void>;
  /** Ends the engine and deletes its data. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** How an engine is started. */
export interface EngineCommand {
  /** Prepares the folder of the data, once. */
  prepare?(folder: string): Promise<void> | void;
  command(folder: string, port: number): readonly string[];
  /** Resolves when the engine answers; rejects while it does not. */
  answers(port: number): Promise<void>;
  /** The signal that ends it as a power cut does, together with its child processes. */
  readonly killedBy: "SIGKILL" | "SIGQUIT";
}

/**
 * A shell that lives as long as its input is open: until the process of the tests closes it, or is killed itself. Then it kills the
 * engine and deletes the data. The first line that it prints is the engine's number.
 */
export const KEEPER =
  'folder=$1; shift; "$@" >"$folder/output" 2>&1 & echo $!; cat >/dev/null; kill -9 $!; wait; rm -rf "$folder"';
const MAX_ATTEMPTS = 5;
const START_TIMEOUT_MS = 20_000;

/** Starts an engine on a free port of the loopback address. */
export async function startEngine(how: EngineCommand): Promise<Engine> {
  const folder = mkdtempSync(join(tmpdir(), "cloudllm-engine-"));
  try {
    await how.prepare?.(folder);
    for (let attempt = 1; ; attempt++) {
      const engine = new Running(how, folder, await freePort());
      try {
        await engine.start();
        return engine;
      } catch (error) {
        await engine.kill();
        if (attempt === MAX_ATTEMPTS) throw error; // else another program has taken the port
      }
    }
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

class Running implements Engine {
  readonly #how: EngineCommand;
  readonly #folder: string;
  readonly port: number;
  #keeper: ChildProcess | undefined;
  #pid = 0;

  constructor(how: EngineCommand, folder: string, port: number) {
    this.#how = how;
    this.#folder = folder;
    this.port = port;
  }

  async start(): Promise<void> {
    const command = this.#how.command(this.#folder, this.port);
    const keeper = spawn("sh", ["-c", KEEPER, "sh", this.#folder, ...command], { stdio: ["pipe", "pipe", "ignore"] });
    this.#keeper = keeper;
    this.#pid = await new Promise<number>((resolve, reject) => {
      keeper.once("error", reject);
      keeper.stdout.once("data", (line: Buffer) => resolve(Number(line)));
    });
    const end = performance.now() + START_TIMEOUT_MS;
    for (;;) {
      try {
        return await this.#how.answers(this.port);
      } catch (error) {
        if (performance.now() > end || !isRunning(this.#pid)) throw error;
      }
      await elapse(20);
    }
  }

  async kill(): Promise<void> {
    if (this.#pid > 0 && isRunning(this.#pid)) process.kill(this.#pid, this.#how.killedBy);
    while (this.#pid > 0 && isRunning(this.#pid)) await elapse(5);
    this.#keeper?.kill("SIGKILL"); // it would delete the data
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
