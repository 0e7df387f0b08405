import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { createEventJsonParser } from "../../src/call/event-json.ts";
import { EventShapes } from "../../src/call/event-shapes.ts";

type Outcome = { readonly value: unknown } | { readonly error: unknown };

function outcomeOf(parse: (data: string) => unknown, data: string): Outcome {
  try {
    return { value: parse(data) };
  } catch (error) {
    return { error };
  }
}

/** Feeds the events of one client's replies, so many to each, and spoils each result, which must harm no later one. */
function expectSameAsJsonParse(events: readonly string[], eventsEach: number = events.length): void {
  const shapes = new EventShapes();
  let parse = createEventJsonParser(undefined, shapes);
  for (const [index, data] of events.entries()) {
    if (index > 0 && index % eventsEach === 0) parse = createEventJsonParser(undefined, shapes);
    const ours = outcomeOf(parse, data);
    const theirs = outcomeOf(JSON.parse, data);
    const where = `event ${index}: ${data}`;
    if ("error" in theirs) {
      assert("error" in ours, where);
      assert(ours.error instanceof SyntaxError, where);
      assert.equal(ours.error.message, (theirs.error as SyntaxError).message, where);
    } else {
      assert("value" in ours, where);
      assert.deepEqual(ours.value, theirs.value, where);
      assert.equal(JSON.stringify(ours.value), JSON.stringify(theirs.value), where);
      spoil(ours.value);
    }
  }
}

/** Changes everything that can be changed. */
function spoil(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  for (const key of Object.keys(value)) {
    spoil(Reflect.get(value, key));
    Object.defineProperty(value, key, { value: "spoilt", writable: true, enumerable: true, configurable: true });
  }
  if (Array.isArray(value)) value.push("spoilt");
  else Object.assign(value, { spoilt: true });
}

/** Events enough for a shape to be learned from them. */
const row = (eventOf: (body: string, index: number) => string, start = 0): string[] =>
  Array.from({ length: 40 }, (_, index) => eventOf(`"word ${start + index}"`, start + index));

/** Which of the events are parsed whole by `JSON.parse`. */
function parsedWhole(events: readonly string[], shapes: EventShapes = new EventShapes()): boolean[] {
  const parse = createEventJsonParser(undefined, shapes);
  const spy = vi.spyOn(JSON, "parse");
  try {
    return events.map((data) => {
      spy.mockClear();
      parse(data);
      return spy.mock.calls.some(([text]) => text === data);
    });
  } finally {
    spy.mockRestore();
  }
}

const chat = (body: string): string =>
  `{"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":${body}},"logprobs":null}],"usage":null}`;
const obfuscated = (body: string, index: number): string =>
  `${chat(body).slice(0, -1)},"obfuscation":"${"x".repeat(index % 9)}${index}"}`;
const responses = (body: string, index: number): string =>
  `{"type":"response.output_text.delta","sequence_number":${index},"item_id":"msg_1","delta":${body},"logprobs":[],"obfuscation":"o${index}"}`;
const anthropic = (body: string, index: number): string =>
  `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":${body}}${" ".repeat(index % 7)}}`;
const gemini = (body: string, index: number): string =>
  `{"candidates": [{"content": {"parts": [{"text": ${body}}],"role": "model"},"index": 0}],"usageMetadata": {"totalTokenCount": ${index},"promptTokensDetails": [{"modality": "TEXT","tokenCount": 9}]},"modelVersion": "g"}`;

const VENDORS = { chat, obfuscated, responses, anthropic, gemini };

