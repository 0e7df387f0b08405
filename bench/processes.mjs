/** The processes of a run: one server, and a client for each measurement. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const TIMEOUT_MS = 90_000;

/** What a server in production has: no options of a debugger, no tracing and no proxy, which some clients look for. */
function environment() {
  const unwanted = /^(?:LANGCHAIN|LANGSMITH|OTEL|NODE)_|_PROXY$/i;
  const kept = Object.entries(process.env).filter(([name]) => !unwanted.test(name));
  return { ...Object.fromEntries(kept), NODE_ENV: "production" };
}

/** Starts the mock provider; it ends with this process at the latest. */
export async function startServer() {
  const child = spawn(process.execPath, [pathOf("server.mjs")], { stdio: ["pipe", "pipe", "inherit"] });
  const port = await new Promise((resolve, reject) => {
    child.stdout.setEncoding("utf8").once("data", (text) => resolve(text.trim()));
    child.once("error", reject).once("exit", (code) => reject(new Error(`the server ended with code ${code}`)));
  });
  return { origin: `http://127.0.0.1:${port}`, stop: () => child.stdin.end() };
}

/** What a contender measured in a process of its own on this Node, or `{ error }`. */
export async function measure(program, contender, origin, ...measures) {
  const { output, ...rest } = await run(program, "client.mjs", contender, origin, ...measures);
  return output === undefined ? rest : JSON.parse(output);
}

/** Milliseconds from the start of a process to its first token. */
export async function startToFirstToken(program, contender, origin) {
  const startedAt = performance.timeOrigin + performance.now();
  const { firstAt, error } = await measure(program, contender, origin, "start");
  return error === undefined ? { startMs: firstAt - startedAt } : { error };
}

/** Milliseconds to import these packages in a fresh process. */
export async function importTime(program, packages) {
  const { output, error } = await run(program, "import-time.mjs", ...packages);
  return error === undefined ? { importMs: Number(output) } : { error };
}

/** The last line that a script of this folder prints. */
function run(program, script, ...args) {
  return new Promise((resolve) => {
    const child = spawn(program, [pathOf(script), ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      timeout: TIMEOUT_MS,
      env: environment(),
    });
    let out = "";
    let errors = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      out += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      errors += text;
    });
    child.once("error", ({ message }) => resolve({ error: message }));
    child.once("close", (code, signal) => {
      if (code === 0) resolve({ output: out.trim().split("\n").at(-1) });
      else
        resolve({
          error: signal ? `did not end within ${TIMEOUT_MS / 1000} s` : (errors.trim().split("\n").at(-1) ?? ""),
        });
    });
  });
}

function pathOf(script) {
  return fileURLToPath(new URL(script, import.meta.url));
}
