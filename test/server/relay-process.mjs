/**
 * A relay in a process of its own, on a log that others share. Its model counts, and goes on where a beginning ends. It reports its
 * port on stdout. Arguments: the address of Redis or the path of a SQLite file, the lease in milliseconds, how many words (or the
 * address of a provider, which is asked instead), and `continue` for take-overs.
 */
import { CompatibleClient } from "cloudllm";
import { createRelay } from "cloudllm/server";
import { scriptedClient } from "cloudllm/testing";
import { openLog, serve } from "./process-parts.mjs";

const [place, leaseMs, model, recover] = process.argv.slice(2);
const words = Array.from({ length: Number(model) }, (_, index) => `word${index} `);

const counting = scriptedClient(({ messages }) => {
  const last = messages.at(-1);
  const beginning = last?.role === "assistant" ? last.content : "";
  const rest = words.slice(beginning.split(" ").length - 1);
  return { steps: rest.flatMap((text) => [{ text }, { pause: Math.random() * 8 }]) };
});

const log = await openLog(place, leaseMs);
const relay = createRelay({
  client: model.startsWith("http") ? new CompatibleClient({ model: "m", baseUrl: model, apiKey: "none" }) : counting,
  authorize: "public",
  log,
  limits: { runsPerUser: 1_000 },
  ...(recover && { recover }),
});
serve(relay.handle);
