/**
 * `npm run test:runtimes`: the package as users get it, on every runtime it promises. Packs the tarball, installs it into
 * an empty folder, and there streams from a loopback server on Node (this one, 22, 24), Bun, Deno, in a browser's page and
 * worker, and on an edge runtime; goes through proxies and sockets on Node, Bun and Deno; requires it from CommonJS; runs the command; type-checks a consumer; serves a relay; and
 * runs the contract of a client on the relay client, over direct connections and over those that break.
 * Prints a table, and fails when any row failed. The other runtimes come from npm, once, into `.runtimes/`; Bun, Deno and
 * the edge runtime are skipped where npm has none for the machine, and a browser where it is not installed.
 */
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { argumentsFor, BROWSERS, browserPath, displayPath, startDisplay } from "./runtimes/browsers.mjs";
import { runtimeProgram } from "./runtimes/install.mjs";
import { startProxies } from "./runtimes/proxy.mjs";
import { checkRelay } from "./runtimes/relay-checks.mjs";
import { startServer } from "./runtimes/server.mjs";
import { startStage } from "./runtimes/stage.mjs";
import { build, install, npm, root } from "./setup.mjs";

/** In addition to the documents and the embedded model's weights. Measured: 693, of which the chat page is 42, and Node's own files 138. */
const codeLimitKb = 700;
/** Of the chat page, in the documents. Measured: 264. */
const picturesLimitKb = 300;
/** The documents that the README links to, the changelog and `llms.txt`. Measured: 112. */
const documentsLimitKb = 130;
const timeoutMs = 120_000;
/** `npm run test:runtimes -- bun` makes the checks with this word in their name. */
const [only] = process.argv.slice(2);
const rows = [];

/** A check that could not be made here, and why. */
class Skip extends Error {}

install();
await build();
const folder = mkdtempSync(join(tmpdir(), "cloudllm-runtimes-"));
const server = await startServer(join(folder, "web"));
try {
  if (await row("pack", pack)) await checkInstalled();
} finally {
  server.close();
  rmSync(folder, { recursive: true, force: true });
}

const width = Math.max(...rows.map(({ name }) => name.length));
console.log();
for (const { name, outcome, detail } of rows) console.log(`${outcome.padEnd(7)}  ${name.padEnd(width)}  ${detail}`);
process.exitCode = rows.some(({ outcome }) => outcome === "FAILED") ? 1 : 0;

/** Packs into the empty folder, installs from there, and holds the tarball to its size. */
async function pack() {
  const [command, args] = npm("pack", "--json", "--ignore-scripts", "--pack-destination", folder);
  const listing = JSON.parse(await outputOf(command, args, root));
  const { filename, size, entryCount, files } = Array.isArray(listing) ? listing[0] : Object.values(listing)[0];
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true }));
  const [installer, wanted] = npm("install", "--offline", "--no-audit", "--no-fund", join(folder, filename));
  await outputOf(installer, wanted, folder);
  cpSync(join(root, "scripts", "runtimes", "consumer"), folder, { recursive: true });
  const gzippedKb = (name) => gzipSync(readFileSync(join(root, name))).length / 1000;
  const weightsKb = gzippedKb("dist/embedded/toy.gguf");
  const documents = files.filter(({ path }) => /\.(?:md|txt|svg)$/.test(path));
  const documentsKb = documents.reduce((sum, { path }) => sum + gzippedKb(path), 0);
  const pictures = files.filter(({ path }) => path.endsWith(".png"));
  const picturesKb = pictures.reduce((sum, { path }) => sum + gzippedKb(path), 0);
  const codeKb = size / 1000 - weightsKb - documentsKb - picturesKb;
  const sizes = `${weightsKb.toFixed(0)} kB of weights, ${documentsKb.toFixed(0)} kB of documents, ${picturesKb.toFixed(0)} kB of pictures, ${codeKb.toFixed(0)} kB of code`;
  if (codeKb > codeLimitKb) throw new Error(`the tarball has ${sizes}; the limit for code is ${codeLimitKb} kB`);
  if (documentsKb > documentsLimitKb)
    throw new Error(`the tarball has ${sizes}; the limit for documents is ${documentsLimitKb} kB`);
  if (picturesKb > picturesLimitKb)
    throw new Error(`the tarball has ${sizes}; the limit for pictures is ${picturesLimitKb} kB`);
  return `${entryCount} files: ${sizes}`;
}

