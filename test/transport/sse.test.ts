import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createParser } from "eventsource-parser";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { createSseParser, SseOverflowError } from "../../src/transport/sse.ts";

type Event = readonly [event: string, data: string];

/** The events that the pieces make; what `end` returns stands apart. */
function parse(pieces: Iterable<string>, maxEventLength?: number): { events: Event[]; last: Event | undefined } {
  const events: Event[] = [];
  const options = maxEventLength === undefined ? {} : { maxEventLength };
  const parser = createSseParser((data, event) => {
    events.push([event, data]);
    return false;
  }, options);
  for (const piece of pieces) parser.push(piece);
  const last = parser.end();
  return { events, last: last && [last.event, last.data] };
}

/**
 * The same by eventsource-parser. Where it differs from us by design, so that it is not compared:
 * - it drops the unterminated last event (as the standard says); here the final blank line is added, and what that
 *   brings forth is `last`;
 * - it also drops a BOM that was decoded as Latin-1 ("ï»¿"); no test text begins so;
 * - the field `error` is unknown to it; no text given to it has one.
 */
function parseByOracle(pieces: Iterable<string>): { events: Event[]; last: Event | undefined } {
  const events: Event[] = [];
  const parser = createParser({ onEvent: ({ event = "", data }) => events.push([event, data]) });
  for (const piece of pieces) parser.feed(piece);
  const whole = events.length;
  parser.feed("\n\n");
  return { events: events.slice(0, whole), last: events[whole] };
}

function cutAt(text: string, ...places: readonly number[]): string[] {
  const sorted = [0, ...places.toSorted((a, b) => a - b), text.length];
  return sorted.slice(1).map((place, index) => text.slice(sorted[index], place));
}

function* everyCut(text: string): Generator<string[]> {
  yield [text];
  yield text.split("");
  yield ["", ...text.split("").flatMap((character) => [character, ""])];
  for (let i = 1; i < text.length; i++) {
    yield cutAt(text, i);
    if (text.length < 64) for (let j = i + 1; j < text.length; j++) yield cutAt(text, i, j);
  }
}

