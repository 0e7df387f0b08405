/**
 * Talks in a session until it is killed. Says on stdout, at once, `done N` for each turn whose end it has learned of. Arguments: the server,
 * the kind of the store, its place, the lease in milliseconds, the round.
 */
import { writeSync } from "node:fs";
import { CompatibleClient, LLMSession } from "cloudllm";
import { openStore } from "./places.mjs";

const [baseUrl, kind, place, leaseMs, round] = process.argv.slice(2);
const client = new CompatibleClient({ baseUrl, model: "m" });
const { store } = await openStore(kind, place, Number(leaseMs));
const session = await LLMSession.open({ client, store, id: "talk", flushIntervalMs: 5, maxTokens: 2_000 });
const tools = [{ name: "look", run: () => new Promise((resolve) => setTimeout(() => resolve("a bird"), 3)) }];
for (let turn = 0; ; turn++) {
  const stream = await session.sendMessageStream(`${round}.${turn}`, turn % 2 === 1 ? { tools } : {});
  await stream.finalMessage();
  writeSync(1, `done ${round}.${turn}\n`);
}