async function checkInstalled() {
  const program = [join(folder, "program.mjs"), server.origin];
  await row("node, this one", () => outputOf(process.execPath, program, folder));
  await row("require() on this node", () => outputOf(process.execPath, [join(folder, "program.cjs")], folder));
  await row("npx cloudllm --help", async () => {
    const [command, args] = npm("exec", "--offline", "--no", "--", "cloudllm", "--help");
    const help = await outputOf(command, args, folder);
    if (!/cloudllm/i.test(help)) throw new Error(`unexpected help: ${help.slice(0, 200)}`);
    return `${help.split("\n").length} lines`;
  });
  for (const moduleResolution of ["nodenext", "bundler"]) {
    await row(`types, ${moduleResolution}`, () => typeCheck(moduleResolution));
  }
  for (const version of [22, 24]) {
    await row(`node ${version}`, async () => outputOf(await runtime("node", version), program, folder));
    await row(`require() on node ${version}`, async () =>
      outputOf(await runtime("node", version), [join(folder, "program.cjs")], folder),
    );
  }
  await row("bun", async () => outputOf(await runtime("bun", 1, Skip), ["run", ...program], folder));
  await row("deno", async () => outputOf(await runtime("deno", 2, Skip), ["run", "--allow-all", ...program], folder));
  await row("network, node", async () => networkOn(process.execPath));
  await row("network, bun", async () => networkOn(await runtime("bun", 1, Skip), "run"));
  await row("network, deno", async () => networkOn(await runtime("deno", 2, Skip), "run", "--allow-all"));
  for (const name of BROWSERS) await row(`page, ${name}`, () => inBrowser(name));
  await row("edge (workerd)", onEdge);
  const relay = [join(folder, "relay-server.mjs"), server.origin];
  await row("relay, node:http", () => behindRelay(process.execPath, relay));
  await row("relay, Bun.serve", async () => behindRelay(await runtime("bun", 1, Skip), ["run", ...relay]));
  await row("relay, Deno.serve", async () =>
    behindRelay(await runtime("deno", 2, Skip), ["run", "--allow-all", ...relay]),
  );
  const contract = join(folder, "contract-program.mjs");
  const keeping = (command, ...args) => onStage((stage) => outputOf(command, [...args, contract, stage], folder));
  await row("contract, node 20", async () => keeping(await runtime("node", 20)));
  await row("contract, node 22", async () => keeping(await runtime("node", 22)));
  await row("contract, node 24", async () => keeping(await runtime("node", 24)));
  await row("contract, bun", async () => keeping(await runtime("bun", 1, Skip), "run"));
  await row("contract, deno", async () => keeping(await runtime("deno", 2, Skip), "run", "--allow-all"));
  await row("contract, workerd", () => onStage(contractOnEdge));
  for (const name of BROWSERS) {
    await row(`contract, ${name}`, () => onStage((stage) => contractInBrowser(name, stage)));
  }
  await row("relay, workerd", async () =>
    withEdge("edge", server.origin, (origin) => checkRelay(`${origin}/relay`, server.origin)),
  );
}

/** The options for proxies and sockets, where the variables name a proxy. */
async function networkOn(command, ...args) {
  const socket = join(folder, "server.sock");
  const proxies = await startProxies(server.origin, socket);
  const none = Object.fromEntries(["https", "all", "no"].map((name) => [`${name}_proxy`, ""]));
  const variables = { ...none, http_proxy: proxies.open, HTTP_PROXY: proxies.open, HTTPS_PROXY: "", NO_PROXY: "" };
  try {
    const program = [join(folder, "network-program.mjs"), proxies.open, proxies.closed, socket];
    return await outputOf(command, [...args, ...program], folder, variables);
  } finally {
    proxies.close();
  }
}

/** Puts a relay with a scripted model beside a client, and does with the stage's address what is to be done. */
async function onStage(use) {
  const stage = await startStage();
  try {
    return await use(stage.origin);
  } finally {
    await stage.close();
  }
}

/** Starts a relay as a program, and watches its replies from here. */
async function behindRelay(command, args) {
  const relay = start(command, args, folder);
  try {
    const { port } = JSON.parse(await Promise.race([relay.line, relay.ended]));
    return await Promise.race([checkRelay(`http://127.0.0.1:${port}/chat`, server.origin), relay.ended]);
  } finally {
    relay.stop();
    await relay.ended.catch(() => undefined);
  }
}

/** A page that the installed package is bundled into, in a browser without a window. */
async function inBrowser(name) {
  await bundled(["page", "worker"], "browser");
  return inPage(name, "page.js");
}

async function contractInBrowser(name, stage) {
  await bundled(["contract-page"], "browser", join(folder, "node-in-page.mjs"));
  return inPage(name, "contract-page.js", `?stage=${stage}`);
}

/** Shows a page with this script. Resolves with the outcome that it reports. */
async function inPage(name, script, query = "") {
  const program = browserPath(name);
  if (program === undefined) throw new Skip(`${name} is not installed`);
  if (name === "webkit" && displayPath() === undefined) throw new Skip("Xvfb is not installed");
  writeFileSync(join(folder, "web", "index.html"), `<!doctype html><script type="module" src="${script}"></script>`);
  const display = name === "webkit" ? await startDisplay() : undefined;
  const args = argumentsFor(name, join(folder, `${name}-${script}`), `${server.origin}/${query}`);
  const outcome = server.outcome();
  const browser = start(program, args, folder, display && { DISPLAY: display.name });
  try {
    return passed(await Promise.race([outcome, browser.ended]));
  } finally {
    browser.stop();
    await browser.ended.catch(() => undefined);
    display?.close();
  }
}

/** The package behind a `fetch` handler in the runtime of Cloudflare's workers. */
function onEdge() {
  return withEdge("edge", server.origin, (origin) => resultOf(origin));
}