describe("event-json takes the short way", () => {
  test.each(Object.entries(VENDORS))("for a row of %s events", (_name, eventOf) => {
    const events = row(eventOf);
    expect(parsedWhole(events).slice(0, 32)).not.toContain(false); // a short reply is not worth it
    expect(parsedWhole(events).slice(32)).not.toContain(true);
    expectSameAsJsonParse(events);
  });

  test("when a value has escapes, is long, or is of another type", () => {
    const bodies = [
      '"\\n\\"😀\\ud83d"',
      `"${"long ".repeat(20)}"`,
      '""',
      "null",
      "12",
      "-1.5e3",
      "true",
      '[{"a":[1]}]',
    ];
    expect(parsedWhole([...row(chat), ...bodies.map(chat)]).slice(32)).not.toContain(true);
  });

  test("again, soon after a constant has changed, and for the next kind of event", () => {
    const ticked = (body: string): string => chat(body).replace("chatcmpl-1", "chatcmpl-2");
    const reasoning = (body: string): string => chat(body).replace("content", "reasoning_content");
    const whole = parsedWhole([...row(chat), ...row(ticked, 100), ...row(reasoning, 200)]);
    expect(whole.filter((isWhole) => isWhole).length).toBe(32 + 3 + 3);
  });

  test("also after an event of another kind in between", () => {
    expect(parsedWhole([...row(chat), '{"type":"ping"}', chat('"x"')]).slice(-2)).toEqual([true, false]);
  });

  /** The same events with another id. */
  const inReply = (number: number, eventOf: (body: string, index: number) => string = chat) => {
    return (body: string, index: number): string =>
      eventOf(body, index).replace(/chatcmpl-|msg_|"(?=g"})/, (id) => `${id}${"x".repeat(number)}`);
  };
  const countWhole = (whole: readonly boolean[]): number => whole.filter((isWhole) => isWhole).length;

  test.each(Object.entries(VENDORS))(
    "from the first %s event on, once two replies have shown what changes",
    (_name, eventOf) => {
      const shapes = new EventShapes();
      parsedWhole(row(inReply(1, eventOf)), shapes);
      expect(countWhole(parsedWhole(row(inReply(2, eventOf)), shapes))).toBeLessThanOrEqual(3);
      for (const reply of [3, 4]) expect(parsedWhole(row(inReply(reply, eventOf)), shapes)).not.toContain(true);
    },
  );

  test("for short replies, once there were many", () => {
    const shapes = new EventShapes();
    const counts = Array.from({ length: 6 }, (_, reply) =>
      countWhole(parsedWhole(row(inReply(reply)).slice(0, 12), shapes)),
    );
    expect(counts).toEqual([12, 12, 10, 3, 0, 0]);
  });

  test("for each kind of event in a reply, and for replies that run side by side", () => {
    const shapes = new EventShapes();
    const events = (reply: number): string[] => [
      ...row((body) => inReply(reply)(body, 0).replace("content", "reasoning_content")),
      ...row(inReply(reply)),
    ];
    parsedWhole(events(1), shapes);
    expect(countWhole(parsedWhole(events(2), shapes))).toBe(6);
    expect(parsedWhole(events(3), shapes)).not.toContain(true);
    const parsers = [4, 5].map((reply) => ({ events: events(reply), parse: createEventJsonParser(undefined, shapes) }));
    for (let at = 0; at < 80; at++) {
      for (const { events, parse } of parsers) expect(parse(events[at] ?? "")).toEqual(JSON.parse(events[at] ?? ""));
    }
  });

  test("again after an event with something more in the changing place", () => {
    const odd = chat('"a","content":"b"');
    const whole = parsedWhole([...row(chat), odd, chat('"x"'), odd, chat('"y"')]);
    expect(whole.slice(32)).toEqual([...Array(8).fill(false), true, false, true, false]);
  });

  test("and gives up where that is so for every event", () => {
    const shapes = new EventShapes();
    parsedWhole(row(chat), shapes);
    const parse = createEventJsonParser(undefined, shapes);
    const spy = vi.spyOn(JSON, "parse");
    try {
      for (let i = 0; i < 10_000; i++) parse(chat(`"a${i}","content":"b"`));
      expect(spy.mock.calls.length).toBeLessThan(10_000 + 10_000 / 128 + 10);
    } finally {
      spy.mockRestore();
    }
  });

  test("not for what has a `__proto__` on the way", () => {
    const eventOf = (body: string): string => `{"the beginning is long enough":1,"__proto__":{"a":${body}}}`;
    expect(parsedWhole(row(eventOf))).not.toContain(false);
  });

  test("seldom in vain: events that never fit are soon not looked at any more", () => {
    const match = vi.spyOn(String.prototype, "match");
    try {
      const parse = createEventJsonParser();
      for (let i = 0; i < 10_000; i++) parse(`{"this key is always here":1,"and this one changes ${i}":2}`);
      expect(match.mock.calls.length).toBeLessThan(2 * (10_000 / 256 + 5));
    } finally {
      match.mockRestore();
    }
  });
});

