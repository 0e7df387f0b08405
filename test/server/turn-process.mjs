/**
 * A relay in a process of its own, on a log and a store of sessions that others share, or without sessions. Its model
 * answers in three replies with a tool after the first two, and goes on where a beginning ends. The tool writes a line
 * into a file for each time it runs. The port is reported on stdout. Arguments: the place of the log, the kind and the
 * place of the store (`none` for no sessions), the lease in milliseconds, and the file.
 */
import { appendFileSync } from "node:fs";
import { setTimeout as elapse } from "node:timers/promises";
import { createRelay } from "cloudllm/server";
import { scriptedClient } from "cloudllm/testing";
import { openStore } from "../store/places.mjs";
import { openLog, serve } from "./process-parts.mjs";

const [place, kind, storePlace, leaseMs, file] = process.argv.slice(2);

const wordsOf = (step) => Array.from({ length: 20 }, (_, index) => `s${step}w${index} `);

const client = scriptedClient(({ messages }) => {
  const asked = messages.findLastIndex(({ role }) => role === "user");
  const step = messages.slice(asked).filter(({ role }) => role === "tool").length;
  const last = messages.at(-1);
  const begun = last.role === "assistant" ? last.content.split(" ").length - 1 : 0;
  const words = wordsOf(step).slice(begun);
  const steps = words.flatMap((text) => [{ text }, { pause: Math.random() * 8 }]);
  // The id is the model's: a reply that is written again calls under another one.
  const id = `call-${step}-${crypto.randomUUID()}`;
  const call = { toolCall: { id, name: "note", arguments: { about: messages[asked].content, step } } };
  return { steps: step < 2 ? [...steps, call, { pause: Math.random() * 20 }] : steps };
});

const note = {
  name: "note",
  run: async ({ about, step }) => {
    appendFileSync(file, `${about} ${step}\n`);
    await elapse(Math.random() * 80);
    return `noted ${step}`;
  },
};

const log = await openLog(place, leaseMs);
const sessions = kind !== "none" && {
  store: (await openStore(kind, storePlace, Number(leaseMs))).store,
  flushIntervalMs: 20,
};
const relay = createRelay({
  client,
  authorize: "public",
  log,
  ...(sessions && { sessions }),
  tools: [note],
  recover: "continue",
  limits: { runsPerUser: 1_000 },
});
serve(relay.handle);
