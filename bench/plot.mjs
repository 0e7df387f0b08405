/** The comparison as an SVG picture: a panel for each number, a bar for each client. */
import { baselineOf, CONTENDERS, OURS, WIRE_NAMES, wireOf } from "./contenders.mjs";
import { COMPARED } from "./metrics.mjs";
import { CROWD } from "./replies.mjs";
import { ratioOf } from "./statistics.mjs";

// Readable on white and on GitHub's dark pages alike: an image does not know the theme of the page around it.
const TEXT = "#7a828c";
const GRID = "#8b949e";
const WHISKER = "#4d555e";
const COLOURS = { ours: "#2f81f7", hand: "#8b949e", peer: "#d4884a" };

const PANEL = { columns: 2, width: 450, gap: 20, labels: 132, values: 44, bar: 13, row: 19, head: 40, foot: 40 };
const LEGEND = 64;

const MAIN = wireOf(OURS);
const PLOTTED = [
  ...[...COMPARED, { key: "kibEach", title: `Memory per reply, ${CROWD.streams} at once` }].map((metric) => ({
    ...metric,
    wire: MAIN,
  })),
  ...Object.entries(WIRE_NAMES)
    .filter(([wire]) => wire !== MAIN)
    .flatMap(([wire, name]) =>
      [
        ["aloneUs", "1 event per packet"],
        ["packedUs", "64 events per packet"],
      ].map(([key, packets]) => ({ key, wire, title: `${name}: CPU per chunk, ${packets}` })),
    ),
];

/** @param {import("./report.mjs").Facts} facts of a run, whose main Node is shown */
export function plot({ date, runs: [{ node, results }] }) {
  const panels = PLOTTED.map((metric) => ({ metric, bars: barsOf(results, metric) })).filter(
    ({ bars }) => bars.length > 1,
  );
  const ratios = panels.flatMap(({ bars }) => bars.flatMap(({ least, most }) => [least, most]));
  const scale = scaleOf(Math.min(...ratios), Math.max(...ratios));
  let bottom = LEGEND;
  const drawn = [];
  for (let at = 0; at < panels.length; at += PANEL.columns) {
    const row = panels.slice(at, at + PANEL.columns);
    for (const [column, panel] of row.entries()) {
      const x = column * (PANEL.width + PANEL.gap);
      drawn.push(`<g transform="translate(${x} ${bottom})">${panelOf(panel, scale)}</g>`);
    }
    bottom += PANEL.head + Math.max(...row.map(({ bars }) => bars.length)) * PANEL.row + PANEL.foot;
  }
  const width = PANEL.columns * PANEL.width + PANEL.gap;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${bottom}" width="${width}" height="${bottom}" role="img" \
font-family="ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="12" fill="${TEXT}">
<title>What clients cost, as multiples of a loop written by hand over fetch</title>
${legend(`${date}, Node ${node.slice(1)}`)}
${drawn.join("\n")}
</svg>
`;
}

function barsOf(results, { key, wire }) {
  const shown = CONTENDERS.filter(({ name }) => wireOf(name) === wire && !name.endsWith("-batches"));
  return shown.flatMap(({ name, label }) => {
    const ratio = ratioOf(results[name]?.[key], results[baselineOf(name)]?.[key]);
    return ratio ? [{ name, label, ...ratio }] : [];
  });
}

/** Logarithmic, with a mark at 1 and at every other mark of a 1-2-5 row that fits. */
function scaleOf(least, most) {
  const [from, to] = [Math.min(0.2, least * 0.9), Math.max(2, most * 1.1)];
  const width = PANEL.width - PANEL.labels - PANEL.values;
  const marks = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50].filter((mark) => mark >= from && mark <= to);
  return { marks, at: (ratio) => PANEL.labels + (width * Math.log(ratio / from)) / Math.log(to / from) };
}

function panelOf({ metric, bars }, { marks, at }) {
  const bottom = PANEL.head + bars.length * PANEL.row;
  const grid = marks.map((mark) => {
    const x = at(mark).toFixed(1);
    const style = mark === 1 ? `stroke-width="1.5"` : `stroke-opacity="0.35" stroke-dasharray="2 3"`;
    const line = `<line x1="${x}" x2="${x}" y1="${PANEL.head - 4}" y2="${bottom}" stroke="${GRID}" ${style}/>`;
    return `${line}<text x="${x}" y="${bottom + 14}" text-anchor="middle" font-size="11">${mark}×</text>`;
  });
  const rows = bars.map(({ name, label, ratio, least, most }, index) => {
    const y = PANEL.head + index * PANEL.row;
    const middle = y + PANEL.bar / 2;
    const [from, to] = [Math.min(at(1), at(ratio)), Math.max(at(1), at(ratio))];
    const end = Math.max(at(most), to) + 6;
    return [
      `<text x="${PANEL.labels - 8}" y="${middle + 4}" text-anchor="end"${isOurs(name) ? ` font-weight="700" fill="${COLOURS.ours}"` : ""}>${label}</text>`,
      `<rect x="${(from - 1).toFixed(1)}" y="${y}" width="${(to - from + 2).toFixed(1)}" height="${PANEL.bar}" rx="2" fill="${colourOf(name)}"/>`,
      name === baselineOf(name) ? "" : whisker(at(least), at(most), middle),
      `<text x="${end.toFixed(1)}" y="${middle + 4}" font-size="11">${ratio >= 9.95 ? ratio.toFixed(0) : ratio.toFixed(2)}</text>`,
    ].join("");
  });
  const axis = `<text x="${(at(marks[0]) + at(marks.at(-1))) / 2}" y="${bottom + 29}" text-anchor="middle" font-size="11">times the fetch loop (log scale)</text>`;
  const title = `<text x="0" y="16" font-size="14" font-weight="600">${metric.title}</text>`;
  return `${title}${grid.join("")}${rows.join("")}${axis}`;
}

/** The smallest and the largest ratio of a round. */
function whisker(from, to, y) {
  const [a, b] = [from.toFixed(1), to.toFixed(1)];
  return `<path d="M${a} ${y}H${b}M${a} ${y - 3}v6M${b} ${y - 3}v6" stroke="${WHISKER}" fill="none"/>`;
}

function legend(origin) {
  const entries = [
    { x: 0, colour: COLOURS.ours, text: "this library" },
    { x: 105, colour: COLOURS.hand, text: "loops written by hand" },
    { x: 265, colour: COLOURS.peer, text: "other clients" },
  ];
  const items = entries.map(
    ({ x, colour, text }) =>
      `<rect x="${x}" y="32" width="12" height="12" rx="2" fill="${colour}"/><text x="${x + 18}" y="42">${text}</text>`,
  );
  const note = `<text x="375" y="42">lines: smallest and largest ratio of a round · ${origin}</text>`;
  const title = "Cost in multiples of a loop written by hand over fetch: left of 1× is cheaper, right of it dearer";
  return `<text x="0" y="17" font-size="16" font-weight="600">${title}</text>${items.join("")}${note}`;
}

function colourOf(name) {
  if (isOurs(name)) return COLOURS.ours;
  return /\/(fetch|http)$/.test(name) ? COLOURS.hand : COLOURS.peer;
}

function isOurs(name) {
  return name.endsWith("/cloudllm");
}
