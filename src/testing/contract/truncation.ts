/** Law 3: partial is not complete. */

import assert from "node:assert/strict";
import type { FinishReason } from "../../contract/finish-reason.ts";
import type { ScriptEnding } from "../script.ts";
import {
  asSendError,
  type CaseDefinition,
  finalOf,
  mustDeliverNoCall,
  ONCE,
  partialOf,
  QUESTION,
  readAll,
  rejectionOf,
  shownText,
} from "./case.ts";
import type { Ability } from "./subject.ts";

const ODD_ENDS: readonly {
  readonly what: string;
  readonly ending: ScriptEnding;
  readonly reasons: readonly FinishReason[];
  readonly needs?: readonly Ability[];
}[] = [
  { what: "a limit that cut the reply off", ending: { finishReason: "length" }, reasons: ["length"] },
  // Anthropic has one word for its filters and for the model.
  {
    what: "a filter that withheld the rest",
    ending: { finishReason: "contentFilter" },
    reasons: ["contentFilter", "refusal"],
  },
  {
    what: "a refusal by the model",
    ending: { finishReason: "refusal" },
    reasons: ["refusal"],
    needs: ["refusalReason"],
  },
];

export const truncationCases: readonly CaseDefinition[] = [
  {
    name: "law 3: a reply that just ends is truncated, and keeps its text and an estimate of its cost",
    async run({ open }) {
      const { client } = await open({ text: ["It was a dark ", "and stormy"], ending: "cut" });
      const { chunks, error } = await readAll(await client.sendMessageStream(QUESTION, ONCE));
      assert.equal(shownText(chunks), "It was a dark and stormy");
      assert.equal(
        chunks.some((chunk) => chunk.isFinal),
        false,
        "half a reply must not have a final chunk",
      );
      const failure = asSendError(error);
      assert.equal(failure.kind, "truncated");
      const partial = partialOf(failure);
      assert.equal(partial.content, "It was a dark and stormy");
      assert.equal(partial.interrupted, true);
      assert.equal(partial.finishReason, "interrupted");
      assert.equal(partial.usage, undefined);
      assert.ok(partial.estimatedUsage && partial.estimatedUsage.outputTokens > 0);
    },
  },
  {
    name: "law 3: a reply that ends before its first word is truncated",
    async run({ open }) {
      const { client } = await open({ text: [], ending: "cut" });
      // A client may report this at the call or in the loop.
      const failure = await rejectionOf(
        client.sendMessageStream(QUESTION, ONCE).then((stream) => stream.finalMessage()),
      );
      assert.equal(failure.kind, "truncated");
    },
  },
  {
    name: "law 3: a non-streamed reply that just ends is truncated",
    async run({ open }) {
      const { client } = await open({ text: "It was a dark and stormy night", ending: "cut" });
      assert.equal((await rejectionOf(client.sendMessage(QUESTION, ONCE))).kind, "truncated");
    },
  },
  {
    name: "law 3: a tool call that was cut is never delivered as complete, and its beginning is reported",
    needs: ["toolCalls", "toolCallDeltas"],
    async run({ open }) {
      const fragments = ['{"path": "/home', '/me/notes", "recurs'];
      const { client } = await open({ steps: [{ toolCall: { name: "remove", fragments } }], ending: "cut" });
      const { chunks, error } = await readAll(await client.sendMessageStream(QUESTION, ONCE));
      mustDeliverNoCall(chunks);
      const partial = partialOf(asSendError(error));
      assert.deepEqual(partial.toolCalls, []);
      assert.equal(partial.unfinishedToolCalls?.[0]?.name, "remove");
      assert.equal(partial.unfinishedToolCalls?.[0]?.argumentsText, fragments.join(""));
    },
  },
  {
    name: "law 3: a tool call that was cut is not complete even when its arguments look so",
    needs: ["toolCalls"],
    async run({ open }) {
      const toolCall = { name: "remove", fragments: ["{}"], unfinished: true };
      const { client } = await open({ steps: [{ text: "Wait." }, { toolCall }], ending: "cut" });
      const { chunks, error } = await readAll(await client.sendMessageStream(QUESTION, ONCE));
      mustDeliverNoCall(chunks);
      const partial = partialOf(asSendError(error));
      assert.deepEqual(partial.toolCalls, []);
      assert.equal(partial.content, "Wait.");
    },
  },
  {
    name: "law 3: arguments that are not JSON are never a tool call, and not repaired",
    needs: ["toolCalls"],
    async run({ open }) {
      const toolCall = { name: "remove", fragments: ['{"path": "/home'] };
      const script = { steps: [{ toolCall }], ending: { finishReason: "length" } } as const;
      const { client } = await open(script, script);
      const { chunks, error } = await readAll(await client.sendMessageStream(QUESTION, ONCE));
      mustDeliverNoCall(chunks);
      if (error === undefined) assert.deepEqual(finalOf(chunks).toolCalls, []);
      else assert.deepEqual(partialOf(asSendError(error)).toolCalls, []);
      const message = await client.sendMessage(QUESTION, ONCE).catch((reason) => asSendError(reason).partial);
      assert.deepEqual(message?.toolCalls ?? [], []);
    },
  },
  {
    name: "law 3: tool calls come once each, complete, with parsed arguments that their pieces add up to",
    needs: ["toolCalls"],
    async run({ open }) {
      const { client } = await open({
        steps: [
          { toolCall: { id: "call_a", name: "weather", fragments: ['{"city"', ':"Tromsø",', '"days":3}'] } },
          { toolCall: { id: "call_b", name: "now" } },
        ],
      });
      const { chunks } = await readAll(await client.sendMessageStream(QUESTION));
      const expected = [
        { id: "call_a", name: "weather", arguments: { city: "Tromsø", days: 3 } },
        { id: "call_b", name: "now", arguments: {} },
      ];
      const message = finalOf(chunks);
      assert.deepEqual(message.toolCalls, expected);
      assert.equal(message.finishReason, "toolCalls");
      assert.equal(message.unfinishedToolCalls, undefined);
      assert.deepEqual(
        chunks.flatMap((chunk) => (chunk.type === "toolCall" ? [chunk.toolCall] : [])),
        expected,
      );
      const pieces = chunks.map((chunk) =>
        chunk.type === "toolCallDelta" && chunk.index === 0 ? chunk.argumentsDelta : "",
      );
      assert.deepEqual(JSON.parse(pieces.join("")), { city: "Tromsø", days: 3 });
    },
  },
  {
    name: "law 3: names such as __proto__ in arguments change no prototype",
    needs: ["toolCalls"],
    async run({ open }) {
      const fragments = ['{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"a":1}'];
      const { client } = await open({ steps: [{ toolCall: { name: "merge", fragments } }] });
      const { toolCalls } = await (await client.sendMessageStream(QUESTION)).finalMessage();
      assert.equal("polluted" in {}, false);
      const value = toolCalls[0]?.arguments;
      assert.equal(Object.getPrototypeOf(value), Object.prototype);
    },
  },
  ...ODD_ENDS.map(
    ({ what, ending, reasons, needs = [] }): CaseDefinition => ({
      name: `law 3: ${what} is not a normal stop`,
      needs,
      async run({ open }) {
        const { client } = await open({ text: "It was a dark and", ending }, { text: "It was a dark and", ending });
        const streamed = await (await client.sendMessageStream(QUESTION)).finalMessage();
        for (const message of [streamed, await client.sendMessage(QUESTION)]) {
          assert.ok(reasons.includes(message.finishReason), `${message.finishReason} is not ${reasons.join(" or ")}`);
          assert.equal(message.content, "It was a dark and");
          assert.equal(message.interrupted, undefined, "its provider ended it");
        }
      },
    }),
  ),
  {
    name: "law 3: an unknown finish reason is `unknown`, with the provider's word as the raw one",
    needs: ["rawFinishReason"],
    async run({ open }) {
      const { client } = await open({ text: "Well", ending: { rawFinishReason: "bored" } });
      const message = await (await client.sendMessageStream(QUESTION)).finalMessage();
      assert.equal(message.finishReason, "unknown");
      assert.equal(message.rawFinishReason, "bored");
    },
  },
];
