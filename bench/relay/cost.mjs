/** The cost of a relay: time to the first token, and CPU for each chunk. */
import { PLANS, piecesOf } from "../replies.mjs";
import { median } from "../statistics.mjs";
import { startSite } from "./processes.mjs";
import { ALONE, SITES } from "./sites.mjs";
import { runId, start, textOf } from "./viewer.mjs";

const FIRST = Buffer.from(piecesOf(1)[0]);
const PLAN_NAMES = ["short", "alone", "packed"];

/**
 * V8 compiles hot code for the last time after about a thousand requests, or some ten thousand chunks. A server in production has
 * done that, so each site is asked so often first: `turns` one after the other, and `rounds` of each plan by `crowd` at once.
 */
const WARM_UP = { turns: 100, crowd: 24, rounds: { alone: 6, packed: 1 } };

/**
 * Requests of one turn of a site, one after the other. Before the first one the site has waited for all others, and the
 * caches of the processor hold theirs; the last ones find a server at work.
 */
const TURN = { requests: 10, last: 5 };

/**
 * Measures all sites at once: each of them is asked in turn, so that all meet the same weather.
 * Resolves with values of each site by `SITES[].key`; `error` where a site has failed.
 */
export async function cost(sites, origin, place, { turns, rounds }) {
  const results = Object.fromEntries(
    sites.map(({ key }) => [key, { afterPauseMs: [], atWorkMs: [], aloneUs: [], packedUs: [] }]),
  );
  const started = [];
  for (const site of sites) {
    const processes = {};
    for (const plan of PLAN_NAMES) {
      processes[plan] = await startSite(site, `${origin}/${plan}.chat/v1`, place);
      started.push(processes[plan]);
    }
    site.processes = processes;
  }
  const asked = [...sites];
  const each = async (task) => {
    for (const site of [...asked]) {
      try {
        await task(site, results[site.key]);
      } catch (error) {
        results[site.key].error = error.message;
        process.stderr.write(`${site.key} has failed: ${error.message}\n`);
        asked.splice(asked.indexOf(site), 1);
      }
    }
    asked.push(...asked.splice(0, 1)); // a log in Redis has still work to do while the next site is asked: another one each time
  };
  try {
    for (const plan of PLAN_NAMES) await each((site) => check(site, plan));
    for (let n = -WARM_UP.turns; n < turns; n++) {
      await each(async (site, { afterPauseMs, atWorkMs }) => {
        const waits = [];
        while (waits.length < TURN.requests) waits.push(await firstToken(site));
        if (n < 0) return;
        afterPauseMs.push(waits[0]);
        atWorkMs.push(median(waits.slice(-TURN.last)));
      });
    }
    for (const plan of ["alone", "packed"]) await each((site) => warmUp(site, plan));
    for (let n = -2; n < rounds; n++) {
      await each(async (site, { aloneUs, packedUs }) => {
        const alone = await cpuOf(site, "alone", 3);
        const packed = await cpuOf(site, "packed", 2);
        if (n < 0) return;
        aloneUs.push(alone);
        packedUs.push(packed);
      });
    }
  } finally {
    for (const { stop } of started) stop();
  }
  return results;
}

/** @throws when the viewer does not get the text, and get it once */
async function check({ name, processes }, plan) {
  let body = "";
  await start(processes[plan].port, runId(), (bytes) => {
    body += bytes.toString("latin1");
  });
  const expected = piecesOf(PLANS[plan].pieces).join("");
  const text = textOf(Buffer.from(body, "latin1").toString());
  if (name !== ALONE && text !== expected) throw new Error(`text differs: ${text.length} of ${expected.length}`);
}

async function firstToken({ name, processes }) {
  const askedAt = performance.now();
  let firstAt;
  let body = "";
  await start(processes.short.port, runId(), (bytes) => {
    if (firstAt === undefined && bytes.includes(FIRST)) firstAt = performance.now();
    if (name === ALONE) body += bytes;
  });
  return name === ALONE ? JSON.parse(body).firstTokenMs : firstAt - askedAt;
}

async function warmUp({ processes }, plan) {
  const { port } = processes[plan];
  for (let round = 0; round < WARM_UP.rounds[plan]; round++) {
    await Promise.all(Array.from({ length: WARM_UP.crowd }, () => start(port, runId(), () => undefined)));
  }
}

/** Microseconds of CPU, all threads, of the site's process for one chunk. */
async function cpuOf({ processes }, plan, times) {
  const { port, usage } = processes[plan];
  const before = await usage();
  for (let n = 0; n < times; n++) await start(port, runId(), () => undefined);
  const after = await usage();
  return (after.cpuUs - before.cpuUs) / times / PLANS[plan].pieces;
}

/** The legend of the table. */
const LEGEND =
  "First token: from the request to the first text at the viewer; of the client alone, from the call to the first chunk. In brackets: more than the client's " +
  "own. At work: after five requests in a row; after a pause: the first one after the turns of all others. The handlers by hand check nothing in the " +
  "request, keep nothing and write each chunk as an event. One write to the socket for each chunk is the least that a server on Node adds.";

/** The table of the results. */
export function costTable(results, versions) {
  const alone = results[ALONE];
  const rows = SITES.filter(({ key }) => results[key]).map(({ key, label, log }) => {
    const { aloneUs, packedUs, error } = results[key];
    if (error) return `| ${label} | ${log} | failed: ${error} |  |  |  |`;
    const first = (name) => {
      const added = results[key][name].map((ms, index) => ms - alone[name][index]);
      return `${median(results[key][name]).toFixed(2)} ms${key === ALONE ? "" : ` (+ ${median(added).toFixed(2)})`}`;
    };
    const ratio = (values, base) => `${median(values).toFixed(1)} µs (${(median(values) / median(base)).toFixed(2)} ×)`;
    return (
      `| ${label} ${versions[key] ?? ""} | ${log.split("-")[0] || "–"} | ${first("atWorkMs")} | ${first("afterPauseMs")} | ` +
      `${ratio(aloneUs, alone.aloneUs)} | ${ratio(packedUs, alone.packedUs)} |`
    );
  });
  return [
    "|  | log | first token, at work | first token, after a pause | CPU a chunk, 1 a packet | CPU a chunk, 64 a packet |",
    "|---|---|--:|--:|--:|--:|",
    ...rows,
    "",
    LEGEND,
  ].join("\n");
}
