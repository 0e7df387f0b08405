/**
 * A gateway in a process of its own, on a log that others share. Its model counts, and continues a beginning. It reports its port on
 * stdout. Arguments: the address of Redis or the path of a SQLite file, the lease in milliseconds, how many words, and the key.
 */
import { bearerKey, createGateway } from "cloudllm/server";
import { scriptedClient } from "cloudllm/testing";
import { openLog, serve } from "./process-parts.mjs";

const [place, leaseMs, count, key] = process.argv.slice(2);
const words = Array.from({ length: Number(count) }, (_, index) => `word${index} `);

const counting = scriptedClient(({ messages }) => {
  const last = messages.findLast(({ role }) => role === "assistant");
  const rest = words.slice((last?.content ?? "").split(" ").length - 1);
  return { steps: rest.flatMap((text) => [{ text }, { pause: Math.random() * 2 }]) };
});

const log = await openLog(place, leaseMs);
const gateway = createGateway({ client: counting, authorize: bearerKey(key), log, recover: "continue" });
serve(gateway.handle);
