/** A thousand running replies with five viewers each, in one process of the site: memory, and how late the viewers see each piece. */
import { get } from "node:http";
import { AUDIENCE, STAMP_LENGTH, stamp } from "../replies.mjs";
import { startSite } from "./processes.mjs";
import { SITES } from "./sites.mjs";
import { attach, runId, start } from "./viewer.mjs";

const REPLIES = AUDIENCE.streams - 1;
const MORE_VIEWERS = 4;
const LIMIT_MS = 240_000;
const STAMP = /\d{13}\.\d{3}/g;

/** Resolves with the values of one site. */
export async function audience(site, origin, place) {
  const provider = `${origin}/audience.chat/v1`;
  const process = await startSite(site, provider, place);
  try {
    let timer;
    const late = new Promise((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`not over within ${LIMIT_MS / 1_000} s`)), LIMIT_MS);
    });
    const outcome = await Promise.race([measured(process, provider), late]);
    clearTimeout(timer);
    return outcome;
  } catch (error) {
    return { error: error.message };
  } finally {
    process.stop();
  }
}

async function measured({ port, usage }, provider) {
  const delays = [];
  const ends = [];
  const before = await usage({ isClean: true });
  const runs = Array.from({ length: REPLIES }, runId);
  const watch = async (runsToWatch, open) => {
    for (const run of runsToWatch) {
      await new Promise((resolve, reject) => {
        const viewer = stampReader(delays, resolve);
        ends.push(open(port, run, viewer.onBytes).then(() => viewer.seen()));
        ends.at(-1).catch(reject);
      });
    }
  };
  await watch(runs, start);
  const started = await usage({ isClean: true });
  for (let n = 0; n < MORE_VIEWERS; n++) await watch(runs, attach);
  const attached = await usage({ isClean: true });
  await beginReplies(provider);
  let most = attached.rss;
  const memory = setInterval(async () => {
    most = Math.max(most, (await usage()).rss);
  }, 2_000);
  const settled = await Promise.allSettled(ends);
  clearInterval(memory);
  const after = await usage();
  const failed = settled.filter(({ status }) => status === "rejected");
  const pieces = settled.reduce((sum, { value = 0 }) => sum + value, 0);
  if (delays.length === 0) throw failed[0]?.reason ?? new Error("no piece came");
  delays.sort((a, b) => a - b);
  return {
    replyKib: (started.rss - before.rss) / 1_024 / REPLIES,
    viewerKib: (attached.rss - started.rss) / 1_024 / REPLIES / MORE_VIEWERS,
    mostMib: most / 1_048_576,
    cpuSeconds: (after.cpuUs - attached.cpuUs) / 1e6,
    p50Ms: delays[Math.floor(delays.length * 0.5)],
    p90Ms: delays[Math.floor(delays.length * 0.9)],
    p99Ms: delays[Math.floor(delays.length * 0.99)],
    mostMs: delays.at(-1),
    missing: ends.length * AUDIENCE.pieces - pieces,
    failed: failed.length,
  };
}

/**
 * Reads the moments out of the pieces: the first ones of a body, because its end may repeat the message. The last piece does not
 * count: it comes in the second in which all replies end and all viewers leave.
 */
function stampReader(delays, onFirstBytes) {
  let rest = "";
  let count = 0;
  return {
    seen: () => count,
    onBytes(bytes) {
      onFirstBytes();
      const now = Number(stamp());
      const text = rest + bytes.toString("latin1");
      let end = 0;
      for (const match of text.matchAll(STAMP)) {
        end = match.index + STAMP_LENGTH;
        if (++count < AUDIENCE.pieces) delays.push(now - Number(match[0]));
      }
      count = Math.min(count, AUDIENCE.pieces);
      rest = text.slice(Math.max(end, text.length - STAMP_LENGTH + 1));
    },
  };
}

/** The last reply of the crowd lets all of them begin. Nobody reads it. */
function beginReplies(provider) {
  return new Promise((resolve, reject) => {
    get(`${provider}/chat/completions`, (response) => {
      response.resume();
      response.on("error", () => undefined);
      resolve();
    }).on("error", reject);
  });
}

/** The table of the results. */
export function audienceTable(results, versions) {
  const rows = SITES.filter(({ key }) => results[key]).map(({ key, label, log }) => {
    const one = results[key];
    const name = `| ${label} ${versions[key] ?? ""} | ${log || "–"} |`;
    if (one.error) return `${name} failed: ${one.error} |  |  |  |  |  |`;
    return (
      `${name} ${one.viewerKib.toFixed(1)} KiB | ${one.replyKib.toFixed(1)} KiB | ${one.mostMib.toFixed(0)} MiB | ` +
      `${[one.p50Ms, one.p90Ms, one.p99Ms, one.mostMs].map((ms) => ms.toFixed(1)).join(" / ")} ms | ${one.cpuSeconds.toFixed(1)} s | ${one.missing} |`
    );
  });
  return [
    "|  | log | memory a viewer | memory a reply with its first viewer | most | provider to viewer, p50 / p90 / p99 / most | CPU | pieces missing |",
    "|---|---|--:|--:|--:|--:|--:|--:|",
    ...rows,
  ].join("\n");
}
