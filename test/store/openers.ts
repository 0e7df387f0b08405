/** A child process that opens sessions when it is asked to. */

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { StoreKind } from "./places.mjs";

const PROGRAM = fileURLToPath(new URL("opener.mjs", import.meta.url));

export class Openers implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: ChildProcessByStdio<Writable, Readable, null>) {
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** Resolves when the process is ready. */
  static async start(kind: StoreKind, place: string, leaseMs: number): Promise<Openers> {
    const args = [PROGRAM, kind, place, String(leaseMs)];
    const openers = new Openers(spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] }));
    await openers.#line();
    return openers;
  }

  /** Resolves with `open`, or with the kind of the error. */
  async open(id: string): Promise<string> {
    this.#child.stdin.write(`${id}\n`);
    return (JSON.parse(await this.#line()) as { outcome: string }).outcome;
  }

  async #line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("The process has ended.");
    return value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.kill("SIGKILL");
    await closed;
  }
}
