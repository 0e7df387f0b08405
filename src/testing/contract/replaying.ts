/** Law 8: replays faithfully. */

import assert from "node:assert/strict";
import type { AssistantMessage, Message } from "../../message.ts";
import { type CaseDefinition, ONCE, partialOf, QUESTION, readAll, sendErrorOf } from "./case.ts";

export const replayingCases: readonly CaseDefinition[] = [
  {
    name: "law 8: a message survives JSON unchanged",
    async run({ open }) {
      const { client } = await open({ text: ["Hel", "lo"], ending: { usage: { inputTokens: 2, outputTokens: 2 } } });
      const message = await (await client.sendMessageStream(QUESTION)).finalMessage();
      assert.deepEqual(throughJson(message), message);
    },
  },
  {
    name: "law 8: a reply can be put back into the conversation, also after JSON",
    async run({ open }) {
      const { client } = await open({ text: "Blue." }, { text: "Green." }, { text: "Red." });
      const first = await (await client.sendMessageStream(QUESTION)).finalMessage();
      const again: Message[] = [...QUESTION, first, { role: "user", content: "Another." }];
      assert.equal((await client.sendMessage(again)).content, "Green.");
      const later: Message[] = [...QUESTION, throughJson(first), { role: "user", content: "Another." }];
      assert.equal((await (await client.sendMessageStream(later)).finalMessage()).content, "Red.");
    },
  },
  {
    name: "law 8: thinking and tool calls can be put back with the tools' answers",
    needs: ["reasoning", "toolCalls"],
    async run({ open }) {
      const { client } = await open(
        {
          steps: [
            { reasoning: "They want the weather." },
            { toolCall: { id: "call_a", name: "weather", arguments: { city: "Oslo" } } },
          ],
        },
        { text: "It rains." },
      );
      const first = throughJson(await (await client.sendMessageStream(QUESTION)).finalMessage());
      const results = first.toolCalls.map(({ id }): Message => ({ role: "tool", toolCallId: id, content: "rain" }));
      assert.equal(results.length, 1);
      assert.equal((await client.sendMessage([...QUESTION, first, ...results])).content, "It rains.");
    },
  },
  {
    name: "law 8: what came of a reply that failed can be put back, too",
    async run({ open }) {
      const { client } = await open({ text: "It was a dark and", ending: "cut" }, { text: " stormy night." });
      const { error } = await readAll(await client.sendMessageStream(QUESTION, ONCE));
      const partial = throughJson(partialOf(sendErrorOf(error)));
      const messages: Message[] = [...QUESTION, partial, { role: "user", content: "Go on." }];
      assert.equal((await client.sendMessage(messages)).content, " stormy night.");
    },
  },
];

function throughJson(message: AssistantMessage): AssistantMessage {
  return JSON.parse(JSON.stringify(message)) as AssistantMessage;
}
