/**
 * What was searched for and what is cited, in one shape for all: places are UTF-16 offsets into the message's text, whether
 * the provider counts bytes, code points or not at all.
 */

import type { Citation } from "cloudllm";
import { describe, expect, test } from "vitest";
import { bodiesOf, recordingsMissing, recordingsOf } from "../support/recordings.ts";
import { type ClientName, events, useRequestRecorder } from "../support/sent-requests.ts";

const recorder = useRequestRecorder();

/** 😀 is one code point, two UTF-16 units, four bytes; é and ü one, one, two; 漢 one, one, three. */
const BEFORE = "😀é漢 before. ";
const CITED = "Ünïcode 😀 said.";
const AFTER = " After 😀.";
const TEXT = BEFORE + CITED + AFTER;
const points = (text: string) => [...text].length;
const bytes = (text: string) => Buffer.byteLength(text);
const A = { url: "https://a.com", title: "A" };

/** The text between a citation's places. */
function placed({ startIndex, endIndex }: Partial<Citation>, content: string): string | undefined {
  return startIndex === undefined ? undefined : content.slice(startIndex, endIndex);
}

const responsesText = (text: string, ...annotations: readonly object[]) => ({ type: "output_text", text, annotations });
const urlCitation = (from: number, to: number) => ({ type: "url_citation", ...A, start_index: from, end_index: to });
const inText = urlCitation(points(BEFORE), points(BEFORE + CITED));

/** Replies that all say the same and cite the same statement. */
const REPLIES: readonly (readonly [string, ClientName, string])[] = [
  [
    "Anthropic's blocks, a statement each",
    "claude",
    events(
      { type: "message_start", message: { id: "m", content: [] } },
      { type: "content_block_start", index: 0, content_block: { type: "text", text: BEFORE } },
      { type: "content_block_stop", index: 0 },
      { type: "content_block_start", index: 1, content_block: { type: "text", text: "", citations: [] } },
      {
        type: "content_block_delta",
        index: 1,
        delta: { type: "citations_delta", citation: { type: "web_search_result_location", ...A, cited_text: "x" } },
      },
      { type: "content_block_delta", index: 1, delta: { type: "text_delta", text: CITED } },
      { type: "content_block_stop", index: 1 },
      { type: "content_block_start", index: 2, content_block: { type: "text", text: AFTER } },
      { type: "content_block_stop", index: 2 },
      { type: "message_delta", delta: { stop_reason: "end_turn" } },
      { type: "message_stop" },
    ),
  ],
  [
    "code points of Responses, reported while the text comes",
    "openai",
    events(
      { type: "response.output_text.delta", output_index: 0, content_index: 0, delta: BEFORE + CITED },
      { type: "response.output_text.annotation.added", output_index: 0, content_index: 0, annotation: inText },
      { type: "response.output_text.delta", output_index: 0, content_index: 0, delta: AFTER },
      {
        type: "response.output_item.done",
        output_index: 0,
        item: { type: "message", content: [responsesText(TEXT, inText)] },
      },
      { type: "response.completed", response: { id: "r", status: "completed", output: [] } },
    ),
  ],
  [
    "code points of Responses, reported before the text",
    "openai",
    events(
      { type: "response.output_text.annotation.added", output_index: 0, content_index: 0, annotation: inText },
      { type: "response.output_text.delta", output_index: 0, content_index: 0, delta: TEXT },
      {
        type: "response.output_item.done",
        output_index: 0,
        item: { type: "message", content: [responsesText(TEXT, inText)] },
      },
      { type: "response.completed", response: { id: "r", status: "completed", output: [] } },
    ),
  ],
  [
    "code points in the second part of the second message of a response",
    "openai",
    events({
      type: "response.completed",
      response: {
        id: "r",
        status: "completed",
        output: [
          { type: "message", content: [responsesText("😀é")] },
          { type: "web_search_call", id: "ws", status: "completed", action: { type: "search", query: "q" } },
          {
            type: "message",
            content: [responsesText("漢 before. "), responsesText(CITED + AFTER, urlCitation(0, points(CITED)))],
          },
        ],
      },
    }),
  ],
  [
    "code points of Chat Completions, at the end",
    "openai chat",
    `${events(
      { id: "c", choices: [{ index: 0, delta: { content: TEXT } }] },
      { id: "c", choices: [{ index: 0, delta: { annotations: [{ type: "url_citation", url_citation: inText }] } }] },
      { id: "c", choices: [{ index: 0, delta: {}, finish_reason: "stop" }] },
    )}data: [DONE]\n\n`,
  ],
  [
    "code points of Chat Completions, before the text is there",
    "openrouter",
    `${events(
      { id: "c", choices: [{ index: 0, delta: { content: BEFORE, annotations: [{ url_citation: inText }] } }] },
      { id: "c", choices: [{ index: 0, delta: { content: CITED + AFTER } }] },
      { id: "c", choices: [{ index: 0, delta: {}, finish_reason: "stop" }] },
    )}data: [DONE]\n\n`,
  ],
  [
    "bytes of Gemini, reported with the last event",
    "gemini",
    events(
      {
        candidates: [
          { content: { parts: [{ text: "thinking 😀", thought: true }, { text: BEFORE }] }, groundingMetadata: {} },
        ],
      },
      { candidates: [{ content: { parts: [{ text: CITED }] } }] },
      {
        candidates: [
          {
            content: { parts: [{ text: AFTER }] },
            finishReason: "STOP",
            groundingMetadata: {
              groundingChunks: [{ web: { uri: A.url, title: A.title } }],
              groundingSupports: [
                {
                  segment: { startIndex: bytes(BEFORE), endIndex: bytes(BEFORE + CITED), text: CITED },
                  groundingChunkIndices: [0],
                },
              ],
            },
          },
        ],
      },
    ),
  ],
  [
    "bytes of Gemini, counted in the second part",
    "gemini",
    events({
      candidates: [
        {
          content: { parts: [{ text: BEFORE, thoughtSignature: "s" }, { text: CITED + AFTER }] },
          finishReason: "STOP",
          groundingMetadata: {
            groundingChunks: [{ web: { uri: A.url, title: A.title } }],
            groundingSupports: [
              { segment: { partIndex: 1, endIndex: bytes(CITED), text: CITED }, groundingChunkIndices: [0] },
            ],
          },
        },
      ],
    }),
  ],
];

