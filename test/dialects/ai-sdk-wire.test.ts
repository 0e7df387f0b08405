/** The bytes that pages of the AI SDK get: the subset that every supported version accepts, whatever the reply is. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AiSdkEncoder } from "../../src/dialects/ai-sdk/encoder.ts";
import { withoutRewinds } from "../../src/dialects/without-rewinds.ts";
import type { AssistantMessage, MessageChunk } from "../../src/index.ts";
import { aiSdkVersions, textOf, useAiSdk } from "../support/ai-sdk.ts";
import { partsIn, shownText, wireFaults } from "../support/ai-sdk-wire.ts";
import { chunk, text } from "../support/chunks-client.ts";
import { message } from "../support/exposed.ts";

const view = { run: "r", chat: "c", messageId: "m" };
const options = { finishReason: true, resetStep: false, metadata: undefined, isReplay: false };
const opened = { type: "opened", run: "r", provider: "p", model: "toy" } as const;

const short = fc.string({ maxLength: 5 });
const id = fc.constantFrom("a", "b", "c");
const json = fc.jsonValue({ maxDepth: 2 });
const odd = fc.constant(JSON.parse('{"__proto__":1,"x":{"constructor":{"prototype":1}}}') as unknown);

/** Chunks in any order: what a reader of a log may see is less orderly than a reply. */
const anyChunk: fc.Arbitrary<MessageChunk> = fc.oneof(
  { weight: 4, arbitrary: short.map(text) },
  short.map((reasoning) => chunk("reasoning", { reasoning })),
  fc
    .tuple(id, short)
    .map(([call, argumentsDelta]) => chunk("toolCallDelta", { index: 0, id: call, name: "f", argumentsDelta })),
  fc
    .tuple(id, fc.oneof(json, odd))
    .map(([call, args]) => chunk("toolCall", { toolCall: { id: call, name: "f", arguments: args } })),
  fc
    .tuple(
      id,
      fc.oneof(
        short,
        json.map((value) => JSON.stringify(value)),
      ),
      fc.boolean(),
    )
    .map(([call, result, isError]) => chunk("toolResult", { toolCallId: call, name: "f", result, isError })),
  fc.tuple(fc.option(id, { nil: undefined }), fc.oneof(json, odd), fc.boolean()).map(([call, result, isError]) =>
    chunk("providerToolCall", {
      providerToolCall: {
        name: "web_search",
        result,
        ...(call !== undefined && { id: `p${call}` }),
        ...(isError && { isError: true as const }),
      },
    }),
  ),
  short.map((path) => chunk("citation", { url: `https://a.example/${encodeURIComponent(path)}` })),
  short.map((data) => chunk("media", { index: 0, data: btoa(encodeURIComponent(data)), mediaType: "image/png" })),
);

/** No result comes for a call that was not made, and no arguments for one that waits for its result. */
function withCalls(chunks: readonly MessageChunk[]): readonly MessageChunk[] {
  const waiting = new Set<string>();
  return chunks.filter((one) => {
    if (one.type === "toolCallDelta") return !waiting.has(one.id);
    if (one.type === "toolCall") return !waiting.has(one.toolCall.id) && waiting.add(one.toolCall.id);
    return one.type !== "toolResult" || waiting.delete(one.toolCallId);
  });
}

type End = "complete" | "stopped" | "failed" | "away";

function endOf(end: End, fields: Partial<AssistantMessage>): Parameters<AiSdkEncoder["encode"]>[0] {
  switch (end) {
    case "complete":
      return { type: "complete", message: message(fields) };
    case "stopped":
      return { type: "complete", message: message({ finishReason: "stopped", interrupted: true, ...fields }) };
    case "failed":
      return { type: "failed", error: { kind: "network", message: "It failed.", retryable: true } };
    case "away":
      return { type: "reconnect", afterMs: 100 };
  }
}

test("every reply is a stream that each version accepts, and leaves nothing unfinished", () => {
  const batches = fc.array(fc.array(anyChunk, { maxLength: 6 }), { maxLength: 5 });
  const end = fc.constantFrom<End>("complete", "stopped", "failed", "away");
  fc.assert(
    fc.property(batches, end, (given, how) => {
      const chunks = withCalls(given.flat());
      const stream = orderly(chunks, how);
      // A reply that continues elsewhere may be in the middle of a call.
      const faults = wireFaults(stream).filter((fault) => how !== "away" || fault !== "arguments that never end");
      expect(faults).toEqual([]);
      expect(shownText(stream)).toBe(chunks.map(({ content }) => content).join(""));
      const thinking = chunks.map((one) => (one.type === "reasoning" ? one.reasoning : "")).join("");
      expect(shownText(stream, "reasoning")).toBe(thinking);
    }),
    { numRuns: 1_000 },
  );
});

