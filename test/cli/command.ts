/** Runs the built command as people do: a process of its own, with an environment that holds nothing by accident. */

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** Where chats are kept unless a test says otherwise: not where the user keeps them. */
const SESSIONS = mkdtempSync(join(tmpdir(), "cloudllm-sessions-"));
process.once("exit", () => rmSync(SESSIONS, { recursive: true, force: true }));

export interface Finished {
  readonly stdout: string;
  readonly stderr: string;
  /** What a shell would say: 130 also when the signal itself ended the process. */
  readonly code: number | null;
}

export interface Running {
  readonly process: ChildProcessWithoutNullStreams;
  readonly finished: Promise<Finished>;
  /** Resolves once stdout contains the text. */
  said(text: string): Promise<void>;
}

/** Starts `cloudllm …` with its stdin open. */
export function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  if (!existsSync(MAIN)) throw new Error(`${MAIN} is missing: npm test builds it, and npm run build does.`);
  const { PATH = "", HOME = "", SYSTEMROOT = "" } = process.env;
  const ownEnv = { PATH, HOME, SYSTEMROOT, CLOUDLLM_SESSIONS: SESSIONS, ...env };
  const child = spawn(process.execPath, [MAIN, ...args], { env: ownEnv });
  let stdout = "";
  let stderr = "";
  const listeners = new Set<() => void>();
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    for (const listener of listeners) listener();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  child.stdin.on("error", () => undefined); // a command that needs no stdin may leave before it was written
  const finished = new Promise<Finished>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ stdout, stderr, code: signal === "SIGINT" ? 130 : code }));
  });
  return {
    process: child,
    finished,
    said: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!stdout.includes(text)) return;
          listeners.delete(look);
          resolve();
        };
        listeners.add(look);
        look();
        finished.then(() => reject(new Error(`ended without saying ${text}:\n${stdout}\n${stderr}`)), reject);
      }),
  };
}

/** Runs `cloudllm …` to its end, with `stdin` piped in. */
export function command(
  args: readonly string[],
  { stdin = "", env = {} }: { readonly stdin?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Finished> {
  const running = start(args, env);
  running.process.stdin.end(stdin);
  return running.finished;
}

export interface ModelServer extends AsyncDisposable {
  readonly baseUrl: string;
  /** The `authorization` headers that came. */
  readonly keys: readonly (string | undefined)[];
}

/** A server that tells which models it has, and says nothing else. `body` replaces the list. */
export async function startModelServer(
  models: readonly string[],
  options: { readonly status?: number; readonly body?: string; readonly isSilent?: boolean } = {},
): Promise<ModelServer> {
  const list = { object: "list", data: models.map((id) => ({ id, object: "model" })) };
  const { status = 200, body = JSON.stringify(list) } = options;
  const keys: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    const found = request.method === "GET" && request.url === "/v1/models";
    if (found) keys.push(request.headers.authorization);
    if (options.isSilent) return;
    response.writeHead(found ? status : 404, { connection: "close" }).end(found ? body : "");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    keys,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** An address at which nothing listens. */
export async function closedServer(): Promise<{ readonly baseUrl: string }> {
  const server = await startModelServer([]);
  await server[Symbol.asyncDispose]();
  return server;
}