describe("a citation's place is that of the statement in the message", () => {
  test.each(REPLIES)("%s", async (_name, client, body) => {
    const { content, citations } = await recorder.replied(client, "m", body);
    expect(content).toBe(TEXT);
    expect(citations).toMatchObject([A]);
    expect(placed(citations[0] ?? {}, content)).toBe(CITED);
  });

  test("where a provider gives none, there is none: zeros of a router, marks without offsets", async () => {
    const zeros = { ...A, start_index: 0, end_index: 0, content: "snippet" };
    const { citations } = await recorder.replied(
      "openrouter",
      "m",
      `${events({ id: "c", choices: [{ index: 0, delta: { content: "x", annotations: [{ url_citation: zeros }] }, finish_reason: "stop" }] })}data: [DONE]\n\n`,
    );
    expect(citations).toEqual([{ ...A, citedText: "snippet" }]);
  });

  test("one source may support several statements, and a statement several sources", async () => {
    const segment = (from: number, to: number, text: string) => ({ segment: { startIndex: from, endIndex: to, text } });
    const { citations } = await recorder.replied(
      "gemini",
      "m",
      events({
        candidates: [
          {
            content: { parts: [{ text: "ab" }] },
            finishReason: "STOP",
            groundingMetadata: {
              webSearchQueries: ["q1", "q2", "q1"],
              groundingChunks: [
                { web: { uri: "https://a.com" } },
                { web: { uri: "https://b.com" } },
                { web: { uri: "https://c.com" } },
              ],
              groundingSupports: [
                { ...segment(0, 1, "a"), groundingChunkIndices: [0, 1] },
                { ...segment(1, 2, "b"), groundingChunkIndices: [0] },
              ],
            },
          },
        ],
      }),
    );
    expect(citations).toEqual([
      { url: "https://a.com", citedText: "a", startIndex: 0, endIndex: 1 },
      { url: "https://a.com", citedText: "b", startIndex: 1, endIndex: 2 },
      { url: "https://b.com", citedText: "a", startIndex: 0, endIndex: 1 },
      { url: "https://c.com" },
    ]);
  });
});

