/**
 * `npm run bench:relay`: this library's relay and those of others in front of one mock provider, all over loopback HTTP, in one
 * interleaved run. Prints tables. Sites whose packages want a later Node are left out.
 *
 * `--node 24`          runs all of it on that Node, which comes from npm where it is missing
 * `--quick`            fewer rounds
 * `--only cost`        `cost` or `audience`
 * `--sites a,b/redis`  some of the keys in `sites.mjs`; the client alone is always there
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { nodesOf } from "../nodes.mjs";
import { installPackage, installPeers, refusalsOf, versionOf } from "../prepare.mjs";
import { startServer } from "../processes.mjs";
import { AUDIENCE } from "../replies.mjs";
import { audience, audienceTable } from "./audience.mjs";
import { cost, costTable } from "./cost.mjs";
import { startRedis } from "./processes.mjs";
import { ALONE, SITES } from "./sites.mjs";

const ROUNDS = { full: { turns: 60, rounds: 5 }, quick: { turns: 30, rounds: 3 } };

const { values: options } = parseArgs({
  options: {
    node: { type: "string" },
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    sites: { type: "string" },
  },
});
const [{ program, version }] = await nodesOf(options.node);
if (version !== process.version) {
  const { status } = spawnSync(program, process.argv.slice(1), { stdio: "inherit" });
  process.exit(status ?? 1);
}
const wanted = options.sites?.split(",");
installPeers();
await installPackage();

const folder = mkdtempSync(join(tmpdir(), "cloudllm-bench-"));
const redis = await startRedis(folder);
const sites = SITES.filter(({ key, log, packages }) => {
  if (log === "redis" && !redis) return false;
  if (refusalsOf(packages, version).length > 0) return false;
  return wanted === undefined || key === ALONE || wanted.includes(key);
});
const versions = Object.fromEntries(
  sites.map(({ key, packages }) => [key, packages.map(versionOf).filter(Boolean).join(" + ")]),
);
const load = loadavg()[0].toFixed(1);
const server = await startServer();
try {
  console.log(
    `Node ${process.version} on ${process.platform} ${process.arch}, ${cpus().length} cores, load ${load} before the run.`,
  );
  const refusals = new Set(SITES.flatMap(({ packages }) => refusalsOf(packages, version)));
  if (refusals.size > 0) console.log(`Left out: ${[...refusals].join("; ")}.`);
  if (!redis) console.log("No redis-server is installed: logs in Redis are left out.");
  const place = { redis: redis?.url ?? "", folder };
  if (options.only !== "audience") {
    const results = await cost(sites, server.origin, place, options.quick ? ROUNDS.quick : ROUNDS.full);
    console.log(`\n${costTable(results, versions)}`);
  }
  if (options.only !== "cost") {
    const results = {};
    for (const site of sites.filter(({ canAttach }) => canAttach)) {
      process.stderr.write(`audience: ${site.key}\n`);
      results[site.key] = await audience(site, server.origin, place);
    }
    console.log(`\n${AUDIENCE.streams - 1} replies, five viewers each, a piece every ${AUDIENCE.everyMs} ms\n`);
    console.log(audienceTable(results, versions));
  }
} finally {
  server.stop();
  redis?.stop();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(); // kept connections hold nobody up
