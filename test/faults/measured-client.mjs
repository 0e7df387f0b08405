/** Asks one server once, or twice, over the built package, and says in one line of JSON how it went and what it cost. */
import { SendError } from "cloudllm";
import { clientOf } from "./clients.mjs";

const [protocol, transport, origin, what, apiKey] = process.argv.slice(2);
const client = clientOf(protocol, transport, origin, apiKey);

const isSlow = what === "slow reader";
let most = 0;
const cpuOfQuarterMs = what === "many deltas" ? (await measured()).cpuMs : 0;
const before = process.memoryUsage.rss();
most = before;
const watch = setInterval(() => look(), 5);
const result = await measured();
look();
clearInterval(watch);
process.stdout.write(JSON.stringify({ ...result, grownBy: most - before, cpuOfQuarterMs }));

function look() {
  most = Math.max(most, process.memoryUsage.rss());
}

async function measured() {
  const start = process.cpuUsage();
  let text = 0;
  let failure = {};
  try {
    const stream = await client.sendMessageStream([{ role: "user", content: "hi" }]);
    const end = performance.now() + 3_000;
    for await (const chunk of stream) {
      text += chunk.content.length;
      if (isSlow) await new Promise((resolve) => setTimeout(resolve, 20));
      if (isSlow && performance.now() > end) break;
    }
  } catch (error) {
    if (!(error instanceof SendError)) throw error;
    failure = { error: error.kind, status: error.status, messageLength: error.message.length };
  }
  const { user, system } = process.cpuUsage(start);
  return { ...failure, text, cpuMs: (user + system) / 1_000 };
}