/** The contract in that runtime, with its modules of Node: the suite asserts by one. */
function contractOnEdge(stage) {
  return withEdge("contract-edge", stage, async (origin) => {
    const direct = await resultOf(`${origin}/direct`);
    return `${direct}; ${await resultOf(`${origin}/breaking`)}`;
  });
}

async function resultOf(address) {
  return passed(await (await fetch(address)).text());
}

/** Starts that runtime with a program that knows an origin, and does with its address what is to be done. */
async function withEdge(program, origin, use) {
  const workerd = await runtime("workerd", 1, Skip);
  await bundled([program], "workerd");
  const config = readFileSync(join(folder, "edge.capnp"), "utf8");
  const flags = program === "contract-edge" ? ', "nodejs_compat"' : "";
  const written = config.replace("{ORIGIN}", origin).replace("{PROGRAM}", program).replace("{FLAGS}", flags);
  writeFileSync(join(folder, "web", "edge.capnp"), written);
  const edge = start(workerd, ["serve", "--control-fd=1", join(folder, "web", "edge.capnp")], folder);
  try {
    const { port } = JSON.parse(await Promise.race([edge.line, edge.ended]));
    return await Promise.race([use(`http://127.0.0.1:${port}`), edge.ended]);
  } finally {
    edge.stop();
    await edge.ended.catch(() => undefined);
  }
}

/**
 * Bundles programs of the consumer's as its own tools would, into the folder that the server shows. `node` replaces the
 * modules of Node; without it they stay imports.
 */
async function bundled(programs, condition, node) {
  const { rolldown } = await import("rolldown");
  const modules = ["assert/strict", "crypto", "http", "timers/promises"];
  const bundle = await rolldown({
    cwd: folder,
    input: programs.map((name) => `./${name}.mjs`),
    platform: "neutral",
    external: [/\.gguf$/, ...(node ? [] : [/^node:/])],
    resolve: {
      conditionNames: [condition, "import", "default"],
      ...(node && { alias: Object.fromEntries(modules.map((name) => [`node:${name}`, node])) }),
    },
  });
  // One program is one file, as the tools of workers make it; several share chunks.
  const files = programs.length === 1 ? { codeSplitting: false } : {};
  await bundle.write({ dir: join(folder, "web"), format: "esm", entryFileNames: "[name].js", ...files });
  await bundle.close();
  cpSync(join(root, "dist", "embedded", "toy.gguf"), join(folder, "web", "toy.gguf"));
}

function passed(outcome) {
  if (!outcome.startsWith("ok")) throw new Error(outcome);
  return outcome;
}

async function typeCheck(moduleResolution) {
  const config = {
    compilerOptions: {
      target: "es2022",
      lib: ["es2022", "esnext.disposable", "dom", "dom.asynciterable"],
      module: moduleResolution === "bundler" ? "esnext" : "nodenext",
      moduleResolution,
      strict: true,
      noEmit: true,
      skipLibCheck: false,
      types: [],
    },
    files: ["consumer.ts"],
  };
  const file = join(folder, `tsconfig.${moduleResolution}.json`);
  writeFileSync(file, JSON.stringify(config));
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  await outputOf(process.execPath, [tsc, "-p", file], folder);
  return "ok";
}

/** The path of a runtime's program, installed when it is not there. Throws `Unavailable` when npm has none. */
async function runtime(name, version, Unavailable = Error) {
  try {
    return await runtimeProgram(name, version);
  } catch (error) {
    throw new Unavailable(error.message);
  }
}

/** Runs one check and notes its outcome; true when it passed. */
async function row(name, check) {
  if (only !== undefined && name !== "pack" && !name.includes(only)) return false;
  try {
    rows.push({ name, outcome: "ok", detail: (await check()).trim() });
    return true;
  } catch (error) {
    const outcome = error instanceof Skip ? "skipped" : "FAILED";
    rows.push({ name, outcome, detail: error.message });
    return false;
  } finally {
    const { outcome, detail } = rows.at(-1);
    console.log(`${outcome}: ${name}: ${detail}`);
  }
}

/** What a command wrote to stdout. Throws with all it wrote when it fails or takes too long. */
function outputOf(command, args, cwd, variables) {
  return start(command, args, cwd, variables).ended;
}

/**
 * Runs a command: its first line, and what it wrote to stdout until its end, which rejects with all it wrote when it
 * fails or takes too long.
 */
function start(command, args, cwd, variables) {
  const env = { ...process.env, NODE_OPTIONS: "", NO_COLOR: "1", ...variables };
  const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], timeout: timeoutMs });
  const line = new Promise((resolve) => {
    child.stdout.once("data", (text) => resolve(text.split("\n")[0]));
  });
  const ended = new Promise((resolve, reject) => {
    let out = "";
    let all = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      out += text;
      all += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      all += text;
    });
    child.once("error", reject);
    child.once("close", (code, signal) => {
      if (code === 0) resolve(out);
      else reject(new Error(`${signal ?? `exit code ${code}`}\n${all.trim()}`));
    });
  });
  return { line, ended, stop: () => child.kill("SIGKILL") };
}
