/**
 * Talks in a session that others want as well, two turns at a time, until it is killed. Says on stdout, at once, `done N` for each turn of
 * which the store has learned. Arguments: the folder, the name of this rival, the lease in milliseconds, `jumping` for a clock that jumps.
 */
import { writeSync } from "node:fs";
import { setTimeout as elapse } from "node:timers/promises";

const [folder, name, leaseMs, clock] = process.argv.slice(2);
if (clock === "jumping") {
  const RealDate = Date;
  const jumped = () => RealDate.now() + (Math.random() - 0.5) * 2 * 365 * 86_400_000;
  globalThis.Date = class extends RealDate {
    constructor(...args) {
      super(...(args.length === 0 ? [jumped()] : args));
    }
    static now = jumped;
  };
}
const { LLMSession } = await import("cloudllm");
const { FileStore } = await import("cloudllm/store/file");
const { scriptedClient } = await import("cloudllm/testing");

const answerTo = (said) => Array.from({ length: 6 }, (_, word) => `${said}:${word} – 好🐦 `);
const client = scriptedClient(({ messages }) => ({ text: answerTo(messages.at(-1).content) }));

async function talk(session, turn) {
  const unsaved = [];
  const saved = () => {
    for (const said of unsaved.splice(0)) writeSync(1, `done ${said}\n`);
  };
  for (const said of [`${name}.${turn}`, `${name}.${turn + 1}`]) {
    const stream = await session.sendMessageStream(said);
    saved(); // a turn begins only when the store has all before it
    await stream.finalMessage();
    unsaved.push(said);
    await elapse(1);
  }
  await session.close();
  saved();
}

for (let turn = 0; ; turn += 2) {
  const store = new FileStore(folder, { leaseMs: Number(leaseMs) });
  let session;
  try {
    session = await LLMSession.open({ client, store, id: "talk", flushIntervalMs: 2 });
    await talk(session, turn);
  } catch (error) {
    if (error.kind !== "busy") writeSync(2, `${error.stack}\n`);
  }
  await session?.close().catch(() => undefined); // reported already
  await elapse(2 + Math.random() * 8);
}
