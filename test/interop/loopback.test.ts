/** The loopback server is read by the providers' own libraries as it is by our clients: it writes what providers write. */

import { type ReplyScript, startProviderServer } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { both, FORMATS, HOW, peersMissing, type Result } from "./compare.ts";

const USAGE = { inputTokens: 40, outputTokens: 20, cachedInputTokens: 30, reasoningTokens: 5 };

const REPLIES: readonly (readonly [string, ReplyScript, Partial<Result>])[] = [
  ["text", { text: ["Grüße ", "🌍", "!"] }, { text: "Grüße 🌍!", calls: [] }],
  ["text and usage", { text: "Hi", ending: { usage: USAGE } }, { usage: { input: 40, output: 20, total: 60 } }],
  [
    "thinking",
    { steps: [{ reasoning: ["Hm, ", "well."] }, { text: "Yes" }], ending: { usage: USAGE } },
    { text: "Yes", reasoning: "Hm, well." },
  ],
  [
    "calls after text",
    {
      steps: [
        { text: "Let me see." },
        { toolCall: { id: "call_a", name: "weather", fragments: ['{"city":', '"Oslo"}'] } },
        { toolCall: { id: "call_b", name: "now" } },
      ],
    },
    {
      text: "Let me see.",
      calls: [
        { id: "call_a", name: "weather", arguments: { city: "Oslo" } },
        { id: "call_b", name: "now", arguments: {} },
      ],
    },
  ],
  [
    "citations",
    {
      steps: [
        { text: "It is 🌧 in Oslo." },
        { citation: { url: "https://example.org/oslo", title: "Oslo", startIndex: 6, endIndex: 8 } },
        { text: " Bring a coat." },
      ],
    },
    { text: "It is 🌧 in Oslo. Bring a coat." },
  ],
  ["a limit", { text: "Half", ending: { finishReason: "length" } }, { text: "Half" }],
  ["a filter", { text: "Half", ending: { finishReason: "contentFilter" } }, { text: "Half" }],
  ["a refusal", { text: "No.", ending: { finishReason: "refusal" } }, { text: "No." }],
];

describe.skipIf(peersMissing)(`the loopback server${peersMissing ? ` (${peersMissing})` : ""}`, () => {
  describe.each(FORMATS)("in $name", (format) => {
    describe.each(HOW)("%s", (how) => {
      test.each(REPLIES)("a reply with %s is the same to both", async (_what, script, due) => {
        await using server = await startProviderServer(() => script);
        const { ours, theirs } = await both(format, how, server.origin, "hello");
        // Every request has ids of its own.
        expect({ ...ours, id: theirs.id }).toEqual(theirs);
        expect(ours.id?.replace(/\d+$/, "")).toBe(theirs.id?.replace(/\d+$/, ""));
        expect(ours).toMatchObject(due);
      });

      test.each([400, 401, 403, 404, 429, 500, 503])("a refusal with status %i is the same to both", async (status) => {
        const refusal = { status, message: "Not now.", headers: { "retry-after": "3", "x-should-retry": "false" } };
        await using server = await startProviderServer(() => ({ refusal }));
        const { ours, theirs } = await both(format, how, server.origin, "hello");
        expect(theirs.failed).toMatchObject({ status, message: expect.stringContaining("Not now.") });
        expect(ours.failed).toMatchObject({ status, message: expect.stringContaining("Not now.") });
        if (theirs.failed?.code !== undefined) expect(ours.failed?.code).toBe(theirs.failed.code);
      });
    });

    test("a cut connection is an error to both, after the same text", async () => {
      await using server = await startProviderServer(() => ({ text: ["One ", "two "], ending: "reset" }));
      const { ours, theirs } = await both(format, "stream", server.origin, "hello");
      expect(ours).toMatchObject({ text: "One two ", failed: { kind: "network" } });
      expect(theirs).toMatchObject({ text: "One two ", failed: {} });
    });

    test("an error inside a reply is one to both, in the same words", async () => {
      const error = { message: "The engine is on fire.", code: "overloaded_error" };
      await using server = await startProviderServer(() => ({ text: "One ", ending: { error } }));
      const { ours, theirs } = await both(format, "stream", server.origin, "hello");
      expect(ours).toMatchObject({ text: "One ", failed: { code: error.code } });
      expect(ours.failed?.message).toContain(error.message);
      // Google's library finds the words only where they come in a read of their own.
      expect(theirs.failed?.message).toContain(format.name === "Gemini" ? "" : error.message);
    });
  });
});
