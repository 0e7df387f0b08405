/** The providers' own libraries, at the versions that programs use, each run where it can be. */

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { laterNode, laterNodeMissing } from "../support/later-node.ts";
import { run } from "./programs.mjs";

/** A library under the name by which it is installed here. */
export interface Library {
  /** `openAi` or `anthropic`, and the name. */
  readonly id: string;
  /** Why it cannot be run; `undefined` when it can. */
  readonly missing: string | undefined;
  /** Runs a method of `programs.mjs`, and resolves with what the library made of the answers. */
  call(method: string, args: object): Promise<Record<string, unknown>>;
}

/**
 * @param kind the library's kind in `programs.mjs`
 * @param isLater whether it wants Node 22, and runs in a process of its own
 */
export function libraryOf(kind: "openAi" | "anthropic", name: string, isLater = false): Library {
  const id = `${kind}:${name}`;
  const isInstalled = existsSync(new URL(`node_modules/${name}`, import.meta.url));
  const uninstalled = isInstalled ? undefined : `${name} is not installed: npm ci --prefix test/interop`;
  return {
    id,
    missing: uninstalled ?? (isLater ? laterNodeMissing : undefined),
    call: async (method, args) => {
      const outcome = isLater ? await inLaterNode(id, method, args) : await run(id, method, args);
      return outcome as Record<string, unknown>; // JSON of `programs.mjs`
    },
  };
}

const PROGRAM = fileURLToPath(new URL("programs.mjs", import.meta.url));

async function inLaterNode(id: string, method: string, args: object): Promise<unknown> {
  const { stdout } = await promisify(execFile)(laterNode ?? "node", [PROGRAM, id, method, JSON.stringify(args)]);
  return JSON.parse(stdout);
}
