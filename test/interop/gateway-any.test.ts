/** Any reply at all, as each library of OpenAI and Anthropic reads it from a gateway: complete, or as an error. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { MessageChunk, ToolCall } from "../../src/index.ts";
import { type ChunksReply, chunk, chunksClient, text } from "../support/chunks-client.ts";
import { gatewaySite, KEY, testGateway } from "../support/gateway.ts";
import { type Library, libraryOf, pythonLibrary } from "./library.ts";

const messages = [{ role: "user", content: "Hello" }];
const tools = (tool: object) => [{ ...tool, name: "look" }];
const LOOK = { type: "function", function: { name: "look", parameters: { type: "object" } } };

/** What a library made of a reply, whichever API it speaks. */
interface Seen {
  readonly text: string;
  readonly calls: readonly (readonly [id: unknown, name: unknown, input: unknown])[];
}

/** An API, its libraries, and how to read what they return. */
interface Api {
  readonly libraries: readonly Library[];
  readonly params: object;
  raw(seen: Record<string, unknown>): Seen;
  helper(seen: Record<string, unknown>): Seen;
}

type Called = readonly { readonly id: string; readonly name: string; readonly text: string }[];
type Blocks = readonly Readonly<Record<string, unknown>>[];

const chat = (seen: Record<string, unknown>): Seen => ({
  text: String(seen.text),
  calls: (seen.calls as Called).map((call) => [call.id, call.name, JSON.parse(call.text)]),
});

const response = (output: Blocks): Seen => ({
  text: output.flatMap(({ content }) => ((content as Blocks) ?? []).map((part) => part.text ?? "")).join(""),
  calls: output
    .filter(({ type }) => type === "function_call")
    .map((item) => [item.call_id, item.name, JSON.parse(String(item.arguments))]),
});

const APIS: Readonly<Record<string, Api>> = {
  "Chat Completions": {
    libraries: [libraryOf("openAi", "openai"), libraryOf("openAi", "openai-7", true), pythonLibrary("openAi")],
    params: { model: "any", messages, tools: [LOOK], stream_options: { include_usage: true } },
    raw: chat,
    helper: chat,
  },
  Responses: {
    libraries: [libraryOf("responses", "openai"), libraryOf("responses", "openai-7", true), pythonLibrary("responses")],
    params: { model: "any", input: "Hello", tools: tools({ type: "function", parameters: { type: "object" } }) },
    raw: (seen) => response((seen.response as { output: Blocks }).output),
    helper: (seen) => response(seen.output as Blocks),
  },
  "Anthropic Messages": {
    libraries: [
      libraryOf("anthropic", "anthropic-sdk-0"),
      libraryOf("anthropic", "@anthropic-ai/sdk"),
      libraryOf("anthropic", "anthropic-sdk-1.14"),
      pythonLibrary("anthropic"),
    ],
    params: { model: "any", max_tokens: 100, messages, tools: tools({ input_schema: { type: "object" } }) },
    raw: chat,
    helper: ({ content }) => ({
      text: (content as Blocks).map((block) => (block.type === "text" ? block.text : "")).join(""),
      calls: (content as Blocks)
        .filter(({ type }) => type === "tool_use")
        .map(({ id, name, input }) => [id, name, input]),
    }),
  },
};

/** Text that an event, a line or an encoding could be broken by, among others. */
const said = fc.oneof(fc.string({ maxLength: 6 }), fc.constantFrom("\r\n\n", "data: [DONE]\n\n", "\u2028", "🌍", "\0"));

const act = fc.oneof(
  { weight: 4, arbitrary: said.map(text) },
  { weight: 2, arbitrary: said.map((reasoning) => chunk("reasoning", { reasoning })) },
  fc.record({ index: fc.nat(2), argumentsDelta: fc.constantFrom('{"at":', "1", "2") }),
  fc.constant(chunk("citation", { url: "https://a.example/", title: "A" })),
  fc.constant(chunk("media", { index: 0, mediaType: "image/png", data: "aGk=" })),
);

interface Reply extends Seen {
  readonly chunks: readonly MessageChunk[];
  readonly toolCalls: readonly ToolCall[];
}

/** A reply whose calls arrive in pieces, several at a time; each is complete at the end. */
const reply: fc.Arbitrary<Reply> = fc.array(act, { maxLength: 14 }).map((acts) => {
  const chunks: MessageChunk[] = [];
  const written = new Map<number, string>();
  const piece = (index: number, argumentsDelta: string) => {
    written.set(index, (written.get(index) ?? "") + argumentsDelta);
    return chunk("toolCallDelta", { index, id: `call_${index}`, name: "look", argumentsDelta });
  };
  for (const next of acts) {
    if ("type" in next) chunks.push(next);
    else if (!written.has(next.index)) chunks.push(piece(next.index, '{"at":'));
    else if (next.argumentsDelta !== '{"at":') chunks.push(piece(next.index, next.argumentsDelta));
  }
  const toolCalls = [...written.keys()].map((index): ToolCall => {
    chunks.push(piece(index, "0}"));
    return { id: `call_${index}`, name: "look", arguments: JSON.parse(written.get(index) ?? "") };
  });
  for (const toolCall of toolCalls) chunks.push(chunk("toolCall", { toolCall }));
  return {
    chunks,
    toolCalls,
    text: chunks.map(({ content }) => content).join(""),
    calls: toolCalls.map(({ id, name, arguments: input }) => [id, name, input]),
  };
});

describe.each(Object.entries(APIS))("%s", (_api, { libraries, params, ...read }) => {
  describe.each(libraries)("$id", ({ call, missing }) => {
    describe.skipIf(missing)(missing ?? "installed", () => {
      async function seenOf(
        method: "raw" | "helper",
        chunks: ChunksReply,
        end: object,
      ): Promise<Record<string, unknown>> {
        await using site = await gatewaySite(testGateway([], { client: chunksClient([chunks], end) }));
        return await call(method, { origin: site.origin, key: KEY, params });
      }

      test.each(["raw", "helper"] as const)(
        "any reply is read as it is, or is an error (%s)",
        { timeout: 120_000 },
        async (method) => {
          await fc.assert(
            fc.asyncProperty(reply, fc.boolean(), async ({ chunks, toolCalls, text: words, calls }, isBroken) => {
              const finishReason = toolCalls.length > 0 ? "toolCalls" : "stop";
              const ending = isBroken ? [new Error("broken")] : [];
              const seen = await seenOf(method, [...chunks, ...ending], { toolCalls, finishReason });
              if (isBroken) expect(seen.error).toMatchObject({ message: expect.stringMatching(/\.$|\}$/) });
              else expect(read[method](seen)).toEqual({ text: words, calls });
            }),
            { numRuns: 20 },
          );
        },
      );
    });
  });
});
