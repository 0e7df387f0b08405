/** Pictures and sounds in a stream's message: what is joined, what is replaced, what stays when the reply breaks. */

import { describe, expect, test } from "vitest";
import type { MediaChunk, MessageChunk } from "../../src/contract/chunk.ts";
import type { AssistantMessage, Media } from "../../src/contract/message.ts";
import { Base64Buffer } from "../../src/platform/base64.ts";
import { chunksOf } from "../../src/stream/complete-source.ts";
import { Fold } from "../../src/stream/fold.ts";

const NO_METRICS = () => ({}) as AssistantMessage["metrics"];

function chunk(index: number, fields: Partial<MediaChunk> & Pick<Media, "mediaType">): MediaChunk {
  return { type: "media", content: "", index, isFinal: false, ...fields } as MediaChunk;
}

function folded(chunks: readonly MessageChunk[], ending: "complete" | "stopped" = "complete"): AssistantMessage {
  const fold = new Fold({ provider: "p", model: "m", finishReason: "stop", attempts: [] });
  for (const each of chunks) fold.add(each);
  return fold.message(ending, NO_METRICS);
}

const png = (data: string, more: object = {}) => ({ mediaType: "image/png", data, ...more }) as const;
const pcm = (data: string, more: object = {}) =>
  ({ mediaType: "audio/pcm;rate=24000", data, append: true, partial: true, ...more }) as const;

describe("a reply's media", () => {
  test("a picture is in the message, and in the chunks the message makes", () => {
    const message = folded([chunk(0, png("AAAA", { id: "ig_1" }))]);
    expect(message).toMatchObject({ content: "", media: [{ mediaType: "image/png", data: "AAAA", id: "ig_1" }] });
    expect(folded(chunksOf(message)).media).toEqual(message.media);
  });

  test("a preview is replaced by the picture, and a preview that comes late does not replace it", () => {
    const chunks = [
      chunk(0, png("AAAA", { partial: true })),
      chunk(0, png("BBBB")),
      chunk(0, png("CCCC", { partial: true })),
    ];
    expect(folded(chunks).media).toEqual([png("BBBB")]);
  });

  test("a preview without its picture is in no complete message, and in a stopped one it says what it is", () => {
    const chunks = [chunk(0, png("AAAA", { partial: true }))];
    expect(folded(chunks)).not.toHaveProperty("media");
    expect(folded(chunks, "stopped").media).toEqual([png("AAAA", { partial: true })]);
  });

  test("a sketch made while thinking is in no message", () => {
    const chunks = [chunk(0, png("AAAA", { partial: true, thought: true }))];
    expect(folded(chunks, "stopped")).not.toHaveProperty("media");
  });

  test("pieces of a sound are one medium, with any padding", () => {
    const bytes = Buffer.from(Array.from({ length: 100 }, (_, at) => (at * 37) % 256));
    const cuts = [0, 1, 3, 8, 8, 20, 21, 50, 100];
    const pieces = cuts.slice(1).map((end, at) => bytes.subarray(cuts[at], end).toString("base64"));
    const chunks = [
      ...pieces.map((data) => chunk(0, pcm(data))),
      chunk(0, { mediaType: "audio/pcm;rate=24000", data: "", append: true, transcript: "Hello." }),
    ];
    const data = bytes.toString("base64");
    expect(folded(chunks).media).toEqual([{ mediaType: "audio/pcm;rate=24000", data, transcript: "Hello." }]);
    expect(folded(chunks.slice(0, -1)).media).toBeUndefined();
    expect(folded(chunks.slice(0, -1), "stopped").media).toEqual([
      { mediaType: "audio/pcm;rate=24000", data, partial: true },
    ]);
  });

  test("media stand in the order of their index", () => {
    const chunks = [chunk(1, png("BBBB")), chunk(0, png("AAAA"))];
    expect(folded(chunks).media?.map(({ data }) => data)).toEqual(["AAAA", "BBBB"]);
  });

  test("what is looked at after each chunk is what one look shows, in any order and after a rewind", () => {
    const rewind: MessageChunk = { type: "rewind", content: "", length: 0, reasoningLength: 0, isFinal: false };
    const chunks: readonly MessageChunk[] = [
      chunk(2, png("AAAA", { partial: true })),
      chunk(4, pcm("AAAA")),
      chunk(1, png("BBBB")),
      chunk(4, pcm("BBBB")),
      chunk(3, png("CCCC", { partial: true })),
      chunk(2, png("DDDD")),
      rewind,
      chunk(3, png("EEEE")),
      chunk(0, pcm("CCCC")),
      chunk(0, { mediaType: "audio/pcm;rate=24000", data: "", append: true, transcript: "Hello." }),
    ];
    const fold = new Fold({ provider: "p", model: "m", finishReason: "stop", attempts: [] });
    for (const [at, each] of chunks.entries()) {
      fold.add(each);
      const { media, estimatedUsage } = fold.message("running", NO_METRICS);
      const once = folded(chunks.slice(0, at + 1), "stopped");
      expect(media).toEqual(once.media);
      expect(estimatedUsage).toEqual(once.estimatedUsage);
    }
    expect(fold.message("complete", NO_METRICS).media).toEqual(folded(chunks).media);
  });

  test("what a picture costs is in the estimate", () => {
    expect(folded([chunk(0, png("AAAA"))]).estimatedUsage?.outputTokens).toBeGreaterThan(100);
  });
});

describe("base64 in pieces", () => {
  test.each([
    ["clean pieces", ["QUJD", "REVG"]],
    ["a piece with padding", ["QQ==", "QkM=", "REVG"]],
    ["padding in the middle of a piece", ["QQ==QkM=", "REVG"]],
    ["URL-safe characters and line ends", ["QU\nJD", "REVG"]],
  ])("%s", (_name, pieces) => {
    const buffer = new Base64Buffer();
    for (const piece of pieces) buffer.add(piece);
    expect(Buffer.from(buffer.toString(), "base64").toString()).toBe("ABCDEF");
  });

  test("what is no base64 does not throw", () => {
    const buffer = new Base64Buffer();
    for (const piece of ["%", "A", "é", "-_=="]) buffer.add(piece);
    expect(buffer.toString()).toBe("+w==");
  });

  test("a thousand odd pieces cost a thousand times one: nothing is encoded twice", () => {
    const buffer = new Base64Buffer();
    for (let at = 0; at < 50_000; at++) buffer.add("QQ==");
    expect(Buffer.from(buffer.toString(), "base64").toString()).toBe("A".repeat(50_000));
  });
});