describe("event-json gives what JSON.parse gives", () => {
  const bodies = [
    ...['""', '"a"', '"a\\"b"', '"a\\\\"', '"\\u0000"', '"\\ud800"', '"\ud800"', '"\u2028"', '"\u007f"', '"/\\/"'],
    ...['"a"b"', '"a\n"', '"a\u0000"', '"\u001f"', '"\\x"', '"\\u12"', '"a', 'a"', '"', '"\\"', "'a'", "", " ", "a"],
    ...[' "a" ', '"a" ', '\t"a"\n', '"a"\u00a0', '"a"}', '{"a"', '"a","b":"c"', '"a"],["b"', '"a",', ',"a"', '"a":"b"'],
    ...["0", "-0", "01", "1.0", "1e3", "1E400", "-", "12345678901234567890", "+1", "0x1", "NaN", "1_000", "1 2"],
    ...["null", "true", "False", "[]", "{}", '{"__proto__":{"a":1}}', '{"a":1,"a":2}', "[1,]", "undefined", "/**/1"],
    ...['"\\u0001"', '"\\u00011"', '"\\u00010"', '"1"', '"},\\"logprobs\\":null"', '"},"logprobs":null}]'],
    ...[
      '"x"},"logprobs":null}],"usage":{"a":"b"',
      '"x"},"logprobs":null}],"usage":null,"choices":[{"delta":{"content":"y"',
    ],
  ];

  test.each(Object.entries(VENDORS))("for any value in the changing place of a %s event", (_name, eventOf) => {
    for (const body of bodies) {
      const events = row(eventOf);
      for (const index of [30, 31, 32]) events.push(eventOf(body, index), eventOf(`"after ${index}"`, index));
      expectSameAsJsonParse(events);
      expectSameAsJsonParse(events, 17);
      expectSameAsJsonParse([
        ...row(eventOf),
        ...bodies.slice(0, 20).map((text) => eventOf(text, 7)),
        eventOf(body, 8),
      ]);
    }
  });

  test.each(Object.entries(VENDORS))("for %s events that were cut, or changed in one character", (_name, eventOf) => {
    const event = eventOf('"the \\n word"', 40);
    for (let at = 0; at <= event.length; at++) {
      const broken = [event.slice(0, at), event.slice(at)];
      for (const character of ['"', "\\", "}", "{", "]", ",", " ", "0", "\n", "\u0000", "\u00a0", "\uE000"]) {
        broken.push(`${event.slice(0, at)}${character}${event.slice(at)}`);
        broken.push(`${event.slice(0, at)}${character}${event.slice(at + 1)}`);
      }
      expectSameAsJsonParse([...row(eventOf), ...broken, event]);
    }
  });

  test.each<[name: string, eventOf: (body: string, index: number) => string]>([
    ["a changing key", (body) => `{"the beginning is long enough":{${body}:1},"z":2}`],
    ["a changing key next to a changing value", (body) => `{"the beginning is long enough":{${body}:${body}},"z":2}`],
    ["the same key again before", (body) => `{"the beginning is long enough":1,"a":"x","a":${body},"z":2}`],
    ["the same key again after", (body) => `{"the beginning is long enough":1,"a":${body},"a":"x","z":2}`],
    [
      "the owner's key again after",
      (body) => `{"the beginning is long enough":{"a":${body}},"a":1,"the beginning is long enough":{"b":2}}`,
    ],
    [
      "both again",
      (body) => `{"the beginning is long enough":{"a":${body}},"the beginning is long enough":{"a":${body}}}`,
    ],
    ["a changing __proto__", (body) => `{"the beginning is long enough":1,"__proto__":${body},"z":2}`],
    ["a changing value in __proto__", (body) => `{"the beginning is long enough":1,"__proto__":{"a":${body}},"z":2}`],
    [
      "a __proto__ with a constant next to it",
      (body) => `{"the beginning is long enough":${body},"__proto__":"c","z":2}`,
    ],
    [
      "a __proto__ with an object next to it",
      (body) => `{"the beginning is long enough":${body},"__proto__":{"a":[]},"z":2}`,
    ],
    ["an escaped __proto__", (body) => `{"the beginning is long enough":1,"__pr\\u006fto__":{"a":${body}},"z":2}`],
    ["a constructor and its prototype", (body) => `{"constructor":{"prototype":{"long enough":${body}}},"toString":1}`],
    ["keys that are numbers", (body) => `{"long enough to be looked at":1,"2":${body},"1":{"0":${body},"a":[]}}`],
    ["an empty key", (body) => `{"":{"the beginning is long enough":{"":${body}}},"z":2}`],
    ["elements of an array", (body, index) => `{"the beginning is long enough":["a",${body},[${index},"b"],{}]}`],
    ["neighbours in an array", (body, index) => `{"the beginning is long enough":[${body},${index},${body}]}`],
    ["many changing values", (body) => `{"the beginning is long enough":[${`{"a":${body}},`.repeat(11)}0]}`],
    ["many containers", (body) => `{"the beginning is long enough":[${"[{}],".repeat(30)}${body}]}`],
    ["deep containers", (body) => `{"the beginning is long enough":${"[".repeat(400)}${body}${"]".repeat(400)}}`],
    ["numbers alone", (_body, index) => `{"the beginning is long enough":${index},"a":-${index}.5e1}`],
    ["a mark in a constant", (body) => `{"the beginning is long enough":"\\u00011","a":${body}}`],
    ["a mark in a key", (body) => `{"the beginning is long enough":1,"\\ue0001":${body}}`],
    ["a top-level array", (body) => `["the beginning is long enough",${body}]`],
    ["a top-level string", (_body, index) => `"the beginning is long enough ${index} }"`],
    ["a top-level number", (_body, index) => `1234567890123456789012345${index}`],
    [
      "whitespace everywhere",
      (body) => `{ "the beginning is long enough" :\t[ ${body} ,\r\n{ } ] , "b" : { "c" : ${body} } }`,
    ],
    ["whitespace that changes", (body, index) => `{"the beginning is long enough":${" ".repeat(index % 5)}${body}}`],
    [
      "whitespace that changes before a constant",
      (body, index) => `{"the beginning is long enough":${" ".repeat(index % 5)}1,"a":${body}}`,
    ],
    [
      "a second value that may be missing",
      (body, index) =>
        `{"the beginning is long enough":${body}${index === 50 ? "" : `,"as long as the very beginning":${body}`}}`,
    ],
    ["whitespace after the end", (body, index) => `{"the beginning is long enough":${body}}${" ".repeat(index % 3)}`],
    [
      "a prefix that changes at equal length",
      (body, index) => `{"the beginning is long enough":${index % 2},"a":${body}}`,
    ],
    ["values that end alike", (_body, index) => `{"the beginning is long enough":"${index}\\\\","a":"\\"${index}\\""}`],
  ])("for a row with %s", (_name, eventOf) => {
    const tail = bodies.flatMap((body) => [eventOf(body, 50), eventOf('"x"', 51)]);
    const events = [...row(eventOf), ...tail, ...row(eventOf, 60)];
    for (const eventsEach of [events.length, 40, 3]) expectSameAsJsonParse(events, eventsEach);
  });

  test("and no result shares anything with another, or with what is learned", () => {
    const parse = createEventJsonParser();
    const all = row(gemini).map((data) => parse(data));
    const objects = new Set<unknown>();
    const collect = (value: unknown): void => {
      if (typeof value !== "object" || value === null) return;
      expect(objects.has(value)).toBe(false);
      objects.add(value);
      for (const inner of Object.values(value)) collect(inner);
    };
    all.forEach(collect);
    expect(objects.size).toBe(40 * 9);
  });

  test("and no prototype is touched", () => {
    const eventOf = (body: string): string =>
      `{"the beginning is long enough":${body},"__proto__":{"polluted":1},"a":{}}`;
    const parse = createEventJsonParser();
    for (const data of row(eventOf)) {
      const value = parse(data) as object;
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
      expect(Object.keys(value)).toContain("__proto__");
    }
    expect("polluted" in {}).toBe(false);
  });

  test("for nesting that overflows the stack of a recursive walk", () => {
    const eventOf = (body: string): string =>
      `{"the beginning is long enough":${"[".repeat(7_000)}${body}${"]".repeat(7_000)}}`;
    const parse = createEventJsonParser();
    for (const data of row(eventOf)) expect(typeof parse(data)).toBe("object");
  });
});

