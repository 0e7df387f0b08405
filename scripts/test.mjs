/**
 * `npm test`: sets up what is missing, then every check there is: types and style, the build, the tests, the package as
 * it would be published. All of them run even when one fails; the last line counts, in plain text, for machines.
 * A failed check besides the tests counts as one failure. `npm test -- stream/sse` runs the tests that match, and only them.
 */
import { readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { build, exitCodeOf, install, npm, root } from "./setup.mjs";

const resultsFile = join(root, "coverage", "results.json");
const filters = process.argv.slice(2);
const only = filters.length > 0;

const steps = [
  { name: "types and style", run: () => exitCodeOf(...npm("run", "--silent", "check")), always: false },
  { name: "build", run: built, always: true },
  { name: "tests", run: tested, always: true },
  { name: "package", run: () => exitCodeOf(...npm("run", "--silent", "check:package")), always: false },
];

const failed = [];
rmSync(resultsFile, { force: true });
install();
for (const { name, run } of steps.filter(({ always }) => always || !only)) {
  const start = performance.now();
  const code = await run();
  console.log(`${code === 0 ? "ok" : "FAILED"}: ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
  if (code !== 0) failed.push(name);
}

const results = readResults();
const counts = counted();
for (const { file, name } of failedTests()) console.log(`FAILED: ${file}: ${name}`);
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
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${resultsFile}`];
  return exitCodeOf(process.execPath, [vitest, "run", ...reporters, ...filters]);
}

/** What the tests wrote about themselves; nothing when they did not come that far. */
function readResults() {
  try {
    return JSON.parse(readFileSync(resultsFile, "utf8"));
  } catch {
    return { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [] };
  }
}

function counted() {
  const { numPassedTests: passed, numFailedTests: failed, numPendingTests, numTodoTests } = results;
  return { passed, failed, skipped: numPendingTests + numTodoTests };
}

/** By name, for whoever sees only the end of the output. A file that did not load has no test to name. */
function failedTests() {
  return results.testResults.flatMap(({ name, status, assertionResults }) => {
    const file = relative(root, name);
    const tests = assertionResults.filter((test) => test.status === "failed").map(({ fullName }) => fullName);
    if (tests.length === 0 && status === "failed") tests.push("the file could not be run");
    return tests.map((test) => ({ file, name: test }));
  });
}
