/** Law 7: non-streamed equals streamed. */

import assert from "node:assert/strict";
import type { AssistantMessage } from "../../contract/message.ts";
import type { ReplyScript } from "../script.ts";
import { type CaseDefinition, finalOf, QUESTION, readAll } from "./case.ts";
import type { Ability } from "./subject.ts";

const REPLIES: readonly { readonly what: string; readonly script: ReplyScript; readonly needs?: readonly Ability[] }[] =
  [
    { what: "text", script: { text: ["Hällo ", "wörld 🌍"] } },
    { what: "no text at all", script: { text: [] } },
    { what: "usage", needs: ["usage"], script: { text: "Hi", ending: { usage: { inputTokens: 4, outputTokens: 2 } } } },
    {
      what: "usage with its parts",
      needs: ["usage"],
      script: {
        text: "Hi",
        ending: { usage: { inputTokens: 40, outputTokens: 20, cachedInputTokens: 30, reasoningTokens: 15 } },
      },
    },
    { what: "thinking", needs: ["reasoning"], script: { steps: [{ reasoning: ["Hm, ", "well."] }, { text: "Yes" }] } },
    {
      what: "tool calls",
      needs: ["toolCalls"],
      script: {
        steps: [
          { text: "Let me see." },
          { toolCall: { id: "call_a", name: "weather", fragments: ['{"city":', '"Oslo"}'] } },
          { toolCall: { id: "call_b", name: "now" } },
        ],
      },
    },
    {
      what: "citations",
      needs: ["citations"],
      script: {
        steps: [
          { text: "It is 🌧 in Oslo." },
          { citation: { url: "https://example.org/oslo", title: "Oslo", startIndex: 6, endIndex: 8 } },
          { citation: { url: "https://example.org/other" } },
        ],
      },
    },
    { what: "a limit", script: { text: "Half", ending: { finishReason: "length" } } },
    { what: "a filter", script: { text: "Half", ending: { finishReason: "contentFilter" } } },
    {
      what: "an unknown end",
      needs: ["rawFinishReason"],
      script: { text: "Well", ending: { rawFinishReason: "bored" } },
    },
  ];

export const nonStreamedCases: readonly CaseDefinition[] = REPLIES.map(({ what, script, needs = [] }) => ({
  name: `law 7: a reply with ${what} is the same non-streamed and streamed`,
  needs,
  async run({ open }) {
    const { client } = await open(script, script);
    const { chunks, error } = await readAll(await client.sendMessageStream(QUESTION));
    assert.equal(error, undefined);
    const message = await client.sendMessage(QUESTION);
    assert.deepEqual(comparable(message), comparable(finalOf(chunks)));
  },
}));

/** Returns the message without the facts of its request. Of opaque data, only the recipient is kept. */
function comparable(message: AssistantMessage): unknown {
  const { id: _id, requestId: _requestId, metrics: _metrics, replay, ...rest } = message;
  return { ...rest, ...(replay && { replay: { ...replay, data: undefined } }) };
}
