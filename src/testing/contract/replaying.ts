/** Law 8: replays faithfully. */

import assert from "node:assert/strict";
import type { AssistantMessage, Message } from "../../contract/message.ts";
import type { Tool } from "../../contract/options.ts";
import type { MessageStream } from "../../stream/message-stream.ts";
import { asSendError, type CaseDefinition, ONCE, partialOf, QUESTION, readAll } from "./case.ts";
import type { Ability } from "./subject.ts";

const TOOLS: readonly Tool[] = [{ name: "weather", parameters: { type: "object", properties: {} } }, { name: "now" }];

/** A reply that needs two rounds of tools. */
const STEPS = [
  {
    steps: [
      { reasoning: ["They want ", "the weather."] },
      { text: "Let me see." },
      { toolCall: { id: "call_a", name: "weather", arguments: { city: "Oslo" } } },
      { toolCall: { id: "call_b", name: "weather", arguments: { city: "Tromsø" } } },
    ],
  },
  { steps: [{ reasoning: "And the time." }, { toolCall: { id: "call_c", name: "now" } }] },
];

const CALL = { id: "call_x", name: "weather", arguments: { city: "Oslo" } };
const ANSWER: Message = { role: "tool", toolCallId: "call_x", content: "rain" };

/** Turns that the client under test has not written. */
const FOREIGN: readonly {
  readonly what: string;
  readonly turns: readonly Message[];
  readonly needs?: readonly Ability[];
}[] = [
  { what: "a reply written by hand", turns: [{ role: "assistant", content: "Blue." }] },
  { what: "a reply without any text", turns: [{ role: "assistant", content: "" }] },
  { what: "a reply that ends in blanks", turns: [{ role: "assistant", content: "Blue \n" }] },
  {
    what: "a picture that another model made",
    turns: [{ role: "assistant", content: "", media: [{ mediaType: "image/png", data: "iVBORw0KGgo=" }] }],
  },
  {
    what: "instructions in the middle of a conversation",
    turns: [
      { role: "assistant", content: "Blue." },
      { role: "system", content: "Be brief." },
    ],
  },
  {
    what: "a tool call written by hand",
    needs: ["toolCalls"],
    turns: [{ role: "assistant", content: "", toolCalls: [CALL] }, ANSWER],
  },
  {
    what: "a tool call that has an odd id",
    needs: ["toolCalls"],
    turns: [
      { role: "assistant", content: "Let me see.", toolCalls: [{ ...CALL, id: "functions.weather:0" }] },
      { ...ANSWER, toolCallId: "functions.weather:0" },
      { role: "assistant", content: "It rains." },
    ],
  },
  {
    what: "what another provider wants back",
    needs: ["toolCalls"],
    turns: [
      {
        role: "assistant",
        content: "",
        toolCalls: [CALL],
        replay: { provider: "nobody", protocol: "no-protocol", data: { blocks: [{ type: "thinking" }] } },
      },
      ANSWER,
    ],
  },
];

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
  ...(["sendMessageStream", "sendMessage"] as const).map(
    (method): CaseDefinition => ({
      name: `law 8: thinking and tool calls that ${method} brought can be put back with the tools' answers, step by step`,
      needs: ["reasoning", "toolCalls"],
      async run({ open }) {
        const { client } = await open(...STEPS, { text: "It rains in both." }, { text: "Bring a coat." });
        const messages: Message[] = [...QUESTION];
        for (const [step, script] of STEPS.entries()) {
          const reply = throughJson(await messageFrom(client[method](messages, { tools: TOOLS })));
          const calls = script.steps.filter((each) => "toolCall" in each);
          assert.equal(reply.toolCalls.length, calls.length, `step ${step} has its calls`);
          messages.push(reply);
          // Tools end in any order.
          for (const { id } of reply.toolCalls.toReversed()) {
            messages.push({ role: "tool", toolCallId: id, content: step === 0 ? "rain" : "", isError: step === 1 });
          }
        }
        const answer = throughJson(await messageFrom(client[method](messages, { tools: TOOLS })));
        assert.equal(answer.content, "It rains in both.");
        messages.push(answer, { role: "user", content: "And now?" });
        assert.equal((await client.sendMessage(messages)).content, "Bring a coat.");
      },
    }),
  ),
  ...FOREIGN.map(
    ({ what, turns, needs = [] }): CaseDefinition => ({
      name: `law 8: ${what} can be sent`,
      needs,
      async run({ open }) {
        const { client } = await open({ text: "Yes." }, { text: "Yes." });
        const options = needs.includes("toolCalls") ? { tools: TOOLS } : {};
        const messages: Message[] = [...QUESTION, ...turns, { role: "user", content: "Is it?" }];
        assert.equal((await messageFrom(client.sendMessageStream(messages, options))).content, "Yes.");
        assert.equal((await client.sendMessage(messages, options)).content, "Yes.");
      },
    }),
  ),
  {
    name: "law 8: a reply whose text was changed can be put back, and goes as it is now",
    needs: ["reasoning"],
    async run({ open }) {
      const { client } = await open({ steps: [{ reasoning: "Hm." }, { text: "Blue." }] }, { text: "Green." });
      const reply = { ...(await client.sendMessage(QUESTION)), content: "Red." };
      const messages: Message[] = [...QUESTION, reply, { role: "user", content: "Another." }];
      assert.equal((await client.sendMessage(messages)).content, "Green.");
    },
  },
  {
    name: "law 8: the partial reply of a failure can be put back as well",
    async run({ open }) {
      const { client } = await open({ text: "It was a dark and", ending: "cut" }, { text: " stormy night." });
      const { error } = await readAll(await client.sendMessageStream(QUESTION, ONCE));
      const partial = throughJson(partialOf(asSendError(error)));
      const messages: Message[] = [...QUESTION, partial, { role: "user", content: "Go on." }];
      assert.equal((await client.sendMessage(messages)).content, " stormy night.");
    },
  },
];

async function messageFrom(reply: Promise<MessageStream | AssistantMessage>): Promise<AssistantMessage> {
  const settled = await reply;
  return "finalMessage" in settled ? settled.finalMessage() : settled;
}

function throughJson(message: AssistantMessage): AssistantMessage {
  return JSON.parse(JSON.stringify(message)) as AssistantMessage;
}
