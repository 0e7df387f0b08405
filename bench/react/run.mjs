/**
 * `npm run bench:react`: `useChat` of this library and of the AI SDK in Chromium, on the same replies. Prints a table of
 * medians. The AI SDK and React are those of `test/interop`; the library is that of `dist/`.
 *
 * `--rounds 5`  default 3
 * `CHROMIUM`    the browser's program; default /usr/bin/chromium
 */
import { readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { chromium } from "playwright-core";
import { rolldown } from "rolldown";
import { root } from "../../scripts/setup.mjs";
import { median } from "../statistics.mjs";
import { startServer } from "./server.mjs";

const WORDS = 2_000;
const REPLAYED = 3_000;
const LIMIT_MS = 10_000;

const CONTENDERS = [
  { name: "`useChat` of `cloudllm/react`", program: "cloudllm", query: "" },
  { name: "`useChat` of the AI SDK", program: "ai-sdk", query: "" },
  { name: "the same, `throttle: 50`", program: "ai-sdk", query: "throttle=50" },
];

/** Other hooks for the chats of this library, of which only the transition is measured. */
const HOOKS = [
  { name: "`useSyncExternalStore`", program: "cloudllm", query: "hook=external" },
  { name: "`useDeferredValue` of `useSyncExternalStore`", program: "cloudllm", query: "hook=deferred" },
];

const { values: options } = parseArgs({ options: { rounds: { type: "string", default: "3" } } });
const interop = join(root, "test", "interop", "node_modules");
const versionOf = (name) => JSON.parse(readFileSync(join(interop, name, "package.json"), "utf8")).version;

/** Returns a program as a bundler makes it for production. */
async function bundled(program, input = "page", external = []) {
  const build = await rolldown({
    input: join(import.meta.dirname, `${input}.mjs`),
    external,
    platform: "browser",
    checks: { moduleLevelDirective: false },
    transform: { define: { "process.env.NODE_ENV": '"production"' } },
    resolve: {
      alias: {
        contender: join(import.meta.dirname, `${program}.mjs`),
        "cloudllm/web": join(root, "dist", "web", "index.js"),
        "cloudllm/react": join(root, "dist", "react", "index.js"),
        "react-dom": join(interop, "react-dom"),
        react: join(interop, "react"),
        "@ai-sdk/react": join(interop, "@ai-sdk", "react"),
        ai: join(interop, "ai"),
      },
    },
  });
  const { output } = await build.generate({ format: "esm", minify: true, codeSplitting: false });
  await build.close();
  return output[0].code;
}

const programs = {};
const weights = {};
for (const program of new Set(CONTENDERS.map((contender) => contender.program))) {
  programs[program] = await bundled(program);
  weights[program] = gzipSync(await bundled(program, program, ["react", "react/jsx-runtime"])).length / 1_000;
}

const server = await startServer((request, response) => {
  const { pathname } = new URL(request.url, "http://bench");
  const program =
    programs[
      pathname
        .slice(1)
        .replace(/\.js$/, "")
        .replace(/^page-/, "")
    ];
  if (program === undefined) return response.writeHead(404).end();
  const isScript = pathname.endsWith(".js");
  response.writeHead(200, { "content-type": isScript ? "text/javascript" : "text/html" });
  const name = pathname.slice(1).replace("page-", "");
  response.end(
    isScript ? program : `<!doctype html><div id="root"></div><script type="module" src="/${name}.js"></script>`,
  );
});

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});

/** Opens a page of its own, and returns what `measured` returns, with the processor time of the page's thread in seconds. */
async function onPage({ program, query }, more, measured) {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    const devtools = await context.newCDPSession(page);
    await devtools.send("Performance.enable", { timeDomain: "threadTicks" });
    const busy = async () => {
      const { metrics } = await devtools.send("Performance.getMetrics");
      return metrics.find(({ name }) => name === "TaskDuration").value;
    };
    await page.goto(`${server.origin}/page-${program}?${query}${more}`);
    const before = await busy();
    const result = await page.evaluate(measured, [WORDS, REPLAYED, LIMIT_MS]);
    return { ...result, cpu: (await busy()) - before };
  } finally {
    await context.close();
  }
}

const results = CONTENDERS.map(() => ({
  renders: [],
  changed: [],
  cpu: [],
  replays: [],
  replayMs: [],
  transitions: [],
}));
const hookTransitions = HOOKS.map(() => []);
const load = loadavg()[0].toFixed(1);
for (let round = 0; round < Number(options.rounds); round++) {
  for (const [index, contender] of CONTENDERS.entries()) {
    process.stderr.write(`round ${round + 1}: ${contender.program} ${contender.query}\n`);
    const result = results[index];
    const reply = await onPage(contender, "", ([words]) => globalThis.measure.reply(words));
    result.renders.push(reply.renders / reply.seconds);
    result.changed.push(reply.changed);
    result.cpu.push(reply.cpu);
    const replay = await onPage(contender, "&replay", ([, replayed]) => globalThis.measure.replay(replayed));
    result.replays.push(replay.renders);
    result.replayMs.push(replay.ms);
    const transition = await onPage(contender, "", ([, , limitMs]) => globalThis.measure.transition(limitMs));
    result.transitions.push(transition.ms);
  }
  for (const [index, hook] of HOOKS.entries()) {
    const transition = await onPage(hook, "", ([, , limitMs]) => globalThis.measure.transition(limitMs));
    hookTransitions[index].push(transition.ms);
  }
}
await browser.close();
server.stop();

const packages = ["@ai-sdk/react", "ai", "react"].map((name) => `${name} ${versionOf(name)}`).join(", ");
console.log(`${packages}, Chromium ${browser.version()}, load ${load} before the run, ${options.rounds} rounds\n`);
const round = (value, digits = 0) => value.toFixed(digits);
const transitionOf = (values) =>
  median(values) >= LIMIT_MS ? `none ended in ${LIMIT_MS / 1_000} s` : `${round(median(values))} ms`;
const rows = [
  ["renders a second, at 200 tokens a second", ({ renders }) => round(median(renders))],
  ["older messages that became other objects", ({ changed }) => round(median(changed))],
  [`processor time of the page for ${WORDS} tokens`, ({ cpu }) => `${round(median(cpu), 2)} s`],
  [`renders for a replay of ${REPLAYED} tokens`, ({ replays }) => round(median(replays))],
  ["that replay, from the load of the page", ({ replayMs }) => `${round(median(replayMs))} ms`],
  ["a transition with 200 ms of work, while tokens arrive", ({ transitions }) => transitionOf(transitions)],
];
console.log(`| | ${CONTENDERS.map(({ name }) => name).join(" | ")} |`);
console.log(`|---|${CONTENDERS.map(() => "---").join("|")}|`);
for (const [what, shownOf] of rows) console.log(`| ${what} | ${results.map(shownOf).join(" | ")} |`);
console.log(
  `| program without React, minified and gzipped | ${CONTENDERS.map(({ program }) => `${round(weights[program], 1)} kB`).join(" | ")} |`,
);
console.log("\nThe same transition with another hook for the chats of this library:");
for (const [index, { name }] of HOOKS.entries()) console.log(`- ${name}: ${transitionOf(hookTransitions[index])}`);