describe.each(aiSdkVersions)("ai $title", (version) => {
  const { scene, open } = useAiSdk(version);

  scene(
    "shows every reply as it is, whatever it is, and nothing of it as unfinished",
    { timeout: 60_000 },
    async () => {
      const ends = fc.constantFrom<End>("complete", "stopped", "failed", "away");
      await fc.assert(
        fc.asyncProperty(fc.array(anyChunk, { maxLength: 25 }), ends, async (given, how) => {
          const chunks = withCalls(given);
          const stream = orderly(chunks, how);
          const answer = stream.replaceAll("\n\n", "\n\n: keep-alive\n\n");
          const page = await open({ url: "http://relay.test/chat", answer: `: keep-alive\n\n${answer}` });
          const { status, error, messages } = await page.call("sendMessage", { text: "Hi" });
          const isError = how === "failed" || how === "away";
          const last = partsIn(stream).at(-1);
          expect([status, error]).toEqual(isError ? ["error", last?.errorText] : ["ready", undefined]);
          const [, reply] = messages;
          expect(textOf(reply)).toBe(shownText(stream));
          const parts = reply?.parts ?? [];
          const thinking = parts.map((part) => (part.type === "reasoning" ? String(part.text) : "")).join("");
          expect(thinking).toBe(shownText(stream, "reasoning"));
          // A reply that continues elsewhere may be in the middle of a call.
          const unfinished = parts.filter(({ state }) => /streaming|input-available/.test(String(state)));
          if (how !== "away") expect(unfinished).toEqual([]);
          const sources = (all: readonly { readonly type: string }[]) =>
            all.filter(({ type }) => /^source|file/.test(type));
          expect(sources(parts)).toHaveLength(sources(partsIn(stream)).length);
        }),
        { numRuns: 100 },
      );
    },
  );
});

