/** Newline-delimited JSON: the same bounds as server-sent events, and the same events however the text is cut. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createNdjsonParser } from "../../src/transport/ndjson.ts";
import { SseOverflowError } from "../../src/transport/sse.ts";

/** The lines that the pieces make; what `end` returns stands apart. */
function parse(pieces: Iterable<string>, maxEventLength?: number): { lines: string[]; last: string | undefined } {
  const lines: string[] = [];
  const parser = createNdjsonParser(
    (data, event) => {
      expect(event).toBe("");
      lines.push(data);
      return false;
    },
    maxEventLength === undefined ? {} : { maxEventLength },
  );
  for (const piece of pieces) parser.push(piece);
  return { lines, last: parser.end()?.data };
}

function cutAt(text: string, ...places: readonly number[]): string[] {
  const sorted = [0, ...places.toSorted((a, b) => a - b), text.length];
  return sorted.slice(1).map((place, index) => text.slice(sorted[index], place));
}

describe("ndjson", () => {
  test.each<[string, string, readonly string[], string?]>([
    ["a line is an event", '{"a":1}\n{"b":2}\n', ['{"a":1}', '{"b":2}']],
    ["CR LF ends a line", '{"a":1}\r\n{"b":2}\r\n', ['{"a":1}', '{"b":2}']],
    ["empty lines are nothing", '\n\r\n{"a":1}\n \t\n\n{"b":2}\n\n', ['{"a":1}', '{"b":2}']],
    ["the last line may lack its end", '{"a":1}\n{"b":2}', ['{"a":1}'], '{"b":2}'],
    ["a line that was cut is the last", '{"a":1}\n{"b":', ['{"a":1}'], '{"b":'],
    ["a document over several lines is one event", '{\n  "a": {\n  }\n}\n', [], '{\n  "a": {\n  }\n}'],
    ["an end of a line in a string is not one", '{"a":"\\n"}\n', ['{"a":"\\n"}']],
    ["U+2028 is not an end of a line", '{"a":"\u2028\u0085"}\n', ['{"a":"\u2028\u0085"}']],
    ["bytes of a character are not white space", '{"a":"\xC3\xA0"}\n\xA0{}\xA0\n', ['{"a":"\xC3\xA0"}', "\xA0{}\xA0"]],
    ["text that is not JSON is delivered as it is", '{"a":1}\n<html>\n', ['{"a":1}', "<html>"]],
  ])("%s, cut anywhere", (_name, text, lines, last) => {
    const due = { lines, last };
    expect(parse([text])).toEqual(due);
    expect(parse(text.split(""))).toEqual(due);
    for (let i = 1; i < text.length; i++)
      for (let j = i; j < text.length; j++) expect(parse(cutAt(text, i, j))).toEqual(due);
  });

  test("no text is read after the event that ends the reply, or after an error of its reader", () => {
    const seen: string[] = [];
    const parser = createNdjsonParser((data) => seen.push(data) === 1);
    parser.push('{"a":1}\n{"b":2}\n');
    parser.push('{"c":3}\n');
    expect([seen, parser.end()]).toEqual([['{"a":1}'], undefined]);
    const failing = createNdjsonParser(() => {
      throw new Error("no");
    });
    expect(() => failing.push("{}\n{}\n")).toThrow("no");
    failing.push("{}\n");
    expect(failing.end()).toBeUndefined();
  });

  test("any values, cut anywhere, come back", () => {
    const values = fc.array(fc.dictionary(fc.string({ unit: "grapheme" }), fc.jsonValue()), { maxLength: 6 });
    const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });
    fc.assert(
      fc.property(values, cuts, (objects, places) => {
        const lines = objects.map((object) => JSON.stringify(object));
        const text = lines.map((line) => `${line}\n`).join("");
        const pieces = cutAt(text, ...places.map((place) => Math.floor(place * text.length)));
        expect(parse(pieces)).toEqual({ lines, last: undefined });
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("ndjson, limits and cost", () => {
  test.each([
    ["a line that never ends", '{"a":"', "x"],
    ["a document that never ends", "{\n", '"a":1,\n'],
  ])("%s: an error before the memory is full", (_name, first, more) => {
    const parser = createNdjsonParser(() => false, { maxEventLength: 1_000 });
    parser.push(first);
    expect(() => {
      for (let length = 0; length <= 1_000; length += more.length) parser.push(more);
    }).toThrow(new SseOverflowError(1_000));
    parser.push('{"a":1}\n'); // ignored
    expect(parser.end()).toBeUndefined();
  });

  test("a line of just the limit is an event, and one character more is an error, however it is cut", () => {
    const line = `{"a":"${"x".repeat(60)}"}`;
    const text = `${line}\n${line}\n`;
    for (const pieces of [[text], text.split(""), cutAt(text, 17)]) {
      expect(parse(pieces, line.length).lines).toHaveLength(2);
      expect(() => parse(pieces, line.length - 1)).toThrow(SseOverflowError);
    }
  });

  test("four times as long a line takes nowhere near sixteen times as long", () => {
    const millisecondsFor = (length: number, pieceLength: number): number => {
      const parser = createNdjsonParser(() => false);
      const piece = "x".repeat(pieceLength);
      const start = process.cpuUsage();
      for (let sent = 0; sent < length; sent += pieceLength) parser.push(piece);
      parser.push("\n");
      const { user, system } = process.cpuUsage(start);
      return (user + system) / 1_000;
    };
    const best = (length: number, pieceLength: number): number =>
      Math.min(...[1, 2, 3].map(() => millisecondsFor(length, pieceLength)));
    for (const pieceLength of [1, 13]) expect(best(2e6, pieceLength)).toBeLessThan(11 * best(5e5, pieceLength) + 20);
  });
});
