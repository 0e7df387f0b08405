/** The ways to the network on Node, Bun and Deno: what docs/network.md says of each. The variables name the proxy. */
import { CompatibleClient, SendError } from "cloudllm";
import { readAll } from "./checks.mjs";

const [open, closed, socket] = globalThis.Deno?.args ?? process.argv.slice(2);
const runtime = globalThis.Bun ? "bun" : globalThis.Deno ? "deno" : "node";
const THERE = "Hello, wörld 🌍! (1)";
const HIDDEN = "http://provider.test/whole/v1";
const password = encodeURIComponent("p@ss word");

/** What comes of a call: the text, or the kind of the error, with the status. */
async function outcomeOf(options) {
  try {
    const client = new CompatibleClient({ baseUrl: HIDDEN, model: "test", retries: 0, ...options });
    return await readAll(await client.sendMessageStream([{ role: "user", content: "hi" }]));
  } catch (error) {
    if (!(error instanceof SendError)) throw error;
    const shown = `${error.message} ${JSON.stringify(error)}`;
    if (shown.includes("p@ss") || shown.includes(password)) throw new Error(`the password is shown: ${shown}`);
    return error.status === undefined ? error.kind : `${error.kind} ${error.status}`;
  }
}

const NO = "unsupported";
/** Has what a client looks for. */
const agent = { addRequest: () => undefined };
const CASES = [
  // [name, options, Node, Bun, Deno]
  ["without an option", {}, "network", THERE, THERE],
  ["proxy: true", { proxy: true }, THERE, THERE, THERE],
  ["proxy: a URL", { proxy: open }, THERE, THERE, THERE],
  ["proxy: false", { proxy: false }, "network", NO, NO],
  ["a proxy that is not there", { proxy: "http://127.0.0.1:9" }, "network", "network", "network"],
  ["a password", { proxy: `http://name:${password}@${closed}` }, THERE, THERE, NO],
  ["a wrong password", { proxy: `http://name:wrong@${closed}` }, "permission 407", "permission 407", NO],
  ["no password", { proxy: `http://${closed}` }, "permission 407", "permission 407", "permission 407"],
  ["agent", { agent }, undefined, NO, NO],
  ["unix:", { baseUrl: `unix:${socket}:/whole/v1` }, THERE, THERE, NO],
];

let checked = 0;
for (const [name, options, ...dues] of CASES) {
  const due = dues[["node", "bun", "deno"].indexOf(runtime)];
  if (due === undefined) continue;
  const outcome = await outcomeOf(options);
  if (outcome !== due) throw new Error(`${name}: ${outcome} in place of ${due}`);
  checked += 1;
}
console.log(`ok ${checked} ways`);
process.exit(); // a connection that is kept alive would keep the process