describe("sse", () => {
  const a: Event[] = [["", "a"]];
  test.each<[name: string, text: string, events: Event[], last?: Event]>([
    ["a space after the colon is dropped", "data: a\n\n", a],
    ["no space after the colon", "data:a\n\n", a],
    ["only one space is dropped", "data:  a\n\n", [["", " a"]]],
    ["a tab is data", "data:\ta\n\n", [["", "\ta"]]],
    ["CR LF", "data: a\r\n\r\n", a],
    ["CR", "data: a\r\r", a],
    ["CR LF, then LF", "data: a\r\n\n", a],
    ["LF, then CR LF", "data: a\n\r\n", a],
    ["LF, then CR", "data: a\n\r", a],
    ["CR, then an unterminated event", "data: a\r\rdata: b\r", a, ["", "b"]],
    ["CR LF makes no empty event", "data: a\r\n\r\ndata: b\r\n\r\n", [...a, ["", "b"]]],
    [
      "all line ends in one stream",
      "data: a\r\ndata: b\rdata: c\n\r\ndata: d\r\r",
      [
        ["", "a\nb\nc"],
        ["", "d"],
      ],
    ],
    [
      "fields without a colon",
      "data\n\ndata\ndata\n\ndata:",
      [
        ["", ""],
        ["", "\n"],
      ],
      ["", ""],
    ],
    [
      "empty data is an event",
      "data:\n\ndata: \n\n",
      [
        ["", ""],
        ["", ""],
      ],
    ],
    ["several lines of data", "data: a\ndata: b\n\n", [["", "a\nb"]]],
    ["several lines of data, the first and last empty", "data:\ndata: b\ndata\n\n", [["", "\nb\n"]]],
    ["a comment", ": ping\n\n", []],
    ["a comment within an event", ":\ndata: a\n: OPENROUTER PROCESSING\ndata: b\n:\n\n", [["", "a\nb"]]],
    ["a comment that looks like data", ":data: a\n: data: b\n\n", []],
    ["blank lines", "\n\n\n\r\n\r\r", []],
    ["a type alone does not leak into the next event", "event: x\n\ndata: a\n\n", a],
    [
      "a type holds for one event",
      "event: x\ndata: a\n\ndata: b\n\n",
      [
        ["x", "a"],
        ["", "b"],
      ],
    ],
    ["a type after the data", "data: a\nevent: x\n\n", [["x", "a"]]],
    ["the last type wins", "event: x\nevent:y\ndata: a\n\n", [["y", "a"]]],
    ["an empty type is the default", "event: x\nevent\ndata: a\n\n", a],
    ["names are case-sensitive", "Data: a\n\n", []],
    ["unknown fields", "foo: a\n\nfoo\n\ndatax: a\n\ndat\n\n data: a\n\n", []],
    ["id and retry", "id: 1\nretry: 5\ndata: a\nid\n\n", a],
    ["colons in the data", "data: a:b: c\n\n", [["", "a:b: c"]]],
    ["a colon first in the data", "data::a\n\n", [["", ":a"]]],
    ["a BOM at the start", "\uFEFFdata: a\n\n", a],
    ["only one BOM", "\uFEFF\uFEFFdata: a\n\n", []],
    ["a BOM before a comment", "\uFEFF:\n\ndata: a\n\n", a],
    ["a BOM within the data", "data: \uFEFFa\n\n", [["", "\uFEFFa"]]],
    ["a BOM at the start of a later line", "data: a\n\n\uFEFFdata: b\n\n", a],
    ["other line ends of Unicode are data", "data: {\u2028\u2029\u0085\v\f}\n\n", [["", "{\u2028\u2029\u0085\v\f}"]]],
    ["a surrogate pair", "data: 😀\n\n", [["", "😀"]]],
    ["a final blank line is missing", "data: a\n", [], ["", "a"]],
    ["a final line end is missing", "event: x\ndata: a\ndata: b", [], ["x", "a\nb"]],
    ["the end comes within a name", "data: a\nda", [], ["", "a"]],
    ["the end comes after a type", "data: a\n\nevent: x\n", a],
    [
      "an error of the old llama.cpp",
      'error: {"code":400}\n\ndata: [DONE]\n\n',
      [
        ["", '{"error":{"code":400}}'],
        ["", "[DONE]"],
      ],
    ],
    ["an error of the old llama.cpp, unterminated", 'error: {"code":400}\r\n', [], ["", '{"error":{"code":400}}']],
    [
      "an error next to data is an unknown field",
      'error: {"code":400}\ndata: a\n\ndata: a\nerror: 1\n\n',
      [...a, ...a],
    ],
    ["an error does not leak into the next event", "error: 1\ndata: a\n\n:\n\n", a],
    ["an error that is not JSON is an unknown field", "error: oops\n\nerror\n\nerror: {\n\n", []],
  ])("%s, however it is cut", (_name, text, events, last) => {
    for (const pieces of everyCut(text)) expect(parse(pieces), JSON.stringify(pieces)).toEqual({ events, last });
  });

  test("an event is delivered with the text that ends it, also when that is a CR", () => {
    const seen: string[] = [];
    const parser = createSseParser((data) => {
      seen.push(data);
      return false;
    });
    parser.push("data: a\r");
    expect(seen).toEqual([]);
    parser.push("\r");
    expect(seen).toEqual(["a"]);
    parser.push("\ndata: b\n\ndata: c\n");
    expect(seen).toEqual(["a", "b"]);
  });

  test("nothing follows an event that was answered with true", () => {
    const seen: string[] = [];
    const parser = createSseParser((data) => {
      seen.push(data);
      return data === "[DONE]";
    });
    parser.push("data: a\n\ndata: [DONE]\n\ndata: b\n\ndata: c");
    parser.push("\n\ndata: d\n\ndata: e");
    expect(seen).toEqual(["a", "[DONE]"]);
    expect(parser.end()).toBeUndefined();
  });

  test("nothing follows an event whose receiver threw", () => {
    const seen: string[] = [];
    const parser = createSseParser((data) => {
      seen.push(data);
      throw new Error("no");
    });
    expect(() => parser.push("event: x\ndata: a\n\ndata: b\n\n")).toThrow("no");
    parser.push("data: c\n\n");
    expect(parser.end()).toBeUndefined();
    expect(seen).toEqual(["a"]);
  });

  test("the unterminated event is handed out once", () => {
    const parser = createSseParser(() => false);
    parser.push("data: a");
    expect(parser.end()).toEqual({ data: "a", event: "" });
    expect(parser.end()).toBeUndefined();
    parser.push("\n\n");
  });
});

