/**
 * One contender in a process of its own: `node bench/client.mjs CONTENDER ORIGIN MEASURE…`. Prints what it measured as one
 * line of JSON, `{ "error": … }` if a reply was not what the server had sent.
 */
import { createHook } from "node:async_hooks";
import { wireOf } from "./contenders.mjs";
import { SPANS } from "./durations.mjs";
import { CROWD, PLANS, piecesOf, STAMP_LENGTH, stamp } from "./replies.mjs";

const [, , contender, origin, ...measures] = process.argv;
const MEASURES = { cpu, ttft, start, promises, crowd };

let result = {};
try {
  for (const measure of measures) Object.assign(result, await MEASURES[measure]());
} catch (error) {
  result = { error: String(error?.message ?? error).slice(0, 200) };
}
process.stdout.write(`\n${JSON.stringify(result)}\n`, () => process.exit()); // kept connections hold nobody up

/** CPU of the whole process for each chunk, and whether chunks that were sent apart came apart. */
async function cpu() {
  await repeat(...SPANS.warmUpChunks, await prepare("dense"));
  const packed = await prepare("packed");
  await packed();
  const packedUs = await cpuOf(...SPANS.packed, packed);

  const alone = await prepare("alone");
  await alone();
  const aloneUs = await cpuOf(...SPANS.alone, alone);
  return {
    packedUs: packedUs / PLANS.packed.pieces,
    aloneUs: aloneUs / PLANS.alone.pieces,
    apart: (await turnsOf(alone)) / PLANS.alone.pieces,
  };
}

/** From the call to the first text, and CPU of the whole process, for a short request. */
async function ttft() {
  const short = await prepare("short");
  await repeat(...SPANS.warmUpRequests, short);
  const waits = [];
  const shortUs = await cpuOf(...SPANS.requests, async () => {
    const calledAt = performance.now();
    let firstAt;
    await short(() => {
      firstAt ??= performance.now();
    });
    waits.push(firstAt - calledAt);
  });
  return { shortUs, firstTokenMs: waits.sort((a, b) => a - b)[waits.length >> 1] };
}

/** When the first token is there; the parent knows when it started this process. */
async function start() {
  const short = await prepare("short");
  let firstAt;
  await short(() => {
    firstAt ??= performance.timeOrigin + performance.now();
  });
  return { firstAt };
}

/** Promises made for each chunk, counted by Node. */
async function promises() {
  const counts = {};
  for (const name of ["packed", "alone"]) {
    const ask = await prepare(name);
    await ask();
    let count = 0;
    const hook = createHook({
      init: (_id, type) => {
        if (type === "PROMISE") count++;
      },
    }).enable();
    await ask();
    hook.disable();
    counts[`${name}Promises`] = count / PLANS[name].pieces;
  }
  return counts;
}

/** Many replies at once: how long after its sending each piece is there, and how much memory they take. */
async function crowd() {
  const short = await prepare("short");
  for (let n = 0; n < 50; n++) await short();
  const reply = await connect("crowd");
  const delays = new Float64Array(CROWD.streams * CROWD.pieces);
  let count = 0;
  const before = process.memoryUsage.rss();
  let most = before;
  const memory = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss());
  }, 100);
  const cpu = process.cpuUsage();
  const replies = Array.from({ length: CROWD.streams }, () =>
    reply((text) => {
      const now = Number(stamp());
      for (let at = 0; at < text.length; at += STAMP_LENGTH) {
        delays[count++] = now - Number(text.slice(at, at + STAMP_LENGTH));
      }
    }),
  );
  await Promise.all(replies);
  clearInterval(memory);
  if (count !== delays.length) throw new Error(`${count} of ${delays.length} pieces came`);
  const { user, system } = process.cpuUsage(cpu);
  delays.sort();
  return {
    p50Ms: delays[Math.floor(count * 0.5)],
    p99Ms: delays[Math.floor(count * 0.99)],
    kibEach: (most - before) / 1024 / CROWD.streams,
    cpuSeconds: (user + system) / 1e6,
  };
}

/** A client of the contender's, pointed at one of the server's plans. */
async function connect(plan) {
  const { open } = await import(`./contenders/${contender}.mjs`);
  const wire = wireOf(contender);
  // The base URL that the official library of each takes.
  const version = wire === "chat" || wire === "responses" ? "/v1" : "";
  return open(`${origin}/${plan}.${wire}${version}`);
}

/** A function that asks for the plan's reply once and throws unless it is whole. */
async function prepare(plan) {
  const reply = await connect(plan);
  const pieces = piecesOf(PLANS[plan].pieces);
  const expected = pieces.join("");
  return async (onText) => {
    let text = "";
    const outputTokens = await reply((piece) => {
      if (piece === "") return;
      onText?.();
      text += piece;
    });
    if (text !== expected) throw new Error(`text differs: ${text.length} characters of ${expected.length}`);
    if (outputTokens !== pieces.length) throw new Error(`usage differs: ${outputTokens} output tokens`);
  };
}

/** Runs `task` for this long, and at least so often. Returns how often it ran. */
async function repeat(durationMs, atLeast, task) {
  const end = performance.now() + durationMs;
  let times = 0;
  for (; times < atLeast || performance.now() < end; times++) await task();
  return times;
}

/** Microseconds of CPU, all threads, for one run of `task`. */
async function cpuOf(durationMs, atLeast, task) {
  const before = process.cpuUsage();
  const times = await repeat(durationMs, atLeast, task);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / times;
}

/** In how many turns of the event loop text arrived: as many as chunks if each was read by itself. */
async function turnsOf(ask) {
  const turns = new Set();
  await ask(() => turns.add(performance.nodeTiming.uvMetricsInfo.loopCount));
  return turns.size;
}
