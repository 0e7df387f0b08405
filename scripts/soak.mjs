/**
 * `npm run soak`: 2,000 streams in four wire formats over both transports through a proxy that delays, dribbles, cuts, half-closes,
 * resets and falls silent. Each must be the full text with its bill, or a typed error with a true beginning; then sockets and
 * memory must be back at the start, nothing said on stderr, and the process must end by itself. Two minutes at most.
 * `npm run soak -- --streams 500 --seed 7` runs others; the seed is printed.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build, install } from "./setup.mjs";

const LIMIT_MS = 120_000;
const HEAP_LIMIT = 8e6;

const { values } = parseArgs({ options: { streams: { type: "string" }, seed: { type: "string" } } });
const count = Number(values.streams ?? 2_000);
const seed = Number(values.seed ?? 1);
const AT_ONCE = 48;

install();
await build();
const faults = [];
const path = (name) => fileURLToPath(new URL(`./soak/${name}`, import.meta.url));

const chaos = spawn(process.execPath, [path("chaos.mjs"), String(seed)], { stdio: ["pipe", "pipe", "inherit"] });
const address = JSON.parse(await firstLine(chaos));
const args = [address.port, address.controlPort, count, AT_ONCE, seed].map(String);
const start = performance.now();
const client = spawn(process.execPath, ["--expose-gc", path("client.mjs"), ...args], {
  stdio: ["ignore", "pipe", "pipe"],
});
const limit = setTimeout(() => {
  faults.push(`not over within ${LIMIT_MS / 1_000} s`);
  client.kill("SIGKILL");
}, LIMIT_MS);
let stderr = "";
client.stderr.setEncoding("utf8").on("data", (text) => {
  stderr += text;
});
const closed = new Promise((resolve) => client.on("close", (code, signal) => resolve({ code, signal })));
const line = await Promise.race([firstLine(client), closed.then(() => undefined)]);
const told = performance.now();
const { code, signal } = await closed;
clearTimeout(limit);
chaos.stdin.end();

if (code !== 0) faults.push(`the process ended with ${code ?? signal}`);
if (stderr !== "") faults.push(`stderr: ${stderr}`);
if (line) report(JSON.parse(line));
for (const fault of faults) console.log(`FAILED: ${fault}`);
if (faults.length === 0) console.log("ok");
process.exitCode = faults.length === 0 ? 0 : 1;

function report({ ends, retried, seconds, before, after, socketsBefore, socketsAfter, chaos: proxy }) {
  const total = {};
  for (const [name, kinds] of Object.entries(ends).sort()) {
    console.log(`${name.padEnd(26)} ${textOf(kinds)}`);
    for (const [kind, times] of Object.entries(kinds)) total[kind] = (total[kind] ?? 0) + times;
  }
  const streams = Object.values(total).reduce((sum, times) => sum + times, 0);
  console.log(`${"all".padEnd(26)} ${textOf(total)}`);
  console.log(
    `proxy: ${proxy.connections} connections (${textOf(proxy.fates)}); ${proxy.open} left open by the client`,
  );
  const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
  console.log(
    `${streams} streams, seed ${seed}, ${AT_ONCE} at once, ${seconds.toFixed(1)} s; ${retried} of them whole after an unseen retry; ` +
      `sockets ${socketsBefore} → ${socketsAfter}; heap ${megabytes(before.heapUsed)} → ${megabytes(after.heapUsed)}, ` +
      `resident ${megabytes(before.rss)} → ${megabytes(after.rss)}; ended by itself ${Math.round(told - start) / 1_000} s after its ` +
      `start, ${Math.round(performance.now() - told)} ms after its last word`,
  );
  if (streams !== count) faults.push(`${streams} ends of ${count} streams`);
  if (!total["full text"] || !total.network || !total.truncated) faults.push("no chaos: some end did not occur");
  if (socketsAfter > socketsBefore) faults.push(`${socketsAfter - socketsBefore} sockets are left`);
  if (proxy.open > 0) faults.push(`${proxy.open} connections were never closed`);
  if (after.heapUsed - before.heapUsed > HEAP_LIMIT) faults.push("memory has grown");
  if (performance.now() - told > 5_000) faults.push("the process hung on after its last word");
}

function textOf(counts) {
  return Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([name, times]) => `${name} ${times}`)
    .join(", ");
}

function firstLine({ stdout }) {
  return new Promise((resolve) => {
    let text = "";
    stdout.setEncoding("utf8").on("data", (piece) => {
      text += piece;
      const end = text.indexOf("\n");
      if (end >= 0) resolve(text.slice(0, end));
    });
  });
}
