/** Law 2: ends once. */

import assert from "node:assert/strict";
import type { Media } from "../../contract/message.ts";
import { type CaseDefinition, finalOf, QUESTION, readAll, shownText } from "./case.ts";

/** Texts that careless decoding loses: characters of two to four bytes, half pairs, line ends, wire marks, controls. */
const AWKWARD_TEXTS = [
  "Grüße ",
  "🌍",
  "👩‍👩‍👧",
  "\r\n\r\n",
  "data: [DONE]\n\n",
  "\u2028\u2029\u0085",
  "\ufeff",
  '\t\u0000\\"',
  " ",
];

export const endingCases: readonly CaseDefinition[] = [
  {
    name: "law 2: exactly one chunk is final, and it is the last",
    async run({ open }) {
      const { client } = await open({ text: ["One ", "two ", "three"] });
      const { chunks, error } = await readAll(await client.sendMessageStream(QUESTION));
      assert.equal(error, undefined);
      const message = finalOf(chunks);
      assert.equal(message.content, "One two three");
      assert.equal(message.finishReason, "stop");
      assert.equal(message.interrupted, undefined);
    },
  },
  {
    name: "law 2: the text of all chunks joined is the message's, with any characters in it",
    async run({ open }) {
      const { client } = await open({ text: AWKWARD_TEXTS });
      const { chunks } = await readAll(await client.sendMessageStream(QUESTION));
      assert.equal(shownText(chunks), AWKWARD_TEXTS.join(""));
      assert.equal(finalOf(chunks).content, AWKWARD_TEXTS.join(""));
    },
  },
  {
    name: "law 2: every chunk has its text, or an empty one, in `content`",
    needs: ["reasoning", "toolCalls"],
    async run({ open }) {
      const steps = [
        { reasoning: "Hm" },
        { text: "Let me look" },
        { toolCall: { name: "look", arguments: { at: "it" } } },
      ];
      const { client } = await open({ steps });
      const { chunks } = await readAll(await client.sendMessageStream(QUESTION));
      for (const chunk of chunks) {
        assert.equal(typeof chunk.content, "string");
        assert.equal(chunk.isFinal, chunk.type === "final");
        assert.ok(chunk.type === "text" || chunk.content === "", `${chunk.type} is not visible text`);
      }
      assert.equal(shownText(chunks), "Let me look");
    },
  },
  {
    name: "law 2: thinking is kept apart from the text",
    needs: ["reasoning"],
    async run({ open }) {
      const { client } = await open({ steps: [{ reasoning: ["Let me ", "think."] }, { text: "Yes." }] });
      const { chunks } = await readAll(await client.sendMessageStream(QUESTION));
      const message = finalOf(chunks);
      assert.equal(message.reasoning, "Let me think.");
      assert.equal(message.content, "Yes.");
      assert.equal(
        chunks.map((chunk) => (chunk.type === "reasoning" ? chunk.reasoning : "")).join(""),
        "Let me think.",
      );
    },
  },
  {
    name: "law 2: usage is known when the final chunk comes",
    needs: ["usage"],
    async run({ open }) {
      const { client } = await open({ text: "Counted", ending: { usage: { inputTokens: 11, outputTokens: 3 } } });
      const { chunks } = await readAll(await client.sendMessageStream(QUESTION));
      const { usage, estimatedUsage } = finalOf(chunks);
      assert.equal(usage?.inputTokens, 11);
      assert.equal(usage?.outputTokens, 3);
      assert.equal(usage?.totalTokens, 14);
      assert.equal(estimatedUsage, undefined, "what is known is not estimated");
    },
  },
  {
    name: "law 2: usage has one meaning: input with cached input, output with thinking, and both distinguished",
    needs: ["usage", "reasoningTokens"],
    async run({ open }) {
      const usage = { inputTokens: 40, outputTokens: 20, cachedInputTokens: 30, reasoningTokens: 15 };
      const { client } = await open({ text: "Counted", ending: { usage } }, { text: "Counted", ending: { usage } });
      const streamed = finalOf((await readAll(await client.sendMessageStream(QUESTION))).chunks);
      for (const message of [streamed, await client.sendMessage(QUESTION)]) {
        const { raw: _raw, cacheWriteTokens = 0, ...reported } = message.usage ?? {};
        assert.deepEqual(reported, { ...usage, totalTokens: 60 });
        assert.equal(cacheWriteTokens, 0);
      }
    },
  },
  {
    name: "law 2: tokens written to the provider's cache are input as well, and distinguished",
    needs: ["usage", "cacheWrites"],
    async run({ open }) {
      const usage = { inputTokens: 40, outputTokens: 2, cachedInputTokens: 10, cacheWriteTokens: 20 };
      const { client } = await open({ text: "Counted", ending: { usage } });
      const { chunks } = await readAll(await client.sendMessageStream(QUESTION));
      const { inputTokens, totalTokens, cachedInputTokens, cacheWriteTokens } = finalOf(chunks).usage ?? {};
      const reported = { inputTokens, totalTokens, cachedInputTokens, cacheWriteTokens };
      assert.deepEqual(reported, { inputTokens: 40, totalTokens: 42, cachedInputTokens: 10, cacheWriteTokens: 20 });
    },
  },
  {
    name: "law 2: sources are reported with their titles, and lie within the text",
    needs: ["citations"],
    async run({ open }) {
      const script = {
        steps: [
          { text: "It is 🌧 in Oslo" },
          { citation: { url: "https://example.org/oslo", title: "Oslo", startIndex: 6, endIndex: 8 } },
          { citation: { url: "https://example.org/more", title: "More" } },
          { text: ", they say." },
        ],
      };
      const { client } = await open(script, script);
      const { chunks } = await readAll(await client.sendMessageStream(QUESTION));
      const reported = chunks.flatMap((chunk) => (chunk.type === "citation" ? [chunk.url] : []));
      const expected = ["https://example.org/oslo", "https://example.org/more"];
      assert.deepEqual(reported, expected);
      for (const { content, citations } of [finalOf(chunks), await client.sendMessage(QUESTION)]) {
        assert.equal(content, "It is 🌧 in Oslo, they say.");
        assert.deepEqual(
          citations.map(({ url, title }) => ({ url, title })),
          expected.map((url, index) => ({ url, title: ["Oslo", "More"][index] })),
        );
        // Some providers cite words, others only a statement.
        const { startIndex = 0, endIndex = content.length } = citations[0] ?? {};
        assert.match(content.slice(startIndex, endIndex), /^(It is )?🌧( in Oslo.*)?$/u);
      }
    },
  },
  {
    name: "law 2: a picture is a reply, in the message and in one complete chunk, streamed and not",
    needs: ["media"],
    async run({ open }) {
      const picture = { mediaType: "image/png", data: "iVBORw0KGgo=" };
      const script = { steps: [{ media: { ...picture, previews: ["iVBORw0KGgoA"] } }] };
      const { client } = await open(script, script);
      const { chunks } = await readAll(await client.sendMessageStream(QUESTION));
      const reported = chunks.flatMap((chunk) => (chunk.type === "media" && !chunk.partial ? [chunk] : []));
      const shown = (media: readonly Media[] | undefined) => media?.map(({ mediaType, data }) => ({ mediaType, data }));
      assert.deepEqual(shown(reported), [picture]);
      for (const { content, media } of [finalOf(chunks), await client.sendMessage(QUESTION)]) {
        assert.equal(content, "");
        assert.deepEqual(shown(media), [picture]);
      }
    },
  },
  {
    name: "law 2: usage that the provider does not report stays absent, next to an estimate",
    async run({ open }) {
      const { client } = await open({ text: "Nobody counted these words." });
      const { chunks } = await readAll(await client.sendMessageStream(QUESTION));
      const { usage, estimatedUsage } = finalOf(chunks);
      assert.equal(usage, undefined);
      assert.ok(estimatedUsage && estimatedUsage.outputTokens > 0, "there must be an estimate");
      assert.ok(estimatedUsage.inputTokens > 0, "the request must be in the estimate");
    },
  },
  {
    name: "law 2: a reply without any text is a reply",
    async run({ open }) {
      const { client } = await open({ text: [] });
      const { chunks } = await readAll(await client.sendMessageStream(QUESTION));
      assert.equal(finalOf(chunks).content, "");
    },
  },
  {
    name: "law 2: after the end there is nothing more, and the message stays",
    async run({ open }) {
      const { client } = await open({ text: "Done" });
      const stream = await client.sendMessageStream(QUESTION);
      const chunks = stream[Symbol.asyncIterator]();
      let final: unknown;
      for (let step = await chunks.next(); !step.done; step = await chunks.next()) {
        if (step.value.type === "final") final = step.value.message;
      }
      assert.equal((await chunks.next()).done, true);
      assert.deepEqual(await stream.finalMessage(), final);
      assert.deepEqual(stream.partial, final);
    },
  },
  {
    name: "law 2: two replies at once do not mix",
    async run({ open }) {
      const { client } = await open({ text: ["a", "b", "c"] }, { text: ["1", "2", "3"] });
      const letters = await client.sendMessageStream(QUESTION);
      const digits = await client.sendMessageStream(QUESTION);
      const [left, right] = await Promise.all([readAll(letters), readAll(digits)]);
      assert.equal(shownText(left.chunks), "abc");
      assert.equal(shownText(right.chunks), "123");
    },
  },
];
