/**
 * Opens the sessions whose ids it reads, one a line, and keeps them open. Answers with a line of JSON for each: the id, and `open` or the kind
 * of the error. Arguments: the kind of the store, its place, the lease in milliseconds.
 */
import { createInterface } from "node:readline";
import { LLMSession } from "cloudllm";
import { scriptedClient } from "cloudllm/testing";
import { openStore } from "./places.mjs";

const [kind, place, leaseMs] = process.argv.slice(2);
const { store } = await openStore(kind, place, Number(leaseMs));
console.log("ready");
for await (const id of createInterface({ input: process.stdin })) {
  const outcome = await LLMSession.open({ client: scriptedClient([]), store, id }).then(
    () => "open",
    (error) => error.kind,
  );
  console.log(JSON.stringify({ id, outcome }));
}
process.exit();