/** Recorded searches: who answered, what was searched, how many sources are cited, and what their places hold. */
const RECORDED: readonly (readonly [string, ClientName, object | undefined, number, RegExp | undefined])[] = [
  [
    "anthropic-messages/anthropic__anthropic-web-search-tool.1.json",
    "claude",
    { queries: ["tech news today September 26 2024", '"September 26 2024" tech news breaking'], count: 2 },
    3,
    /^\S.{20,}/s,
  ],
  [
    "anthropic-messages/anthropic__anthropic.anthropic_web_search_tool_stream.0.sse",
    "claude",
    { queries: ["top world news today", "breaking news headlines August 14 2025"], count: 2 },
    9,
    /^\S.{20,}/s,
  ],
  [
    "openai-responses/openai__openai-web-search-tool.1.chunks.txt",
    "openai",
    { queries: ["tech news today December 5 2025", 'site:theverge.com "December 5, 2025" "technology"'], count: 2 },
    12,
    /^\(?\[.*\]\(https:.*\)$/,
  ],
  [
    "openai-responses/openai__openai-web-search-tool.1.json",
    "openai",
    { queries: ["tech news today December 5 2025"], count: 1 },
    10,
    /^\(?\[.*\]\(https:.*\)$/,
  ],
  ["openai-responses/azure__azure-web-search-preview-tool.1.json", "openai", { count: 2 }, 1, /^\[.*\]\(https:.*\)$/],
  [
    "openai-responses/xai__xai-web-search-tool.1.chunks.txt",
    "grok",
    { queries: ["what is xAI"], count: 1 },
    5,
    undefined,
  ],
  [
    "openai-responses/xai__xai-x-search-tool.1.json",
    "grok",
    { queries: ["AI artificial intelligence"], count: 1 },
    20,
    undefined,
  ],
  [
    "gemini/google__google.google_model_web_search_tool_stream.0.sse",
    "gemini",
    { queries: ["weather in San Francisco today"], count: 1 },
    9,
    /^\S.*[.!)]$/,
  ],
  [
    "openai-chat/openrouter__openrouter.openrouter_web_search_annotations_stream.0.sse",
    "openrouter",
    undefined,
    5,
    undefined,
  ],
  ["openai-chat/perplexity__perplexity-text.json", "compatible", undefined, 6, undefined],
];

describe.skipIf(recordingsMissing)(`recorded searches${recordingsMissing ? ` (${recordingsMissing})` : ""}`, () => {
  const all = ["anthropic-messages", "openai-responses", "gemini", "openai-chat"].flatMap(recordingsOf);
  test.each(RECORDED)("%s", async (file, client, search, count, statement) => {
    const recording = all.find((one) => one.file === file);
    if (!recording) throw new Error(`There is no recording ${file}.`);
    const [body] = bodiesOf(recording);
    const message = await recorder.replied(client, "m", body ?? "", { whole: recording.format === "json" });
    if (search) expect(message.search).toMatchObject(search);
    else expect(message.search).toBeUndefined();
    expect(message.citations).toHaveLength(count);
    for (const citation of message.citations) {
      const place = placed(citation, message.content);
      if (statement) expect(place).toMatch(statement);
      else expect(place).toBeUndefined();
      if (client === "gemini") expect(place).toBe(citation.citedText);
      // OpenAI's places are those of the links themselves.
      if (client === "openai") expect(place).toContain(citation.url.replace(/\?utm_source=openai$/, ""));
    }
  });
});
