/**
 * `npm run bench`: this library, loops written by hand and other clients against one mock provider, in one interleaved
 * run. Prints the tables, and writes every value to `bench/results.json`; `node bench/publish.mjs` makes the documents of it.
 *
 * `--node 24,20`         the Nodes to compare on, the main one first; missing ones come from npm. Default: the running one
 * `--rounds 3`           rounds of `cpu` and `ttft`. Default: 5
 * `--quick`              fewer rounds; writes no files
 * `--check`              everything once and as short as it can be: does all of it run? Its figures mean nothing; writes
 *                        its documents to the folder for temporary files
 * `--only cpu,ttft`      some of: cpu, ttft, start, import, crowd, promises, size; writes no files
 * `--contenders a,b`     some of the names in `contenders.mjs`, beside their baselines; writes no files
 * `--package FILE.tgz`   measures this tarball instead of packing the sources
 */
import { writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root } from "../scripts/setup.mjs";
import { bundleSize } from "./bundle.mjs";
import { baselineOf, CONTENDERS, OURS } from "./contenders.mjs";
import { QUICK_ROUNDS, ROUNDS } from "./durations.mjs";
import { nodesOf } from "./nodes.mjs";
import { installPackage, installPeers, refusalsOf, versionOf } from "./prepare.mjs";
import { importTime, measure, startServer, startToFirstToken } from "./processes.mjs";
import { publish } from "./publish.mjs";
import { piecesOf } from "./replies.mjs";
import { report } from "./report.mjs";
import { median } from "./statistics.mjs";
import { WIRES } from "./wires/index.mjs";

const MEASURES = ["cpu", "ttft", "start", "import", "crowd", "promises", "size"];

const { values: options } = parseArgs({
  options: {
    node: { type: "string" },
    rounds: { type: "string" },
    quick: { type: "boolean", default: false },
    check: { type: "boolean", default: false },
    only: { type: "string" },
    contenders: { type: "string" },
    package: { type: "string" },
  },
});
const wanted = chosen(options.only, MEASURES, "measure");
const names = chosen(
  options.contenders,
  CONTENDERS.map(({ name }) => name),
  "contender",
);
const contenders = CONTENDERS.filter(
  ({ name }) => names.includes(name) || names.some((other) => baselineOf(other) === name),
);
const rounds = options.quick ? QUICK_ROUNDS : { ...ROUNDS, flow: countOf(options.rounds ?? String(ROUNDS.flow)) };

const nodes = await nodesOf(options.node);
installPeers();
const tarballBytes = await installPackage(options.package);

/**
 * What is measured on each Node. `results` has the values of each round, by contender and by what was measured; `leftOut` says
 * who wants a later Node; `failures` says why something could not be measured. Who fails once is not asked again.
 */
const runs = nodes.map(({ program, version }) => {
  const refusals = contenders.map(({ packages }) => refusalsOf(packages, version));
  const taking = contenders.filter((_, index) => refusals[index].length === 0);
  const results = Object.fromEntries(taking.map(({ name }) => [name, {}]));
  return { program, version, taking, results, leftOut: [...new Set(refusals.flat())], failures: new Map() };
});

const loadBefore = loadavg()[0];
const server = await startServer();
try {
  await measureAll(server.origin);
} finally {
  server.stop();
}

const sizes = piecesOf(1_000).map((text) => Buffer.byteLength(WIRES.chat().text(text)));
const facts = {
  date: new Date().toISOString().slice(0, 10),
  machine: { platform: process.platform, arch: process.arch, cores: cpus().length },
  load: { before: loadBefore, after: loadavg()[0] },
  eventBytes: Math.round(sizes.reduce((sum, size) => sum + size) / sizes.length),
  versions: Object.fromEntries(contenders.flatMap(({ packages }) => packages).map((name) => [name, versionOf(name)])),
  runs: runs.map(({ version, results, leftOut, failures }) => ({
    node: version,
    leftOut,
    failures: Object.fromEntries(failures),
    results,
  })),
};
console.log(report(facts));
if (options.check) {
  const folder = join(tmpdir(), "cloudllm-bench-check");
  publish(facts, folder);
  process.stderr.write(`What would be published is in ${folder}.\n`);
}
if (!options.quick && !options.check && !options.only && !options.contenders) {
  const short = (_, value) => (typeof value === "number" ? Number(value.toPrecision(6)) : value);
  writeFileSync(join(root, "bench", "results.json"), `${JSON.stringify(facts, short)}\n`);
  process.stderr.write("bench/results.json is written. `node bench/publish.mjs` puts it into the documents.\n");
}

async function measureAll(origin) {
  const flow = ["cpu", "ttft"].filter((name) => wanted.includes(name));
  if (flow.length > 0)
    await interleaved(flow, rounds.flow, ({ name }, { program }) => measure(program, name, origin, ...flow));
  if (wanted.includes("start"))
    await interleaved(["start"], rounds.start, ({ name }, { program }) => startToFirstToken(program, name, origin));
  if (wanted.includes("import")) await measureImports();
  for (const [name, count] of [
    ["crowd", rounds.crowd],
    ["promises", 1],
  ]) {
    if (wanted.includes(name))
      await interleaved([name], count, (contender, { program }) => measure(program, contender.name, origin, name));
  }
  if (wanted.includes("size")) {
    // The same on every Node.
    await interleaved(["size"], 1, ({ name }) => bundleSize(name), runs.slice(0, 1));
    const ours = runs[0].results[OURS];
    if (ours) ours.tarballKb = [tarballBytes / 1000];
  }
}

/** One round after the other, in each of them every contender once on every Node. */
async function interleaved(what, count, once, among = runs) {
  const isTaking = ({ without = [] }) => !what.some((name) => without.includes(name));
  for (let round = 1; round <= count; round++) {
    process.stderr.write(`${what.join(", ")}, round ${round} of ${count}:`);
    for (const contender of contenders.filter(isTaking)) {
      for (const run of among) {
        if (!run.taking.includes(contender)) continue;
        const failure = `${contender.label} (${contender.name}), ${what.join(", ")}`;
        if (run.failures.has(failure)) continue;
        process.stderr.write(` ${contender.name}${among.length > 1 ? `@${run.version}` : ""}`);
        const { error, ...measured } = await once(contender, run);
        if (error !== undefined) {
          run.failures.set(failure, error);
          process.stderr.write(" (failed)");
        }
        for (const [key, value] of Object.entries(measured)) {
          const values = run.results[contender.name];
          values[key] ??= [];
          values[key].push(value);
        }
      }
    }
    process.stderr.write("\n");
  }
}

/** What each contender's packages take to import, less what it takes to import nothing, as the baseline does. */
async function measureImports() {
  await interleaved(["import"], rounds.start, ({ packages, imports = packages }, { program }) =>
    importTime(program, imports),
  );
  const baseline = baselineOf(OURS);
  for (const { results } of runs) {
    const nothing = median(results[baseline].importMs);
    for (const values of Object.values(results))
      values.importMs = values.importMs?.map((ms) => Math.max(0, ms - nothing));
    delete results[baseline].importMs;
  }
}

function countOf(text) {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  console.error(`--rounds is a whole number of at least 1. Received: ${text}`);
  process.exit(2);
}

function chosen(list, known, what) {
  if (list === undefined) return known;
  const words = list.split(",").map((word) => word.trim());
  const unknown = words.filter((word) => !known.includes(word));
  if (unknown.length === 0) return words;
  console.error(`Unknown ${what} ${unknown.join(", ")}. Valid values: ${known.join(", ")}.`);
  process.exit(2);
}
