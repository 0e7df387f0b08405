/** What a reply costs grows with the reply, not faster: operations are counted, no time is measured. */

import { ClaudeClient, CompatibleClient, GeminiClient, type MessageChunk, OpenAIClient } from "cloudllm";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Fold } from "../../src/stream/fold.ts";
import { PartialJson } from "../../src/stream/partial-json.ts";
import type { ReplyFacts } from "../../src/stream/reply-facts.ts";

const spies: { mockRestore(): void }[] = [];
afterEach(() => {
  for (const spy of spies.splice(0)) spy.mockRestore();
});

/** Characters that were looked at one by one while `run` ran. */
function charactersLookedAt(run: () => void): number {
  const counted = countingCharacters();
  run();
  counted.restore();
  return counted.count;
}

/** Counts the characters, and the bytes that are decoded, until the spies are put back. */
function countingCharacters() {
  const counted = { count: 0, restore: () => restored.forEach((spy) => void spy.mockRestore()) };
  const { charCodeAt, codePointAt, [Symbol.iterator]: each } = String.prototype;
  const { decode } = TextDecoder.prototype;
  const restored = [
    vi.spyOn(String.prototype, "charCodeAt").mockImplementation(function (this: string, at: number) {
      counted.count++;
      return charCodeAt.call(this, at);
    }),
    vi.spyOn(String.prototype, "codePointAt").mockImplementation(function (this: string, at: number) {
      counted.count++;
      return codePointAt.call(this, at);
    }),
    vi.spyOn(String.prototype, Symbol.iterator).mockImplementation(function (this: string) {
      counted.count += this.length;
      return each.call(this);
    }),
    vi.spyOn(TextDecoder.prototype, "decode").mockImplementation(function (this: TextDecoder, bytes, options) {
      counted.count += bytes?.byteLength ?? 0;
      return decode.call(this, bytes, options);
    }),
  ];
  spies.push(...restored);
  return counted;
}

const text = (content: string): MessageChunk => ({ type: "text", content, isFinal: false });

function foldOf(chunks: readonly MessageChunk[], look: (fold: Fold) => void, facts: Partial<ReplyFacts> = {}): void {
  const fold = new Fold({ provider: "p", model: "m", attempts: [], ...facts });
  for (const chunk of chunks) {
    fold.add(chunk);
    look(fold);
  }
}

const NO_METRICS = () => ({ durationMs: 0, chunks: 0, longestGapMs: 0, attempts: [] });
const repeated = <T>(count: number, make: (index: number) => T) => Array.from({ length: count }, (_, at) => make(at));

/** Twice as much may cost twice as much, and some more. */
function expectLinear(costOf: (size: number) => number, size = 2_000): void {
  expect(costOf(2 * size)).toBeLessThan(2.3 * costOf(size) + 1_000);
}

describe("a live look at each chunk", () => {
  const pieces = (size: number) => repeated(size, (at) => text(`word ${at} `));
  const calls = (size: number) =>
    repeated(
      size,
      (at): MessageChunk => ({
        type: "toolCallDelta",
        content: "",
        index: 0,
        id: "a",
        name: "look",
        argumentsDelta: `"${at}",`,
        isFinal: false,
      }),
    );

  test.each([
    ["stream.partial of text", pieces, (fold: Fold) => void fold.message("running", NO_METRICS)],
    ["stream.metrics of text", pieces, (fold: Fold) => void fold.outputTokens()],
    ["stream.partial of a call", calls, (fold: Fold) => void fold.message("running", NO_METRICS)],
    ["stream.metrics of a call", calls, (fold: Fold) => void fold.outputTokens()],
  ])("%s looks at its beginning, not at all of it again", (_what, chunks, look) => {
    expectLinear((size) => charactersLookedAt(() => foldOf(chunks(size), look)));
  });

  test("stream.partial of pictures sorts only what came since the last look", () => {
    const picture = (index: number): MessageChunk =>
      ({ type: "media", content: "", index, mediaType: "image/png", data: "iVBORw0KGgo=", isFinal: false }) as const;
    const sort = vi.spyOn(Array.prototype, "sort");
    spies.push(sort);
    let last: readonly unknown[] = [];
    foldOf(repeated(300, picture), (fold) => {
      last = fold.message("running", NO_METRICS).media ?? [];
    });
    expect(sort.mock.contexts.filter((list) => (list as unknown[]).length > 10)).toHaveLength(0);
    expect(last).toHaveLength(300);
  });

  test("counts the request once", () => {
    const estimateInput = vi.fn(() => 7);
    foldOf(pieces(100), (fold) => void fold.message("running", NO_METRICS), { estimateInput });
    expect(estimateInput).toHaveBeenCalledTimes(1);
  });

  test("shows the calls and citations by the same lists as long as none is added", () => {
    const fold = new Fold({ provider: "p", model: "m", attempts: [] });
    const message = () => fold.message("running", NO_METRICS);
    fold.add({ type: "toolCall", content: "", toolCall: { id: "a", name: "b", arguments: {} }, isFinal: false });
    fold.add({ type: "citation", content: "", url: "https://example.com/", isFinal: false });
    const before = message();
    fold.add(text("more"));
    expect(message().toolCalls).toBe(before.toolCalls);
    expect(message().citations).toBe(before.citations);
    fold.add({ type: "toolCall", content: "", toolCall: { id: "c", name: "b", arguments: {} }, isFinal: false });
    expect(message().toolCalls).toHaveLength(2);
    expect(before.toolCalls).toHaveLength(1);
  });

  test("shows what a call that is open has so far, and what was shown stays as it was", () => {
    const views: unknown[] = [];
    foldOf(calls(3), (fold) => views.push(fold.message("running", NO_METRICS).unfinishedToolCalls?.[0]?.argumentsText));
    expect(views).toEqual(['"0",', '"0","1",', '"0","1","2",']);
  });
});

