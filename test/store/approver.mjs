/**
 * Answers calls and carries the answers out until it is killed. Says on stdout, at once, `answered ID` for each answer that its store has, and
 * `done N` for each turn whose end it has learned of. The tool writes `start ID` and `end ID` to a file. Arguments: the kind of the store, its
 * place, the lease in milliseconds, the file, the number of turns.
 */
import { appendFileSync, writeSync } from "node:fs";
import { LLMSession } from "cloudllm";
import { scriptedClient } from "cloudllm/testing";
import { openStore } from "./places.mjs";

const [kind, place, leaseMs, effects, turns] = process.argv.slice(2);
const say = (line) => writeSync(1, `${line}\n`);
const client = scriptedClient(({ messages }) => {
  const said = messages.findLast(({ role }) => role === "user")?.content;
  if (messages.at(-1)?.role === "tool") return { text: ["It is ", "done."] };
  const toolCall = (id) => ({ toolCall: { name: "pay", id: `${said}-${id}`, arguments: { of: id } } });
  return { steps: [{ text: "May I? " }, toolCall("yes"), toolCall("also"), toolCall("no")] };
});
const pay = {
  name: "pay",
  approve: "ask",
  run: async (_args, { toolCallId }) => {
    appendFileSync(effects, `start ${toolCallId}\n`);
    await new Promise((resolve) => setTimeout(resolve, 3));
    appendFileSync(effects, `end ${toolCallId}\n`);
    return `paid ${toolCallId}`;
  },
};
const { store } = await openStore(kind, place, Number(leaseMs));
const session = await LLMSession.open({ client, store, id: "shop", tools: [pay] });

for (;;) {
  const said = session.history.filter(({ role }) => role === "user").length;
  const last = session.history.at(-1);
  if (session.waiting.length > 0) {
    for (const { id } of session.waiting) {
      await session.answer(id, id.endsWith("no") ? { deny: "No." } : true);
      say(`answered ${id}`);
    }
  } else if (last?.role === "assistant" && !last.toolCalls?.length) {
    say(`done ${said}`);
    if (said === Number(turns)) break;
    await session.sendMessage(String(said + 1));
  } else if (last) await session.sendMessage([]);
  else await session.sendMessage("1");
}
await session.close();
