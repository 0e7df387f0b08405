/**
 * Holds talks at the same time until it is killed. Says on stdout, at once, `done TALK N` for each turn whose end it has learned of.
 * Arguments: the server, the kind of the store, its place, the lease in milliseconds, the round, how many talks.
 */
import { writeSync } from "node:fs";
import { CompatibleClient, LLMSession } from "cloudllm";
import { openStore } from "./places.mjs";

const [baseUrl, kind, place, leaseMs, round, talks] = process.argv.slice(2);
const client = new CompatibleClient({ baseUrl, model: "m" });
const { store } = await openStore(kind, place, Number(leaseMs));
const tools = [{ name: "look", run: () => new Promise((resolve) => setTimeout(() => resolve("a bird"), 3)) }];

async function talk(at) {
  const session = await LLMSession.open({ client, store, id: `talk ${at}`, flushIntervalMs: 5, maxTokens: 2_000 });
  for (let turn = 0; ; turn++) {
    const hasTools = (turn + at) % 2 === 1; // at any moment, some talks have them
    const stream = await session.sendMessageStream(`${round}.${turn}`, hasTools ? { tools } : {});
    await stream.finalMessage();
    writeSync(1, `done ${at} ${round}.${turn}\n`);
  }
}
await Promise.all(Array.from({ length: Number(talks) }, (_, at) => talk(at)));