test("many calls that are open at once are closed one by one, each by its own id", () => {
  expectLinear((size) => {
    let reads = 0;
    const idOf = (at: number) => ({
      name: "look",
      arguments: {},
      get id() {
        reads++;
        return `call_${at}`;
      },
    });
    const begun = repeated(size, (at): MessageChunk => ({ ...delta, index: at, id: `call_${at}` }));
    const closed = repeated(
      size,
      (at): MessageChunk => ({ type: "toolCall", content: "", toolCall: idOf(at), isFinal: false }),
    );
    foldOf([...begun, ...closed], () => undefined);
    return reads;
  }, 500);
});
const delta = { type: "toolCallDelta", content: "", name: "look", argumentsDelta: "{}", isFinal: false } as const;

describe("JSON that is looked at with each piece", () => {
  /** Members that the views hold which it was given. */
  function membersCopied(pieces: readonly string[]): number {
    const json = new PartialJson();
    let shown: unknown;
    let copied = 0;
    for (const piece of pieces) {
      json.push(piece);
      const { value } = json;
      if (value === shown) continue;
      shown = value;
      copied += value && typeof value === "object" ? Object.keys(value).length : 1;
    }
    return copied;
  }

  test.each([
    ["a flat array", (size: number) => ["[", ...repeated(size, (at) => `${at},`), "0]"]],
    ["a flat object", (size: number) => ["{", ...repeated(size, (at) => `"field${at}":${at},`), '"last":0}']],
    [
      "a text behind many fields",
      (size: number) => [
        `{${repeated(1_000, (at) => `"f${at}":0,`).join("")}"text":"`,
        ...repeated(size, () => "word "),
      ],
    ],
  ])("copies in proportion to what came: %s", (_name, pieces) => {
    const all = pieces(4_000);
    // A view of few members is made each time: 1 + 2 + … + 256.
    expect(membersCopied(all)).toBeLessThan(5 * all.join("").length + 256 * 128);
  });

  test("shows all that came when nothing more can come", () => {
    const json = new PartialJson();
    json.push("[");
    for (let at = 0; at < 1_000; at++) {
      json.push(`${at},`);
      void json.value;
    }
    expect(() => json.end()).toThrow(SyntaxError);
    expect(json.value).toHaveLength(1_000);
  });

  test("shows every element at once while they are few", () => {
    const json = new PartialJson();
    json.push("[");
    for (let at = 1; at <= 256; at++) {
      json.push(`${at},`);
      expect(json.value).toHaveLength(at);
    }
  });

  test.each([
    ["written as escapes", ["\\ud83d", "\\ude00"]],
    ["written plainly", ["\ud83d", "\ude00"]],
    ["half as an escape", ["\\ud83d", "\ude00"]],
  ])("never shows half a character, %s, and never looks for it in the text", (_how, halves) => {
    const json = new PartialJson();
    const slice = vi.spyOn(String.prototype, "slice");
    spies.push(slice);
    json.push('"');
    for (let at = 1; at <= 500; at++) {
      for (const [which, half] of halves.entries()) {
        json.push(half);
        expect(String(json.value).length).toBe(2 * (at - 1 + which));
      }
    }
    expect(slice.mock.contexts.filter((sliced) => String(sliced).length > 12)).toHaveLength(0);
    json.push('"');
    expect(json.end()).toBe("😀".repeat(500));
  });
});