describe("sse, against eventsource-parser", () => {
  const line = fc.oneof(
    fc.constantFrom(
      ...[
        "data: a",
        "data:b",
        "data",
        "data: ",
        "data:  c",
        "data: \uFEFF",
        "data: {\u2028}",
        "data: 😀é",
        "data: :x:",
      ],
      ...[
        "event: x",
        "event:",
        "event",
        "event: message",
        ": comment",
        ":",
        "::",
        "id: 1",
        "id",
        "retry: 3",
        "retry: x",
      ],
      ...[
        "dataa: x",
        "dat",
        "Data: x",
        " data: x",
        "foo: bar",
        "\uFEFF",
        "\uFEFFdata: d",
        "e",
        "d",
        "da",
        "data\u0000: z",
      ],
    ),
    fc.string({
      unit: fc.constantFrom("d", "a", "t", ":", " ", "\u2029", "\u0085", "\uFEFF", "é", "\ud83d", "\ude00"),
    }),
    fc.string({ unit: "binary" }).map((text) => `data: ${text}`),
    fc.integer({ min: 0, max: 3_000 }).map((length) => `data: ${"x".repeat(length)}`),
  );
  const stream = fc
    .tuple(
      fc.constantFrom("", "\uFEFF", "\n", "\r", "\uFEFF\r\n"),
      fc.array(fc.tuple(line, fc.constantFrom("\n", "\r", "\r\n", "\n\n", "\r\r", "\r\n\r\n", "\n\r\n", "", "\r\n\n"))),
    )
    .map(([start, lines]) => start + lines.flat().join(""))
    .filter((text) => !/(?:^|[\r\n\uFEFF])error/.test(text) && !text.startsWith("\u00EF"));
  const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });

  test("hostile streams, cut anywhere, give the same events", () => {
    fc.assert(
      fc.property(stream, cuts, (text, places) => {
        const expected = parseByOracle([text]);
        const pieces = cutAt(text, ...places.map((place) => Math.floor(place * text.length)));
        expect(parse([text])).toEqual(expected);
        expect(parse(pieces)).toEqual(expected);
        expect(parse(text.split(""))).toEqual(expected);
        expect(parseByOracle(pieces)).toEqual(expected);
      }),
      { numRuns: 2_000 },
    );
  });

  test("hostile streams give each event at the same piece", () => {
    fc.assert(
      fc.property(stream, cuts, (text, places) => {
        const counts: [ours: number, theirs: number] = [0, 0];
        const ours = createSseParser(() => {
          counts[0] += 1;
          return false;
        });
        const theirs = createParser({ onEvent: () => counts[1]++ });
        for (const piece of cutAt(text, ...places.map((place) => Math.floor(place * text.length)))) {
          ours.push(piece);
          theirs.feed(piece);
          expect(counts[0]).toBe(counts[1]);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test("the limit strikes at the same event however the stream is cut", () => {
    const outcome = (pieces: Iterable<string>, limit: number): unknown => {
      const events: Event[] = [];
      const parser = createSseParser(
        (data, event) => {
          events.push([event, data]);
          return false;
        },
        { maxEventLength: limit },
      );
      try {
        for (const piece of pieces) parser.push(piece);
        return { events, last: parser.end() };
      } catch (error) {
        expect(error).toBeInstanceOf(SseOverflowError);
        return { events, last: "overflow" };
      }
    };
    fc.assert(
      fc.property(stream, cuts, fc.integer({ min: 1, max: 60 }), (text, places, limit) => {
        const expected = outcome([text], limit);
        const pieces = cutAt(text, ...places.map((place) => Math.floor(place * text.length)));
        expect(outcome(pieces, limit)).toEqual(expected);
        expect(outcome(text.split(""), limit)).toEqual(expected);
      }),
      { numRuns: 1_000 },
    );
  });

  const folder = fileURLToPath(new URL("../../../shared/fixtures/openai-chat/", import.meta.url));
  test("recordings, cut at random places, give the same events", ({ skip }) => {
    if (!existsSync(folder)) skip("the recordings in ../shared/fixtures are not on this machine");
    const random = randomFrom(20_250_101);
    const files = readdirSync(folder).filter((name) => name.endsWith(".sse"));
    expect(files.length).toBeGreaterThan(10);
    for (const name of files) {
      const text = readFileSync(`${folder}${name}`, "utf8");
      const expected = parseByOracle([text]);
      expect(expected.events.length + (expected.last ? 1 : 0), name).toBeGreaterThan(0);
      for (const pieceLength of [1, 7, 100, 1_500, text.length]) {
        const places = Array.from({ length: Math.floor(text.length / pieceLength) }, () => random(text.length));
        expect(parse(cutAt(text, ...places)), `${name} in pieces of ${pieceLength}`).toEqual(expected);
      }
    }
  });
});

describe("sse, limits and cost", () => {
  test.each([
    ["a line that never ends", "data: ", "x"],
    ["a comment that never ends", ":", "x"],
    ["lines of data that never end", "", "data: x\n"],
    ["comments without a blank line", "", ": ping\r\n"],
  ])("%s: an error before the memory is full", (_name, first, more) => {
    const parser = createSseParser(() => false, { maxEventLength: 1_000 });
    parser.push(first);
    expect(() => {
      for (let length = 0; length <= 1_000; length += more.length) parser.push(more);
    }).toThrow(new SseOverflowError(1_000));
    parser.push("\n\ndata: a\n\n"); // ignored
    expect(parser.end()).toBeUndefined();
  });

  test("the limit counts an event from the blank line before it, and reaches to its own", () => {
    const event = `: é\nevent: x\r\ndata: ${"x".repeat(60)}\n`;
    const twice = `${event}\n${event}\r\n`;
    for (const pieces of [[twice], twice.split(""), cutAt(twice, 17)]) {
      expect(parse(pieces, event.length).events).toHaveLength(2);
      expect(() => parse(pieces, event.length - 1)).toThrow(SseOverflowError);
    }
    expect(parse([": x\n", "data: a\n\ndata: abcdef\n\n"], 13).events).toHaveLength(2);
  });

  test("32 Mi characters is the limit when none is given", () => {
    const parser = createSseParser(() => false);
    const mebi = "x".repeat(1_048_576);
    for (let i = 0; i < 32; i++) parser.push(mebi);
    expect(() => parser.push("x")).toThrow("an event is longer than 33554432 characters");
  });

  test("a 9 MB line in pieces of any size is one event", () => {
    const data = "0123456789abcdef".repeat(589_824);
    for (const pieceLength of [64, 1_447, 65_536]) {
      const text = `data: ${data}\n\n`;
      const pieces = Array.from({ length: Math.ceil(text.length / pieceLength) }, (_, index) =>
        text.slice(index * pieceLength, (index + 1) * pieceLength),
      );
      const { events } = parse(pieces);
      expect(events.length).toBe(1);
      expect(events[0]?.[1] === data).toBe(true);
    }
  });

  test("four times as long a line takes nowhere near sixteen times as long", () => {
    const millisecondsFor = (length: number, pieceLength: number): number => {
      const parser = createSseParser(() => false);
      const piece = "x".repeat(pieceLength);
      const start = performance.now();
      for (let sent = 0; sent < length; sent += pieceLength) parser.push(piece);
      parser.push("\n\n");
      return performance.now() - start;
    };
    const best = (length: number, pieceLength: number): number =>
      Math.min(...[1, 2, 3].map(() => millisecondsFor(length, pieceLength)));
    for (const pieceLength of [1, 13]) expect(best(2e6, pieceLength)).toBeLessThan(11 * best(5e5, pieceLength) + 20);
  });

  test.each([
    ["LF", "\n", "\r"],
    ["CR", "\r", "\n"],
  ])("text with %s alone is searched once for the other", (_name, end, other) => {
    const text = `data: a${end}${end}`.repeat(500);
    const indexOf = vi.spyOn(String.prototype, "indexOf");
    const searches = ((): number => {
      try {
        createSseParser(() => false).push(text);
        return indexOf.mock.calls.filter(([mark]) => mark === other).length;
      } finally {
        indexOf.mockRestore();
      }
    })();
    expect(searches).toBe(1);
  });
});

/** Whole numbers below the limit, the same on every run. */
function randomFrom(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}
