/** The results as Markdown. */
import { baselineOf, CONTENDERS, OURS, WIRE_NAMES, wireOf } from "./contenders.mjs";
import { ABSOLUTE, COMPARED } from "./metrics.mjs";
import { CROWD, PLANS } from "./replies.mjs";
import { median, ratioOf } from "./statistics.mjs";

/**
 * @typedef {{
 *   date: string, machine: { platform: string, arch: string, cores: number }, load: { before: number, after: number },
 *   eventBytes: number, versions: Record<string, string>, runs: Run[],
 * }} Facts of a run; `runs` has one entry for each Node, the main one first
 * @typedef {{
 *   node: string, leftOut: string[], failures: Record<string, string>, results: Record<string, Record<string, number[]>>,
 * }} Run `results` has the values of each round, by contender and key
 */

/** @param {Facts} facts */
export function report(facts) {
  const sections = [
    "# Benchmark",
    introduction(facts),
    versionTable(facts),
    explanations(facts.runs[0].results),
    ...facts.runs.flatMap((run) => [`## Node ${run.node}`, ...runSections(run, facts.versions)]),
  ];
  return `${sections.filter(Boolean).join("\n\n")}\n`;
}

/** What one Node gave. */
function runSections({ results, leftOut, failures }, versions) {
  const taking = CONTENDERS.filter(({ name }) => results[name]);
  const wires = Object.keys(WIRE_NAMES).map((wire) => taking.filter(({ name }) => wireOf(name) === wire));
  return [
    leftOut.length > 0 && `Left out, because they want a later Node: ${leftOut.join("; ")}.`,
    targets(results),
    protocolTargets(results),
    ...wires.map((contenders) => comparison(results, contenders, versions)),
    ...wires.map((contenders) => values(results, contenders)),
    crowd(results, taking),
    failed(failures),
  ];
}

function introduction({ date, machine, load, eventBytes, runs }) {
  const nodes = runs.map(({ node }) => node).join(" and ");
  const { platform, arch, cores } = machine;
  return `\`npm run bench\`, ${date}: Node ${nodes} on ${platform} ${arch}, ${cores} cores (load ${load.before.toFixed(1)} before the run, \
${load.after.toFixed(1)} after it). A mock provider in its own process sends OpenAI Chat events of ${eventBytes} bytes over loopback; every client sends \
the same question, gets the same bytes, and must make the same text and token count of them. Each round starts a fresh process for each client, warms it \
up (cost is of code that V8 has compiled, as in a server that runs for long) and measures; rounds are interleaved, also across Nodes (A B C … A B C …). \
Peers are in the versions below, with the settings that their documentation names as cheapest.`;
}

function versionTable({ versions }) {
  const rows = Object.entries(versions).filter(([, version]) => version !== undefined && version !== null);
  return section("Versions", undefined, [["package", "version"], ...rows], "##");
}

/** What was promised, and whether it is kept. */
function targets(results) {
  const rows = COMPARED.map(({ key, title, target }) => {
    const [ours, batches] = [OURS, `${OURS}-batches`].map((name) =>
      ratioOf(results[name]?.[key], results[baselineOf(OURS)]?.[key]),
    );
    return (
      ours && [title, `≤ ${target} ×`, `${spread(ours)}`, verdict(ours.ratio, target), batches ? spread(batches) : "–"]
    );
  });
  for (const [key, { title, unit, target }] of Object.entries(ABSOLUTE)) {
    const value = medianOf(results, OURS, key);
    rows.push(
      value !== undefined && [title, `≤ ${target} ${unit}`, `${digits(value)} ${unit}`, verdict(value, target), ""],
    );
  }
  if (!rows.some(Boolean)) return "";
  return section(
    "Targets",
    "Ratios are to the loop written by hand over `fetch`; smallest and largest ratio of a round in brackets.",
    [["", "target", OURS, "", "with `batches()`"], ...rows.filter(Boolean)],
  );
}

/** In every other format a chunk must cost less than by hand. */
function protocolTargets(results) {
  const rows = Object.entries(WIRE_NAMES)
    .filter(([wire]) => wire !== wireOf(OURS))
    .map(([wire, title]) => {
      const ratios = ["aloneUs", "packedUs"].map((key) =>
        ratioOf(results[`${wire}/cloudllm`]?.[key], results[`${wire}/fetch`]?.[key]),
      );
      return ratios.every(Boolean) && [title, ...ratios.flatMap((ratio) => [spread(ratio), verdict(ratio.ratio, 1)])];
    })
    .filter(Boolean);
  if (rows.length === 0) return "";
  return section("Targets of the other protocols", "CPU per chunk below the loop written by hand over `fetch`.", [
    ["", "1 event per packet", "", "64 events per packet", ""],
    ...rows,
  ]);
}