describe("a reply on the wire", () => {
  const events = (list: readonly object[]) => list.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("");
  const answering = (body: string) => ({
    apiKey: "k",
    model: "m",
    baseUrl: "http://localhost/v1",
    fetch: async () => new Response(body, { headers: { "content-type": "text/event-stream" } }),
  });
  const chat = (deltas: readonly object[], finish_reason: string) =>
    `${events([...deltas, {}].map((delta, at) => ({ id: "c", choices: [{ index: 0, delta, ...(at === deltas.length && { finish_reason }) }] })))}data: [DONE]\n\n`;

  /** Characters looked at from the request to the message. */
  async function cost(client: { sendMessageStream: CompatibleClient["sendMessageStream"] }) {
    const counted = countingCharacters();
    const message = await (await client.sendMessageStream([{ role: "user", content: "?" }])).finalMessage();
    counted.restore();
    return { count: counted.count, message };
  }

  test.each([
    [
      "Chat Completions, sources after each sentence",
      (size: number) =>
        new CompatibleClient(
          answering(
            chat(
              repeated(size, (at) => ({
                content: "😀 Ten. ",
                annotations: [
                  { url_citation: { url: `https://example.com/${at}`, start_index: at * 7, end_index: at * 7 + 6 } },
                ],
              })),
              "stop",
            ),
          ),
        ),
    ],
    [
      "Responses, sources after each sentence",
      (size: number) =>
        new OpenAIClient(
          answering(
            events([
              ...repeated(size, (at) => [
                { type: "response.output_text.delta", output_index: 0, content_index: 0, delta: "😀 Ten. " },
                {
                  type: "response.output_text.annotation.added",
                  output_index: 0,
                  content_index: 0,
                  annotation: {
                    type: "url_citation",
                    url: `https://example.com/${at}`,
                    start_index: at * 7,
                    end_index: at * 7 + 6,
                  },
                },
              ]).flat(),
              { type: "response.completed", response: { id: "r", status: "completed", output: [] } },
            ]),
          ),
        ),
    ],
    [
      "Gemini, all sources at the end",
      (size: number) =>
        new GeminiClient(
          answering(
            events([
              ...repeated(size, () => ({ candidates: [{ content: { parts: [{ text: "😀 Ten. " }] } }] })),
              {
                candidates: [
                  {
                    finishReason: "STOP",
                    groundingMetadata: {
                      groundingChunks: repeated(size, (at) => ({ web: { uri: `https://example.com/${at}` } })),
                      groundingSupports: repeated(size, (at) => ({
                        groundingChunkIndices: [at],
                        segment: { startIndex: at * 10, endIndex: at * 10 + 9, text: "😀 Ten." },
                      })),
                    },
                  },
                ],
              },
            ]),
          ),
        ),
    ],
  ])("with citations costs in proportion to its text: %s", async (_name, clientOf) => {
    const some = await cost(clientOf(300));
    const more = await cost(clientOf(1_200));
    expect(more.message.citations).toHaveLength(1_200);
    const { content, citations } = more.message;
    for (const { startIndex, endIndex } of citations)
      expect(content.slice(startIndex, endIndex).trim()).toBe("😀 Ten.");
    expect(more.count).toBeLessThan(5 * some.count);
  });

  test("whose pieces of one call bring an id each is one call, each piece parsed by itself", async () => {
    const pieces = repeated(2_000, (at) => `"word ${at}",`);
    const texts = ['{"list":[', ...pieces, '"end"]}'];
    const calls = texts.map((piece, at) => ({
      tool_calls: [{ index: 0, id: `id_${at}`, function: { ...(at === 0 && { name: "look" }), arguments: piece } }],
    }));
    const parse = vi.spyOn(JSON, "parse");
    spies.push(parse);
    const { message } = await cost(new CompatibleClient(answering(chat(calls, "tool_calls"))));
    const parsed = parse.mock.calls.filter(([json]) => json.startsWith('{"list":['));
    expect(parsed.length).toBeLessThan(4);
    expect(message.toolCalls).toHaveLength(1);
    expect(message.toolCalls[0]?.arguments).toMatchObject({ list: { length: 2_001 } });
  });

  test("with details of its thinking that have no index looks for none of them", async () => {
    const details = repeated(500, (at) => ({
      reasoning_details: [{ type: "reasoning.text", text: `thought ${at}. ` }],
    }));
    const find = vi.spyOn(Array.prototype, "find");
    spies.push(find);
    const { message } = await cost(
      new CompatibleClient({ ...answering(chat([...details, { content: "So." }], "stop")) }),
    );
    expect(find.mock.contexts.filter((list) => (list as unknown[]).length > 100)).toHaveLength(0);
    expect(message.reasoning).toContain("thought 499.");
  });

  /** Elements of lists that were sorted, searched or gone through by the methods of lists while the call ran. */
  async function elements(client: { sendMessageStream: CompatibleClient["sendMessageStream"] }) {
    let count = 0;
    const methods = ["sort", "map", "filter", "find", "findIndex", "some"] as const;
    const restored = methods.map((name) => {
      const own = Array.prototype[name] as (this: unknown[], ...given: unknown[]) => unknown;
      return vi.spyOn(Array.prototype, name).mockImplementation(function (this: unknown[], ...given: unknown[]) {
        count += this.length;
        return own.apply(this, given);
      } as never);
    });
    spies.push(...restored);
    const message = await (await client.sendMessageStream([{ role: "user", content: "?" }])).finalMessage();
    for (const spy of restored) spy.mockRestore();
    return { count, message };
  }

  /** Searches that run at Anthropic, and their results in the opposite order. */
  const claude = (size: number) => {
    const blocks = [
      ...repeated(size, (at) => ({ type: "server_tool_use", id: `s${at}`, name: "web_search", input: {} })),
      ...repeated(size, (at) => ({ type: "web_search_tool_result", tool_use_id: `s${size - 1 - at}`, content: [] })),
    ];
    return events([
      { type: "message_start", message: { id: "m" } },
      ...blocks.flatMap((block, index) => [
        { type: "content_block_start", index, content_block: block },
        { type: "content_block_stop", index },
      ]),
      { type: "message_delta", delta: { stop_reason: "end_turn" } },
      { type: "message_stop" },
    ]);
  };

  test.each<readonly [string, (size: number) => { sendMessageStream: CompatibleClient["sendMessageStream"] }]>([
    [
      "calls over Responses, each kept as soon as it came",
      (size) =>
        new OpenAIClient(
          answering(
            events([
              ...repeated(size, (at) => ({
                type: "response.output_item.done",
                output_index: at,
                item: { type: "function_call", call_id: `c${at}`, name: "look", arguments: "{}", status: "completed" },
              })),
              { type: "response.completed", response: { id: "r", status: "completed", output: [] } },
            ]),
          ),
        ),
    ],
    [
      "pictures over Responses",
      (size) =>
        new OpenAIClient(
          answering(
            events([
              ...repeated(size, (at) => ({
                type: "response.output_item.done",
                output_index: at,
                item: { type: "image_generation_call", id: `i${at}`, status: "completed", result: "iVBORw0KGgo=" },
              })),
              { type: "response.completed", response: { id: "r", status: "completed", output: [] } },
            ]),
          ),
        ),
    ],
    ["searches at Anthropic, answered in reverse", (size) => new ClaudeClient(answering(claude(size)))],
    [
      "calls that Gemini answers itself, in reverse",
      (size) =>
        new GeminiClient(
          answering(
            events(
              [
                ...repeated(size, (at) => ({ functionCall: { id: `c${at}`, name: "look", args: {} } })),
                ...repeated(size, (at) => ({
                  functionResponse: { id: `c${size - 1 - at}`, name: "look", response: {} },
                })),
              ].map((part) => ({ candidates: [{ content: { parts: [part] } }] })),
            ) + events([{ candidates: [{ finishReason: "STOP" }] }]),
          ),
        ),
    ],
  ])("of many %s costs in proportion to them", async (_name, clientOf) => {
    const some = await elements(clientOf(200));
    const more = await elements(clientOf(800));
    const { toolCalls, providerToolCalls = [] } = more.message;
    expect(toolCalls.length + providerToolCalls.length).toBe(800);
    expect(providerToolCalls.filter(({ result }) => result === undefined).length % 800).toBe(0);
    expect(more.count).toBeLessThan(5 * some.count + 5_000);
  });
});
