/**
 * `npm run bench`: this library, loops written by hand and other clients against one mock provider, in one interleaved
 * run. Prints the tables, and writes them to `bench/results.md` and a plot to `docs/bench.svg`.
 *
 * `--quick`              fewer rounds; writes no files
 * `--only cpu,ttft`      some of: cpu, ttft, start, import, crowd, promises, size; writes no files
 * `--contenders a,b`     some of the names in `contenders.mjs`, beside their baselines; writes no files
 * `--package FILE.tgz`   measures this tarball instead of packing the sources
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root } from "../scripts/setup.mjs";
import { bundleSize } from "./bundle.mjs";
import { baselineOf, CONTENDERS, OURS } from "./contenders.mjs";
import { plot } from "./plot.mjs";
import { installPackage, installPeers, versionOf } from "./prepare.mjs";
import { importTime, measure, startServer, startToFirstToken } from "./processes.mjs";
import { piecesOf } from "./replies.mjs";
import { report } from "./report.mjs";
import { median } from "./statistics.mjs";
import { WIRES } from "./wires/index.mjs";

const MEASURES = ["cpu", "ttft", "start", "import", "crowd", "promises", "size"];
const ROUNDS = { full: { flow: 5, start: 7, crowd: 2 }, quick: { flow: 1, start: 3, crowd: 1 } };

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
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
const rounds = options.quick ? ROUNDS.quick : ROUNDS.full;

/** Values of each round, by contender and by what was measured. */
const results = Object.fromEntries(contenders.map(({ name }) => [name, {}]));
/** Why something could not be measured. Who fails once is not asked again. */
const failures = new Map();

installPeers();
const tarballBytes = await installPackage(options.package);
const load = loadavg()[0];
const server = await startServer();
try {
  await measureAll(server.origin);
} finally {
  server.stop();
}

const versions = Object.fromEntries(
  contenders.flatMap(({ packages }) => packages).map((name) => [name, versionOf(name)]),
);
const sizes = piecesOf(1_000).map((text) => Buffer.byteLength(WIRES.chat().text(text)));
const eventBytes = sizes.reduce((sum, size) => sum + size) / sizes.length;
const markdown = report(results, { failures, versions, eventBytes, load });
console.log(markdown);
if (!options.quick && !options.only && !options.contenders) {
  writeFileSync(join(root, "bench", "results.md"), markdown);
  mkdirSync(join(root, "docs"), { recursive: true });
  writeFileSync(join(root, "docs", "bench.svg"), plot(results));
}

async function measureAll(origin) {
  const flow = ["cpu", "ttft"].filter((name) => wanted.includes(name));
  if (flow.length > 0) await interleaved(flow, rounds.flow, ({ name }) => measure(name, origin, ...flow));
  if (wanted.includes("start"))
    await interleaved(["start"], rounds.start, ({ name }) => startToFirstToken(name, origin));
  if (wanted.includes("import")) await measureImports();
  if (wanted.includes("crowd"))
    await interleaved(["crowd"], rounds.crowd, ({ name }) => measure(name, origin, "crowd"));
  if (wanted.includes("promises")) await interleaved(["promises"], 1, ({ name }) => measure(name, origin, "promises"));
  if (wanted.includes("size")) {
    await interleaved(["size"], 1, ({ name }) => bundleSize(name));
    if (results[OURS]) results[OURS].tarballKb = [tarballBytes / 1000];
  }
}

/** One round after the other, in each of them every contender once. */
async function interleaved(what, count, once) {
  const taking = contenders.filter(({ without = [] }) => !what.some((name) => without.includes(name)));
  for (let round = 1; round <= count; round++) {
    process.stderr.write(`${what.join(", ")}, round ${round} of ${count}:`);
    for (const contender of taking) {
      const failure = `${contender.label}, ${what.join(", ")}`;
      if (failures.has(failure)) continue;
      process.stderr.write(` ${contender.name}`);
      const { error, ...measured } = await once(contender);
      if (error !== undefined) {
        failures.set(failure, error);
        process.stderr.write(" (failed)");
      }
      for (const [key, value] of Object.entries(measured)) {
        results[contender.name][key] ??= [];
        results[contender.name][key].push(value);
      }
    }
    process.stderr.write("\n");
  }
}

/** What each contender's packages take to import, less what it takes to import nothing, as the baseline does. */
async function measureImports() {
  await interleaved(["import"], rounds.start, ({ packages }) => importTime(packages));
  const baseline = baselineOf(OURS);
  const nothing = median(results[baseline].importMs);
  for (const values of Object.values(results))
    values.importMs = values.importMs?.map((ms) => Math.max(0, ms - nothing));
  delete results[baseline].importMs;
}

function chosen(list, known, what) {
  if (list === undefined) return known;
  const words = list.split(",").map((word) => word.trim());
  const unknown = words.filter((word) => !known.includes(word));
  if (unknown.length === 0) return words;
  console.error(`Unknown ${what} ${unknown.join(", ")}. Valid values: ${known.join(", ")}.`);
  process.exit(2);
}