function explanations(results) {
  const shown = COMPARED.filter(({ key }) => results[baselineOf(OURS)]?.[key]);
  if (shown.length === 0) return "";
  const text =
    "Ratios are multiples of the loop written by hand over `fetch`: ratio of the medians, smallest and largest ratio of a round in brackets. Less is better.";
  return `## What is compared\n\n${text}\n\n${shown.map(({ title, explanation }) => `- *${title}*: ${explanation}`).join("\n")}`;
}

/** All clients of one wire format as multiples of the baseline. */
function comparison(results, taking, versions) {
  const [first] = taking;
  const baseline = first && baselineOf(first.name);
  const shown = COMPARED.filter(({ key }) => results[baseline]?.[key]);
  if (shown.length === 0) return "";
  const rows = taking.map(({ name, label, packages }) => {
    const version = versions[packages[0]];
    const ratios = shown.map(({ key }) => ratioOf(results[name][key], results[baseline][key]));
    return [withVersion(label, version), ...ratios.map((ratio) => (ratio ? spread(ratio) : "–"))];
  });
  return section(`Compared: ${WIRE_NAMES[wireOf(baseline)]}`, undefined, [
    ["", ...shown.map(({ short }) => short)],
    ...rows,
  ]);
}

/** `AI SDK, low memory` → `AI SDK 7.0.1, low memory`. */
export function withVersion(label, version) {
  return version === undefined || version === null ? label : label.replace(/^[^,]*/, (name) => `${name} ${version}`);
}

/** The numbers themselves. */
function values(results, taking) {
  const columns = [
    ...COMPARED.map(({ key, short, unit }) => ({ key, head: `${short}, ${unit}` })),
    { key: "importMs", head: "import, ms" },
    { key: "alonePromises", head: "promises/chunk, 1 per packet" },
    { key: "packedPromises", head: "promises/chunk, 64 per packet" },
    { key: "bundleKb", head: "browser bundle, kB" },
    { key: "apart", head: "read alone, %" },
  ].filter(({ key }) => taking.some(({ name }) => results[name][key]));
  const [first] = taking;
  if (!first || columns.length === 0) return "";
  const rows = taking.map(({ name, label }) => [
    label,
    ...columns.map(({ key }) => {
      const value = medianOf(results, name, key);
      return value === undefined ? "–" : digits(key === "apart" ? value * 100 : value);
    }),
  ]);
  const title = `Measured: ${WIRE_NAMES[wireOf(first.name)]}`;
  const table = [["", ...columns.map(({ head }) => head)], ...rows];
  if (wireOf(first.name) !== wireOf(OURS)) return section(title, "Medians.", table);
  const text = `Medians. *Import*: in a fresh process, less what importing nothing takes. *Browser bundle*: the client's program of this benchmark, \
minified and gzipped, all that it may load in one file. *Read alone*: how many of the ${PLANS.alone.pieces} chunks sent apart came in a turn of the event loop of their own.`;
  return section(`Measured: ${WIRE_NAMES[wireOf(first.name)]}`, text, [
    ["", ...columns.map(({ head }) => head)],
    ...rows,
  ]);
}

/** Many replies in one process. */
function crowd(results, taking) {
  const rows = taking
    .filter(({ name }) => results[name].p50Ms)
    .map(({ name, label }) => [
      label,
      ...["p50Ms", "p99Ms", "kibEach", "cpuSeconds"].map((key) => digits(medianOf(results, name, key))),
    ]);
  if (rows.length === 0) return "";
  const { streams, pieces, everyMs } = CROWD;
  const text = `${streams} replies at once in one process, each ${pieces} chunks, one every ${everyMs} ms (${streams * (1000 / everyMs)} chunks a second; a client that needs more \
CPU than there is falls behind, and its delay then grows with the length of the run). *Delay*: from the server's send to the text in the \
program. *Memory*: growth of the process's resident memory, at its highest, for each reply.`;
  return section("A thousand replies at once", text, [
    ["", "delay p50, ms", "delay p99, ms", "memory per reply, KiB", "CPU for all, s"],
    ...rows,
  ]);
}

function failed(failures) {
  const entries = Object.entries(failures);
  if (entries.length === 0) return "";
  return `### Not timed\n\n${entries.map(([what, why]) => `- ${what}: ${why}`).join("\n")}`;
}

function section(title, text, [head, ...rows], mark = "###") {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  const rule = `|---|${head
    .slice(1)
    .map(() => "--:|")
    .join("")}`;
  return [`${mark} ${title}`, text, [line(head), rule, ...rows.map(line)].join("\n")].filter(Boolean).join("\n\n");
}

export function medianOf(results, name, key) {
  const all = results[name]?.[key];
  return all?.length ? median(all) : undefined;
}

function spread({ ratio, least, most }) {
  return `${digits(ratio)} (${digits(least)}–${digits(most)})`;
}

/** Three digits, as many as mean something. */
export function digits(value) {
  if (value >= 100) return value.toFixed(0);
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}

function verdict(value, target) {
  return value <= target ? "pass" : "**missed**";
}
