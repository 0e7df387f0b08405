/** The part of README.md that says how fast it is: the table and the sentences with figures, from the facts of a run. */
import { baselineOf, CONTENDERS, OURS, WIRE_NAMES, wireOf } from "./contenders.mjs";
import { ABSOLUTE, COMPARED } from "./metrics.mjs";
import { majorOf } from "./nodes.mjs";
import { CROWD } from "./replies.mjs";
import { digits, medianOf, withVersion } from "./report.mjs";
import { ratioOf } from "./statistics.mjs";

/** Lines between which the part stands. */
const MARKS = ["<!-- figures of bench/results.json, by bench/publish.mjs -->", "<!-- end of the figures -->"];

const BASELINE = baselineOf(OURS);
const HEADS = {
  aloneUs: "CPU a chunk, alone",
  packedUs: "CPU a chunk, 64 together",
  shortUs: "CPU a short request",
  firstTokenMs: "time to first token",
  startMs: "process start to first token",
};

/** The text of README.md with the part in its place. Throws when it has no place for it. */
export function withFigures(readme, facts) {
  const [start, end] = MARKS.map((mark) => readme.indexOf(mark));
  if (start < 0 || end < start) throw new Error(`README.md has no lines ${MARKS.join(" and ")}.`);
  return `${readme.slice(0, start)}${MARKS[0]}\n${readmeSection(facts)}\n${readme.slice(end)}`;
}

/** @param {import("./report.mjs").Facts} facts */
export function readmeSection(facts) {
  const [{ results }] = facts.runs;
  return [introduction(facts), table(facts), `${crowd(results)} ${details(results)}`.trim()].join("\n\n");
}

function introduction({ date, machine, runs: [main, ...others] }) {
  const command = `npm run bench -- --node ${[main, ...others].map(({ node }) => majorOf(node)).join(",")}`;
  const beside = others.map(({ node }) => ` and Node ${majorOf(node)}`).join("");
  return [
    "The table shows multiples of a loop written by hand over `fetch`; less is better.",
    `All values come from one interleaved run of ${date} on Node ${main.node.slice(1)} with ${machine.cores} cores, with the newest versions of that day.`,
    `In the repository, \`${command}\` repeats it, and \`bench/results.md\` has units, spreads${beside}.`,
  ].join(" ");
}

function table({ versions, runs }) {
  const [{ results }] = runs;
  const shown = COMPARED.filter(({ key }) => results[BASELINE]?.[key]);
  const rows = CONTENDERS.filter(({ name }) => wireOf(name) === wireOf(OURS) && results[name])
    .filter(({ name, inReadme = true }) => inReadme && name !== BASELINE && !name.endsWith("-batches"))
    .map(({ name, label, packages }) => ({ label: labelOf(name, label, versions[packages[0]]), name, results }));
  rows.sort((a, b) => rankOf(a) - rankOf(b));
  const others = runs.slice(1).map(({ node, results: values }) => {
    return { label: `**cloudllm** on Node ${majorOf(node)}`, name: OURS, results: values };
  });
  const place = rows.findIndex(({ name }) => name === OURS) + 1;
  rows.splice(place, 0, ...others);
  const cells = rows.map(({ label, name, results: values }) => [
    label,
    ...shown.map(({ key }) => {
      const found = ratioOf(values[name]?.[key], values[BASELINE]?.[key]);
      if (found === undefined) return "–";
      const text = digits(found.ratio);
      return name === OURS && values === results ? `**${text}**` : text;
    }),
  ]);
  const line = (texts) => `| ${texts.join(" | ")} |`;
  return [line(["", ...shown.map(({ key }) => HEADS[key])]), `|---|${"--:|".repeat(shown.length)}`, ...cells.map(line)]
    .join("\n")
    .replace("|  |", "| |");
}

function labelOf(name, label, version) {
  const written = label.replace(/^by hand, (.+)$/, "by hand, `$1`");
  if (name === OURS) return `**${written}**`;
  return withVersion(written, version);
}

/** Loops by hand first, then this library, then the others from the cheapest to the dearest. */
function rankOf({ name, results }) {
  if (name === `${wireOf(OURS)}/http`) return -2;
  if (name === OURS) return -1;
  return medianOf(results, name, "packedUs") ?? Number.POSITIVE_INFINITY;
}

function crowd(results) {
  const delay = (name) => [medianOf(results, name, "p50Ms"), medianOf(results, name, "p99Ms")];
  const [ours, hand] = [OURS, BASELINE].map(delay);
  if (ours[0] === undefined || hand[0] === undefined) return "";
  const times = (delays) => delays.map(duration).join(" and ");
  const peers = CONTENDERS.filter(({ name }) => wireOf(name) === wireOf(OURS) && !name.startsWith(OURS))
    .filter(({ packages, inReadme = true }) => inReadme && packages.length > 0 && !packages[0].startsWith("node:"))
    .filter(({ name }) => results[name]?.p50Ms)
    .map(({ name, label }) => `${label} ${times(delay(name))}`);
  return [
    `With ${CROWD.streams.toLocaleString("en-US")} concurrent replies in one process, a token arrives ${duration(ours[0])} (median) and ${duration(ours[1])} (p99) after it was sent.`,
    `The loop over \`fetch\` takes ${[times(hand), ...peers].join("; ")}.`,
  ].join(" ");
}

function duration(ms) {
  return ms >= 1_000 ? `${digits(ms / 1_000)} s` : `${digits(ms)} ms`;
}

function details(results) {
  const sentences = [];
  const promises = ["", "-batches"].map((suffix) => medianOf(results, `${OURS}${suffix}`, "packedPromises"));
  if (promises[0] !== undefined && promises[1] !== undefined)
    sentences.push(
      `A chunk costs ${digits(promises[0])} promises in \`for await\` and ${digits(promises[1])} in \`batches()\`.`,
    );
  const importMs = medianOf(results, OURS, "importMs");
  if (importMs !== undefined) sentences.push(`Importing the package takes ${importMs.toFixed(0)} ms.`);
  const short = ratioOf(results[OURS]?.shortUs, results[BASELINE]?.shortUs);
  if (short)
    sentences.push(
      `Rounds differ on a shared machine: in this run a short request cost ${digits(short.least)} to ${digits(short.most)}.`,
    );
  const met = targetsOf(results);
  const missed = met.filter((isMet) => !isMet).length;
  sentences.push(
    missed === 0
      ? `All ${met.length} targets were met.`
      : `Of ${met.length} targets ${missed} were missed; the results list them.`,
  );
  return sentences.join(" ");
}

/** Of each target of this library that was measured: did the run meet it? */
function targetsOf(results) {
  const isBelow = (name, key, target) => {
    const found = ratioOf(results[name]?.[key], results[baselineOf(name)]?.[key]);
    return found && found.ratio <= target;
  };
  const costs = COMPARED.map(({ key, target }) => isBelow(OURS, key, target));
  const sizes = Object.entries(ABSOLUTE).map(([key, { target }]) => {
    const value = medianOf(results, OURS, key);
    return value === undefined ? undefined : value <= target;
  });
  const protocols = Object.keys(WIRE_NAMES)
    .filter((wire) => wire !== wireOf(OURS))
    .flatMap((wire) => ["aloneUs", "packedUs"].map((key) => isBelow(`${wire}/cloudllm`, key, 1)));
  return [...costs, ...sizes, ...protocols].filter((isMet) => isMet !== undefined);
}
