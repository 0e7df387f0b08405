/** The providers' own libraries, at the versions that programs use, each run where it can be. */

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";
import { laterNode, laterNodeMissing } from "../support/later-node.ts";
import { run } from "./programs.mjs";

/** A library under the name by which it is installed here. */
export interface Library {
  /** Its kind, and its name. */
  readonly id: string;
  /** Why it cannot be run; `undefined` when it can. */
  readonly missing: string | undefined;
  /** Runs a method of `programs.mjs`, and resolves with what the library made of the answers. */
  call(method: string, args: object): Promise<Outcome>;
}

/** JSON of `programs.mjs` or `programs.py`. */
type Outcome = Readonly<Record<string, unknown>>;

/** Of `programs.mjs`. */
type Kind = "openAi" | "responses" | "anthropic";

const local = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** @param isLater whether it wants Node 22, and runs in a process of its own */
export function libraryOf(kind: Kind, name: string, isLater = false): Library {
  const id = `${kind}:${name}`;
  const isInstalled = existsSync(local(`node_modules/${name}`));
  const uninstalled = isInstalled ? undefined : `${name} is not installed: npm ci --prefix test/interop`;
  const missing = uninstalled ?? (isLater ? laterNodeMissing : undefined);
  if (isLater) return { id, missing, call: program(laterNode ?? "node", [local("programs.mjs"), id]) };
  return { id, missing, call: async (method, args) => (await run(id, method, args)) as Outcome };
}

/** The library of a kind for Python. */
export function pythonLibrary(kind: Kind): Library {
  const id = `${kind}:python`;
  const folder = local("python");
  const isInstalled = existsSync(`${folder}/${kind === "anthropic" ? kind : "openai"}`);
  const target = "test/interop/python";
  return {
    id,
    missing: isInstalled
      ? undefined
      : `it is not installed: pip install --target ${target} -r test/interop/python-requirements.txt`,
    call: program("python3", [local("programs.py"), id], { PYTHONPATH: folder }),
  };
}

/** Returns a function that runs methods in one process, which starts at the first call and ends with the tests. */
function program(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Library["call"] {
  let child: ChildProcess | undefined;
  let lines: AsyncIterator<string> | undefined;
  afterAll(() => {
    child?.kill();
  });
  return async (method, given) => {
    if (!child) {
      child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "inherit"] });
      if (child.stdout) lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    }
    child.stdin?.write(`${JSON.stringify({ method, args: given })}\n`);
    const line = await lines?.next();
    if (!line || line.done) throw new Error(`${command} ${args.join(" ")} has ended.`);
    return JSON.parse(line.value);
  };
}