describe("event-json, fuzzed against JSON.parse", () => {
  // A document is written with the places left open, and then each event fills them anew.
  const key = fc.constantFrom(
    "a",
    "b",
    "content",
    "0",
    "10",
    "",
    "__proto__",
    "constructor",
    "\\u0061",
    "toString",
    "x\\ny",
  );
  const space = fc.constantFrom("", "", "", " ", "\n\t ");
  const constant = fc.constantFrom(
    "null",
    "true",
    "12",
    "-0",
    '"c"',
    '"\\"}"',
    "[]",
    "{}",
    '"\\u2028"',
    '{"a":[]}',
    '"\\u00011"',
  );
  const { document } = fc.letrec<{ document: string; node: string }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.constant("\0"),
      constant,
      fc
        .tuple(space, fc.array(fc.tuple(key, space, tie("node")), { maxLength: 4 }))
        .map(
          ([pad, entries]) =>
            `{${entries.map(([name, gap, node]) => `${pad}"${name}"${gap}:${node}`).join(",")}${pad}}`,
        ),
      fc
        .tuple(space, fc.array(tie("node"), { maxLength: 3 }))
        .map(([pad, nodes]) => `[${pad}${nodes.join(`,${pad}`)}]`),
    ),
    document: fc
      .tuple(fc.array(fc.tuple(key, tie("node")), { minLength: 1, maxLength: 4 }), tie("node"))
      .map(
        ([entries, last]) =>
          `{"the beginning is long enough":${entries.map(([name, node]) => `${node},"${name}":`).join("")}${last}}`,
      ),
  }));
  const scalar = fc.oneof(
    fc.string({ maxLength: 16 }).map((text) => JSON.stringify(text)),
    fc.string({ unit: "binary", maxLength: 4 }).map((text) => JSON.stringify(text)),
    fc.nat().map(String),
  );
  const hostile = fc.oneof(
    scalar,
    fc.string({
      unit: fc.constantFrom('"', "\\", "a", ",", ":", "}", "]", "{", "[", " ", "0", "\n", "u", "e", "\ud800"),
      maxLength: 8,
    }),
    fc
      .string({ unit: fc.constantFrom('"', "\\", "a", ",", ":", "}", "\u0001", "1"), maxLength: 8 })
      .map((text) => `"${text}"`),
    fc.json({ maxDepth: 2 }),
  );
  const fill = (document: string, values: readonly string[]): string => {
    let index = 0;
    return document.replaceAll("\0", () => values[index++ % values.length] ?? "0");
  };
  const change = fc.record({
    kind: fc.constantFrom("cut", "insert", "replace", "double", "pad", "none"),
    place: fc.double({ min: 0, max: 1, noNaN: true }),
    text: fc.constantFrom('"', "\\", "}", " ", ",", "1", '"a":1,', "\n", "__proto__"),
  });
  const changed = (data: string, { kind, place, text }: { kind: string; place: number; text: string }): string => {
    const at = Math.floor(place * data.length);
    if (kind === "cut") return data.slice(0, at);
    if (kind === "insert") return data.slice(0, at) + text + data.slice(at);
    if (kind === "replace") return data.slice(0, at) + text + data.slice(at + text.length);
    if (kind === "double") return data.slice(0, at) + data.slice(Math.floor(at / 2));
    if (kind === "pad") return `${data.slice(0, -1)}   }`;
    return data;
  };

  test("replies of hostile documents", () => {
    let fast = 0;
    fc.assert(
      fc.property(
        document,
        fc.array(fc.array(scalar, { minLength: 3, maxLength: 3 }), { minLength: 36, maxLength: 36 }),
        fc.array(fc.tuple(fc.array(hostile, { minLength: 1, maxLength: 3 }), change), { maxLength: 30 }),
        fc.array(fc.array(scalar, { minLength: 3, maxLength: 3 }), { minLength: 4, maxLength: 4 }),
        fc.integer({ min: 1, max: 120 }),
        (template, first, misfits, last, eventsEach) => {
          const events = first.map((values) => fill(template, values));
          for (const [values, alteration] of misfits) {
            events.push(changed(fill(template, values), alteration), fill(template, values.slice(0, 1)));
          }
          for (const values of last) events.push(fill(template, values));
          expectSameAsJsonParse(events, eventsEach);
          fast += Number(parsedWhole(events.slice(0, 36)).includes(false));
        },
      ),
      { numRuns: 1_500 },
    );
    expect(fast).toBeGreaterThan(150); // else the fuzz would test `JSON.parse` against itself
  });
});

