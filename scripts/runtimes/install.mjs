/**
 * `node scripts/runtimes/install.mjs node 22`: another runtime from npm, once, into `.runtimes/`. Tests whose packages
 * want a later Node than this one run them there, and are skipped where it is missing.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { npm, root } from "../setup.mjs";

/** Each package has its own way. */
const programsOf = (name) => [join("bin", name), join("bin", `${name}.exe`), name, `${name}.exe`];

/** The path of a runtime's program; undefined when it is not installed. */
function installedProgram(name, version) {
  const home = homeOf(name, version);
  return programsOf(name)
    .map((file) => join(home, "node_modules", name, file))
    .find((file) => existsSync(file) && runs(file));
}

/** The path of a runtime's program, installed from npm when it is not there. Throws when npm has none. */
export async function runtimeProgram(name, version) {
  const there = installedProgram(name, version);
  if (there) return there;
  console.log(`installing ${name}@${version} into .runtimes/`);
  const home = homeOf(name, version);
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, "package.json"), JSON.stringify({ name: "runtime", private: true }));
  const [command, args] = npm("install", "--no-save", "--no-audit", "--no-fund", `${name}@${version}`);
  const env = { ...process.env, NODE_OPTIONS: "" };
  const { status, stderr } = spawnSync(command, args, { cwd: home, env, encoding: "utf8", timeout: 300_000 });
  if (status !== 0) throw new Error(`cannot be installed here: ${stderr}`);
  const program = installedProgram(name, version);
  if (!program) throw new Error("installed, but its program is not where it was expected");
  return program;
}

function homeOf(name, version) {
  return join(root, ".runtimes", `${name}${version}`);
}

function runs(file) {
  return spawnSync(file, ["--version"], { timeout: 60_000 }).status === 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runtimeProgram(...process.argv.slice(2));
