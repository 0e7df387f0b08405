/** Puts into `bench/node_modules` what is compared: the peers, and this library as its users get it. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build, install, npm, root } from "../scripts/setup.mjs";
import { accepts } from "./nodes.mjs";

const bench = join(root, "bench");
const modules = join(bench, "node_modules");

/** Installs the peers, also those that want a later Node, unless the lock's are there and built for this Node. */
export function installPeers() {
  const wanted = `${process.versions.modules}\n${readFileSync(join(bench, "package-lock.json"), "utf8")}`;
  const installed = join(modules, "installed-lock");
  if (existsSync(installed) && readFileSync(installed, "utf8") === wanted) return;
  const [command, args] = npm("ci", "--no-audit", "--no-fund", "--loglevel=error");
  run(command, args, bench, "inherit");
  writeFileSync(installed, wanted);
}

/**
 * Packs the library, or takes a tarball that there is, and unpacks it as `bench/node_modules/cloudllm`. A build under way
 * elsewhere thus changes nothing while we measure. Returns the size of the tarball in bytes, without the embedded model's weights.
 */
export async function installPackage(tarball) {
  const folder = mkdtempSync(join(tmpdir(), "cloudllm-bench-"));
  try {
    const file = tarball ?? join(folder, await pack(folder));
    const target = join(modules, "cloudllm");
    rmSync(target, { recursive: true, force: true });
    mkdirSync(target, { recursive: true });
    run("tar", ["-xzf", file, "-C", target, "--strip-components=1"], bench);
    return readFileSync(file).length - gzipSync(readFileSync(join(target, "dist", "embedded", "toy.gguf"))).length;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The installed version of a package; undefined for a part of Node. */
export function versionOf(name) {
  const file = join(modules, name, "package.json");
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")).version : undefined;
}

/** Which of these packages want a later Node than this version, each with what it wants: `openai 7.1.0 wants Node >=22`. */
export function refusalsOf(packages, version) {
  return packages.flatMap((name) => {
    const file = join(modules, name, "package.json");
    if (!existsSync(file)) return [];
    const { version: installed, engines } = JSON.parse(readFileSync(file, "utf8"));
    return accepts(engines?.node, version) ? [] : [`${name} ${installed} wants Node ${engines.node}`];
  });
}

async function pack(folder) {
  install();
  await build();
  const [command, args] = npm("pack", "--json", "--ignore-scripts", "--pack-destination", folder);
  const listing = JSON.parse(run(command, args, root));
  return (Array.isArray(listing) ? listing[0] : Object.values(listing)[0]).filename;
}

/** What the command wrote to stdout. Throws when it fails. */
function run(command, args, cwd, stderr = "pipe") {
  const { status, stdout, stderr: said, error } = spawnSync(command, args, { cwd, stdio: ["ignore", "pipe", stderr] });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed with exit code ${status}\n${said ?? ""}`);
  return stdout.toString();
}
