/**
 * `npm test`: sets up what is missing, then every check there is: types and style, the build, the tests, the package as
 * it would be published. All of them run even when one fails; the last line counts, in plain text, for machines.
 * A failed check besides the tests counts as one failure. `npm test -- stream/sse` runs the tests that match, and only them.
 */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build, exitCodeOf, install, npm, root } from "./setup.mjs";

const results = join(root, "coverage", "results.json");
const filters = process.argv.slice(2);
const only = filters.length > 0;

const steps = [
  { name: "types and style", run: () => exitCodeOf(...npm("run", "--silent", "check")), always: false },
  { name: "build", run: built, always: true },
  { name: "tests", run: tested, always: true },
  { name: "package", run: () => exitCodeOf(...npm("run", "--silent", "check:package")), always: false },
];

const failed = [];
rmSync(results, { force: true });
install();
for (const { name, run } of steps.filter(({ always }) => always || !only)) {
  const start = performance.now();
  const code = await run();
  console.log(`${code === 0 ? "ok" : "FAILED"}: ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
  if (code !== 0) failed.push(name);
}

const counts = counted();
if (failed.includes("tests") && counts.failed === 0) counts.failed = 1; // a file that did not load, an unhandled rejection
counts.failed += failed.filter((name) => name !== "tests").length;
if (failed.length > 0) console.log(`failed: ${failed.join(", ")}`);
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = counts.failed > 0 ? 1 : 0;

async function built() {
  try {
    await build();
    return 0;
  } catch (error) {
    console.log(String(error));
    return 1;
  }
}

function tested() {
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${results}`];
  return exitCodeOf(process.execPath, [vitest, "run", ...reporters, ...filters]);
}

function counted() {
  try {
    const result = JSON.parse(readFileSync(results, "utf8"));
    const skipped = result.numPendingTests + result.numTodoTests;
    return { passed: result.numPassedTests, failed: result.numFailedTests, skipped };
  } catch {
    return { passed: 0, failed: 0, skipped: 0 };
  }
}
