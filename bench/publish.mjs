/**
 * `node bench/publish.mjs`: what `npm run bench` wrote to `bench/results.json`, into `bench/results.md`, the plot in
 * `docs/bench.svg` and the figures of README.md.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { root } from "../scripts/setup.mjs";
import { plot } from "./plot.mjs";
import { withFigures } from "./readme.mjs";
import { report } from "./report.mjs";

/** Writes the three documents below this folder: the project's, or another for a look at them. */
export function publish(facts, target) {
  const write = (name, text) => {
    const file = join(target, name);
    mkdirSync(join(file, ".."), { recursive: true });
    writeFileSync(file, text);
  };
  write("bench/results.md", report(facts));
  write("docs/bench.svg", plot(facts));
  write("README.md", withFigures(readFileSync(join(root, "README.md"), "utf8"), facts));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const facts = JSON.parse(readFileSync(join(root, "bench", "results.json"), "utf8"));
  const { before } = facts.load;
  if (before > 1) console.warn(`The load was ${before.toFixed(1)} before the run: its figures tell little.`);
  publish(facts, root);
  spawnSync(process.execPath, [join(root, "scripts", "wrap.mjs"), "README.md"], { stdio: "inherit" });
}