describe.each(aiSdkVersions.filter(({ packageName }) => packageName === "ai"))("ai $title", (version) => {
  const { scene, open } = useAiSdk(version);

  scene("shows a reply that takes back words again and again as it is in the end", { timeout: 60_000 }, async () => {
    const rewind = fc
      .tuple(fc.nat(6), fc.nat(4))
      .map(([length, reasoningLength]) => chunk("rewind", { length, reasoningLength }));
    const some = fc.oneof(
      short.map(text),
      short.map((reasoning) => chunk("reasoning", { reasoning })),
      id.map((call) => chunk("toolCallDelta", { index: 0, id: call, name: "f", argumentsDelta: '{"a' })),
      short.map((path) => chunk("citation", { url: `https://a.example/${encodeURIComponent(path)}` })),
      rewind,
    );
    await fc.assert(
      fc.asyncProperty(fc.array(some, { maxLength: 20 }), async (chunks) => {
        const encoder = new AiSdkEncoder(view, { ...options, resetStep: true });
        let answer = encoder.encode(opened);
        for (const one of chunks) answer += encoder.encode({ type: "chunks", chunks: [one] });
        const page = await open({
          url: "http://relay.test/chat",
          answer: answer + encoder.encode(endOf("complete", {})),
        });
        const { error, messages } = await page.call("sendMessage", { text: "Hi" });
        const parts = messages[1]?.parts ?? [];
        const all = (type: string) => parts.map((part) => (part.type === type ? String(part.text) : "")).join("");
        expect([error, all("text"), all("reasoning")]).toEqual([undefined, ...folded(chunks)]);
        expect(parts.filter(({ state }) => /streaming/.test(String(state)))).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });
});

function orderly(chunks: readonly MessageChunk[], end: End): string {
  const encoder = new AiSdkEncoder(view, { ...options, metadata: ({ finishReason }) => ({ finishReason }) });
  let stream = encoder.encode(opened);
  for (const one of chunks) stream += encoder.encode({ type: "chunks", chunks: [one] });
  return stream + encoder.encode(endOf(end, {})) + encoder.encode(endOf("complete", {}));
}

test("text that was taken back before a page has seen it does not show, and the rest does", () => {
  const rewind = fc
    .tuple(fc.nat(8), fc.nat(4))
    .map(([length, reasoningLength]) => chunk("rewind", { length, reasoningLength }));
  const some = fc.array(
    fc.oneof(
      short.map(text),
      short.map((reasoning) => chunk("reasoning", { reasoning })),
      rewind,
    ),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(some, short, (chunks, before) => {
      const shown = folded([text(before), ...withoutRewinds(chunks)]);
      expect(shown).toEqual(folded([text(before), ...chunks]));
      expect(
        withoutRewinds(chunks)
          .slice(1)
          .some(({ type }) => type === "rewind"),
      ).toBe(false);
    }),
    { numRuns: 1_000 },
  );
});

function folded(chunks: readonly MessageChunk[]): readonly string[] {
  let [content, reasoning] = ["", ""];
  for (const one of chunks) {
    if (one.type === "rewind") {
      content = content.slice(0, Math.max(0, content.length - one.length));
      reasoning = reasoning.slice(0, Math.max(0, reasoning.length - one.reasoningLength));
    } else if (one.type === "reasoning") reasoning += one.reasoning;
    else content += one.content;
  }
  return [content, reasoning];
}

describe("the ends of a reply", () => {
  test.each([
    ["complete", "finish"],
    ["stopped", "abort"],
    ["failed", "error"],
    ["away", "error"],
  ] as const)("%s is said by %s", (end, type) => {
    const parts = partsIn(orderly([text("Hello")], end));
    expect(parts.at(-1)?.type).toBe(type);
    expect(parts.filter((part) => part.type === "text-end")).toHaveLength(1);
  });

  test("a failure before the reply has opened is an error, and nothing else", () => {
    const encoder = new AiSdkEncoder(view, options);
    const stream = encoder.encode(endOf("failed", {}));
    expect(partsIn(stream)).toEqual([{ type: "error", errorText: "It failed." }]);
    expect(encoder.isOver).toBe(true);
  });

  test("nothing follows the end", () => {
    const encoder = new AiSdkEncoder(view, options);
    encoder.encode(opened);
    encoder.encode({ type: "chunks", chunks: [text("Hello")] });
    expect(encoder.encode({ type: "chunks", chunks: [chunk("rewind", { length: 2, reasoningLength: 0 })] })).toContain(
      '"error"',
    );
    expect(encoder.isOver).toBe(true);
    expect(encoder.encode({ type: "chunks", chunks: [text("more")] }) + encoder.encode(endOf("complete", {}))).toBe("");
  });

  test("a call that was begun and taken back is closed, or begun again", () => {
    const delta = (call: string, argumentsDelta: string) =>
      chunk("toolCallDelta", { index: 0, id: call, name: "f", argumentsDelta });
    const encoder = new AiSdkEncoder(view, options);
    let stream = encoder.encode(opened);
    stream += encoder.encode({ type: "chunks", chunks: [delta("a", '{"x'), delta("b", '{"y')] });
    stream += encoder.encode({ type: "chunks", chunks: [chunk("rewind", { length: 0, reasoningLength: 0 })] });
    stream += encoder.encode({ type: "chunks", chunks: [delta("a", "{}")] });
    const toolCall = { id: "a", name: "f", arguments: {} };
    stream += encoder.encode({ type: "chunks", chunks: [chunk("toolCall", { toolCall })] });
    stream += encoder.encode(endOf("complete", { toolCalls: [toolCall], finishReason: "toolCalls" }));
    expect(wireFaults(stream)).toEqual([]);
    expect(partsIn(stream).filter(({ type }) => type === "tool-input-error")).toMatchObject([{ toolCallId: "b" }]);
    expect(partsIn(stream).filter(({ toolCallId, type }) => toolCallId === "a" && type.includes("output"))).toEqual([]);
  });
});

describe("a message that goes on", () => {
  const before = [
    text("I look."),
    chunk("toolCall", { toolCall: { id: "a", name: "where", arguments: {} } }),
    chunk("toolResult", { toolCallId: "a", name: "where", result: '"Oslo"', isError: false }),
  ];
  const shown = (isReplay: boolean): readonly string[] => {
    const encoder = new AiSdkEncoder({ ...view, before }, { ...options, isReplay });
    const events = [opened, { type: "chunks", chunks: [text("Near.")] } as const, endOf("complete", {})];
    return partsIn(events.map((event) => encoder.encode(event)).join("")).map(({ type }) => type);
  };

  test("shows the page that sent the result only the rest, in a step of its own", () => {
    expect(shown(false)).toEqual([
      "start",
      "start-step",
      "text-start",
      "text-delta",
      "text-end",
      "finish-step",
      "finish",
    ]);
  });

  test("shows every other page the whole message", () => {
    const textParts = ["text-start", "text-delta", "text-end"];
    expect(shown(true)).toEqual([
      "start",
      "start-step",
      ...textParts,
      "tool-input-available",
      "tool-output-available",
      "finish-step",
      "start-step",
      ...textParts,
      "finish-step",
      "finish",
    ]);
  });
});
