/** The tools that a module of the user exports. */

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Tool } from "../../index.ts";
import { CommandError } from "../command-error.ts";

/**
 * Loads an ES module and returns its tools, in the order of the exports: each export that is a tool, and each tool in
 * an export that is an array.
 * @throws {CommandError} when it cannot be loaded, has no tools, or two of one name
 */
export async function toolsIn(path: string): Promise<readonly Tool[]> {
  const exported = await loaded(path);
  const tools = [...new Set(Object.values(exported).flat().filter(isTool))]; // `default` often repeats a named one
  if (tools.length === 0) {
    throw new CommandError(`--tools ${path} exports no tools: objects with a name, parameters and run.`, 1);
  }
  const names = tools.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new CommandError(`--tools ${path} exports two tools with the name ${twice}.`, 1);
  return tools;
}

async function loaded(path: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return await import(pathToFileURL(resolve(path)).href);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(`--tools ${path} cannot be loaded: ${reason}`, 1, error);
  }
}

function isTool(value: unknown): value is Tool {
  if (typeof value !== "object" || value === null || !("name" in value)) return false;
  return typeof value.name === "string" && "run" in value && typeof value.run === "function";
}