describe("event-json, on recordings", () => {
  const folder = fileURLToPath(new URL("../../../shared/fixtures/", import.meta.url));
  const files = existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => /\.(?:chunks\.txt|sse)$/.test(name))
    : [];

  test("every payload of every reply is what JSON.parse makes of it", ({ skip }) => {
    if (files.length === 0) skip("the recordings in ../shared/fixtures are not on this machine");
    for (const name of files) expectSameAsJsonParse(payloadsOf(`${folder}${name}`));
    expectSameAsJsonParse(
      files.flatMap((name) => payloadsOf(`${folder}${name}`)),
      100,
    );
  });

  test("most payloads of the long replies take the short way", ({ skip }) => {
    if (files.length === 0) skip("the recordings in ../shared/fixtures are not on this machine");
    const whole = files
      .map((name) => payloadsOf(`${folder}${name}`))
      .filter((payloads) => payloads.length > 200)
      .flatMap((payloads) => parsedWhole(payloads));
    expect(whole.length).toBeGreaterThan(5_000);
    expect(whole.filter((isWhole) => isWhole).length / whole.length).toBeLessThan(0.25);
  });

  function payloadsOf(file: string): string[] {
    const lines = readFileSync(file, "utf8").split(/\r?\n/);
    if (!file.endsWith(".sse")) return lines.filter((line) => line !== "");
    return lines.filter((line) => line.startsWith("data: {")).map((line) => line.slice("data: ".length));
  }
});

test("events that are still bytes give what their text gives, also at every kind of character", () => {
  const decode = (bytes: string) => Buffer.from(bytes, "latin1").toString("utf8");
  const words = ["plain", "naïve", "“so”", "日本語", "🎉", "\\n", "ends with é", "ÿ", "\u0085", "\u00a0"];
  const texts = Array.from({ length: 200 }, (_, index) =>
    JSON.stringify({ who: "Zoë 日本 has a fixed name", says: words[index % words.length] }),
  );
  const parse = createEventJsonParser(decode);
  const spy = vi.spyOn(JSON, "parse");
  const values = texts.map((text) => parse(Buffer.from(text).toString("latin1")));
  const whole = spy.mock.calls.filter(([json]) => String(json).startsWith("{")).length;
  spy.mockRestore();
  expect(values).toEqual(texts.map((text) => JSON.parse(text)));
  expect(whole).toBeLessThan(60); // most were compared, not parsed
});
