/**
 * What a fresh clone needs before anything runs: installed tools and a built `dist/`. Both are made only when they are
 * missing or out of date, and everything said on the way goes to stderr, so that stdout stays the program's own.
 * Run by itself (`npm run build`) it does just that.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** The project's root folder. */
export const root = fileURLToPath(new URL("..", import.meta.url));

const notes = join(root, "node_modules", ".cache", "cloudllm");
const tsc = join(root, "node_modules", "typescript", "bin", "tsc");

/** The embedded model's weights, which stand beside the module that reads them. */
const WEIGHTS = "src/embedded/toy.gguf";

/** Installs when node_modules does not hold what package-lock.json asks for. Throws when npm fails. */
export function install() {
  if (isInstalled()) return;
  say("installing the development tools (npm ci)");
  const [command, args] = npm("ci", "--no-audit", "--no-fund");
  run(command, args);
}

/** Builds `dist/` when the sources changed since the last build. Throws when the compiler or the bundler fails. */
export async function build() {
  const scripts = ["setup.mjs", "bundle.mjs", "licenses.mjs", "page.mjs"].map((name) => join("scripts", name));
  const makers = ["package.json", "package-lock.json", "tsconfig.json", "tsconfig.build.json", ...scripts];
  const fingerprint = fingerprintOf([...makers, ...filesIn("src")]);
  const stamp = join(notes, "built");
  if (existsSync(join(root, "dist", "index.js")) && readOrEmpty(stamp) === fingerprint) return;
  say("building dist/");
  // Built aside and swapped in: no file of a deleted source stays behind, and whoever runs dist/ meanwhile finds it whole.
  const fresh = join(notes, `dist-${process.pid}`);
  const old = join(notes, `dist-${process.pid}-old`);
  mkdirSync(notes, { recursive: true });
  try {
    run(process.execPath, [tsc, "-p", "tsconfig.build.json", "--outDir", fresh]);
    // Only now: a fresh clone has no bundler before `install`.
    const { bundle, pruneDeclarations } = await import("./bundle.mjs");
    const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const { bundlePage } = await import("./page.mjs");
    const { licensesOf } = await import("./licenses.mjs");
    const files = [...(await bundle(root, fresh, manifest)), ...(await bundlePage(root, join(fresh, "page")))];
    writeFileSync(join(fresh, "licenses.txt"), licensesOf(files));
    pruneDeclarations(fresh, manifest);
    copyFileSync(join(root, WEIGHTS), join(fresh, "embedded", "toy.gguf"));
    // The compiler makes no file executable, and npx runs the bins of a clone as they are.
    for (const bin of Object.values(manifest.bin)) chmodSync(join(fresh, relative("dist", bin)), 0o755);
    if (existsSync(join(root, "dist"))) renameSync(join(root, "dist"), old);
    renameSync(fresh, join(root, "dist"));
    writeFileSync(stamp, fingerprint);
  } finally {
    for (const folder of [fresh, old]) rmSync(folder, { recursive: true, force: true });
  }
}

/** Compiles examples/ into .examples/, against the built package. Throws when the compiler fails. */
export function compileExamples() {
  run(process.execPath, [tsc, "-p", "tsconfig.examples.json"]);
}

/** How to start npm with these arguments: the npm that runs us where there is one, without a shell on any system. */
export function npm(...args) {
  const script = process.env.npm_execpath;
  if (script && /^npm-cli\.c?js$/.test(basename(script))) return [process.execPath, [script, ...args]];
  const beside = join(process.execPath, "..", "node_modules", "npm", "bin", "npm-cli.js"); // where Windows has it
  return existsSync(beside) ? [process.execPath, [beside, ...args]] : ["npm", args];
}

/** Runs a command in the project, its output as ours; resolves to its exit code. */
export function exitCodeOf(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
}

/** Does node_modules hold every package of the lock? npm keeps its own record of what it installed; it is compared. */
function isInstalled() {
  const packagesOf = (file) => JSON.parse(readOrEmpty(join(root, file)) || "{}").packages ?? {};
  const there = packagesOf("node_modules/.package-lock.json");
  return Object.entries(packagesOf("package-lock.json")).every(
    ([path, wanted]) => path === "" || wanted.optional || there[path]?.integrity === wanted.integrity,
  );
}

function filesIn(folder) {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length))
    .sort();
}

function fingerprintOf(files) {
  const hash = createHash("sha256");
  for (const file of files)
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update("\0");
  return hash.digest("hex");
}

function readOrEmpty(file) {
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2] });
  if (error) throw error;
  if (status !== 0) throw new Error(`${basename(args[0] ?? command)} failed with exit code ${status}`);
}

function say(line) {
  process.stderr.write(`cloudllm: ${line}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  install();
  await build();
}
