/** `cloudllm serve` as a process of its own, for tests: the built command, a folder of its own, any port. */

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** A running server. Disposed of, it is killed. */
export interface Served extends AsyncDisposable {
  readonly url: string;
  readonly process: ChildProcess;
  /** Everything it has written to stderr. */
  readonly lines: () => string;
  /** Resolves when stderr has the text. */
  said(text: string): Promise<void>;
  /** Resolves with the exit code; null for an end by a signal that it did not take. */
  readonly ended: Promise<number | null>;
}

/** Differences from the usual server. */
export interface ServedOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** The folder that it runs in. Default: a new one, which is deleted with it. */
  readonly folder?: string;
  /** Default: any. */
  readonly port?: number;
  /** The Node that runs it. Default: that of the tests. */
  readonly node?: string;
}

/** Starts `cloudllm serve …` and resolves when it listens. */
export async function startServed(
  args: readonly string[] = [],
  { env = {}, folder, port = 0, node = process.execPath }: ServedOptions = {},
): Promise<Served> {
  if (!existsSync(MAIN)) throw new Error(`${MAIN} is missing: npm run build makes it.`);
  const { PATH = "" } = process.env;
  const cwd = folder ?? mkdtempSync(join(tmpdir(), "cloudllm-served-"));
  const child = spawn(node, [MAIN, "serve", "--port", String(port), ...args], {
    cwd,
    env: { PATH, HOME: cwd, CLOUDLLM_SESSIONS: join(cwd, "sessions"), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill); // of a test that ran out of time
  let stdout = "";
  let stderr = "";
  const listeners = new Set<() => void>();
  const heard = () => {
    for (const listener of listeners) listener();
  };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    heard();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    heard();
  });
  const ended = new Promise<number | null>((resolve) => {
    child.once("close", (code) => {
      process.off("exit", kill);
      if (folder === undefined) rmSync(cwd, { recursive: true, force: true });
      resolve(code);
      heard();
    });
  });
  const until = (isThere: () => boolean, what: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        const isOver = child.exitCode !== null || child.signalCode !== null;
        if (!isThere() && !isOver) return;
        listeners.delete(look);
        if (isThere()) resolve();
        else reject(new Error(`The server ended before ${what}:\n${stdout}${stderr}`));
      };
      listeners.add(look);
      look();
    });
  await until(() => stdout.includes("\n"), "it listened");
  return {
    url: stdout.trim(),
    process: child,
    lines: () => stderr,
    said: (text) => until(() => stderr.includes(text), `it said ${text}`),
    ended,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** An answer, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Sends a request with exactly these headers: `fetch` sets some itself and refuses others, such as `Host`. */
export function ask(
  url: string,
  headers: Readonly<Record<string, string>> = {},
  { method = "GET", body }: { readonly method?: string; readonly body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      response.once("error", reject);
      response.once("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
    });
    sent.once("error", reject);
    sent.end(body);
  });
}
