/**
 * How fast the engine is: `node tools/embedded-model/bench.mjs`, with the package built. First tokens from processes that have
 * loaded nothing yet, tokens per second from warm ones; the best and the median of some runs, because other work on the
 * machine only ever adds time.
 */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const RUNS = 9;
const QUESTION = [{ role: "user", content: "Tell me a story about a fox" }];

if (process.argv[2] === "cold") {
  const startedAt = performance.now();
  const { EmbeddedClient } = await import("cloudllm/embedded");
  const stream = await new EmbeddedClient().sendMessageStream(QUESTION);
  for await (const _text of stream.text()) break;
  console.log(performance.now() - startedAt);
} else {
  const cold = Array.from({ length: RUNS }, () =>
    Number(execFileSync(process.execPath, [fileURLToPath(import.meta.url), "cold"], { encoding: "utf8" })),
  );
  const { EmbeddedClient } = await import("cloudllm/embedded");
  const client = new EmbeddedClient({ seed: 1 });
  const warm = [];
  const first = [];
  for (let run = 0; run < RUNS + 3; run++) {
    const { metrics } = await (await client.sendMessageStream(QUESTION)).finalMessage();
    if (run < 3) continue; // compiled by then
    warm.push(metrics.outputTokensPerSecond);
    first.push(metrics.timeToFirstChunkMs);
  }
  console.log(`node ${process.versions.node}, ${RUNS} runs`);
  console.log(`first token, import included, from a cold process: ${line(cold, "ms")}`);
  console.log(`first token, warm: ${line(first, "ms")}`);
  console.log(
    `then: ${line(
      warm.map((rate) => -rate),
      "tokens/s",
    )}`,
  );
}

/** The best and the median; rates come negative, so that less is better here, too. */
function line(values, unit) {
  const sorted = values.toSorted((a, b) => a - b);
  const [best, median] = [sorted[0], sorted[sorted.length >> 1]].map((value) => Math.abs(value).toFixed(0));
  return `best ${best} ${unit}, median ${median} ${unit}`;
}
