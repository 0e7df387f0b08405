/** The Nodes that a run compares on, and the packages that want a later one. */
import { spawnSync } from "node:child_process";
import { runtimeProgram } from "../scripts/runtimes/install.mjs";

/**
 * Returns the program and the version of each Node in a list of major versions (`"24,20"`). The running Node is used where it is
 * of that version; the others come from npm, once. Without a list it is the running Node.
 */
export async function nodesOf(list) {
  const majors = list?.split(",").map((word) => word.trim()) ?? [majorOf(process.version)];
  const wrong = majors.filter((major) => !/^\d+$/.test(major));
  if (wrong.length > 0) throw new Error(`Expected major versions of Node, such as 24. Received: ${wrong.join(", ")}.`);
  const nodes = [];
  for (const major of new Set(majors)) {
    const program = major === majorOf(process.version) ? process.execPath : await runtimeProgram("node", major);
    const { stdout } = spawnSync(program, ["--version"], { encoding: "utf8" });
    nodes.push({ program, version: stdout.trim() });
  }
  return nodes;
}

/** The major version of a Node, as text: `v24.1.0` → `24`. */
export function majorOf(version) {
  return version.replace(/^v/, "").split(".", 1)[0];
}

/** Does a package's `engines.node` take this version? Only `>=` with one version is read; other ranges take every Node. */
export function accepts(engines, version) {
  const [, least] = /^>= *(\d+(?:\.\d+){0,2})$/.exec(engines?.trim() ?? "") ?? [];
  if (least === undefined) return true;
  const [wanted, there] = [least, version.replace(/^v/, "")].map((text) => text.split(".").map(Number));
  for (const [index, number] of wanted.entries()) {
    if (there[index] !== number) return there[index] > number;
  }
  return true;
}
