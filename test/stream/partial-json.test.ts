/** JSON piece by piece: at its end what `JSON.parse` gives, on the way only what stays true. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PartialJson } from "../../src/stream/partial-json.ts";

const RUNS = { numRuns: 400 };

describe("on the way", () => {
  test.each<[string, string, unknown]>([
    ["nothing is shown before the first value begins", "  ", undefined],
    ["an object is there as soon as it is opened", "{", {}],
    ["a key alone is not shown", '{"a"', {}],
    ["a key whose value has not begun is not shown", '{"a":', {}],
    ["a text grows", '{"a":"Hel', { a: "Hel" }],
    ["a text that has just begun is empty", '{"a":"', { a: "" }],
    ["a number that may continue is not shown", '{"a":12', {}],
    ["a number is shown once it is closed", '{"a":12,', { a: 12 }],
    ["a number in a closed list is shown", '{"a":[12]', { a: [12] }],
    ["a blank closes a number", "[12 ", [12]],
    ["a word is not shown before its last letter", "[tru", []],
    ["a word is shown with its last letter", "[true", [true]],
    ["null is a value like any other", '{"a":null', { a: null }],
    ["elements come one by one", '[1,2,"thr', [1, 2, "thr"]],
    ["what is nested grows inside", '{"a":{"b":[{"c":"x', { a: { b: [{ c: "x" }] } }],
    ["an escape is not shown half", '["a\\', ["a"]],
    ["an escape is shown complete", '["a\\n', ["a\n"]],
    ["four hexadecimal digits are waited for", '["a\\u00e', ["a"]],
    ["half an emoji is not shown", '["a\\ud83d', ["a"]],
    ["half an emoji is not shown, written plainly", '["a\ud83d', ["a"]],
    ["the other half completes it", '["a\\ud83d\\ude00', ["a😀"]],
    ["a lone half inside a text stays", '["\\ud83d!', ["\ud83d!"]],
    ["a text at the root", '"Hel', "Hel"],
    ["a number at the root may always continue", "12", undefined],
    ["a second value of one key replaces the first", '{"a":1,"a":"x', { a: "x" }],
    ["a beginning that is no JSON shows nothing", "Sure! {", undefined],
    ["what comes after a mistake is not shown", '{"a":1,"b":tru!,"c":2}', { a: 1 }],
  ])("%s", (_name, text, shown) => {
    for (const size of [1, 2, 3, text.length || 1]) {
      const json = new PartialJson();
      for (let at = 0; at < text.length; at += size) {
        json.push(text.slice(at, at + size));
        void json.value;
      }
      expect(json.value, `in pieces of ${size}`).toEqual(shown);
    }
  });

  test("the same view comes back while nothing changes", () => {
    const json = new PartialJson();
    json.push('{"a":"x"');
    const view = json.value;
    json.push('  , "lon');
    expect(json.value).toBe(view);
    json.push('g": 1}');
    expect(json.value).not.toBe(view);
  });

  test("closed values are shared by all views", () => {
    const json = new PartialJson();
    json.push('[{"a":1},{"b":"x');
    const first = json.value as unknown[];
    json.push("y");
    const second = json.value as unknown[];
    expect(second[0]).toBe(first[0]);
    expect(first[1]).toEqual({ b: "x" });
    expect(second[1]).toEqual({ b: "xy" });
  });

  test("what is nested deeper than 256 levels is shown once it is closed", () => {
    const json = new PartialJson();
    json.push("[".repeat(300));
    expect(depthOf(json.value)).toBe(256);
    json.push(`7${"]".repeat(300)}`);
    expect(depthOf(json.value)).toBe(300);
  });
});

describe("mistakes", () => {
  test.each([
    ["a word before it", "Here: {}", '"H" at position 0'],
    ["a fence around it", "```json\n{}\n```", '"`" at position 0'],
    ["a comma too many in a list", "[1,]", '"]" at position 3'],
    ["a comma too many in an object", '{"a":1,}', '"}" at position 7'],
    ["a comma too few", "[1 2]", '"2" at position 3'],
    ["the wrong bracket", '{"a":1]', '"]" at position 6'],
    ["a key without quotes", "{a:1}", '"a" at position 1'],
    ["a colon too many", '{"a"::1}', '":" at position 5'],
    ["a line break inside a text", '["a\nb"]', '"\\n" at position 3'],
    ["an escape that does not exist", '["\\x"]', '"x" at position 3'],
    ["an escape that is not hexadecimal", '["\\u00g0"]', '"g" at position 6'],
    ["a leading zero", "[01]", '"1" at position 2'],
    ["a point without a fraction", "[1.]", '"]" at position 3'],
    ["a sign alone", "[-]", '"]" at position 2'],
    ["an exponent without digits", "[1e+]", '"]" at position 4'],
    ["a misspelt word", "[trve]", '"v" at position 3'],
    ["NaN", "[NaN]", '"N" at position 1'],
    ["a second document", "{} {}", '"{" at position 3'],
    ["a byte order mark", "\ufeff{}", '"\ufeff" at position 0'],
    ["an emoji in the open", "[😀]", '" at position 1'],
  ])("%s is named with its place, whole and piece by piece", (_name, text, place) => {
    expect(() => JSON.parse(text)).toThrow(SyntaxError);
    const whole = new PartialJson();
    whole.push(text);
    expect(() => whole.end()).toThrow(place);
    const pieces = new PartialJson();
    for (let at = 0; at < text.length; at += 2) {
      pieces.push(text.slice(at, at + 2));
      void pieces.value;
    }
    expect(pieces.error?.message).toContain(place);
    expect(() => pieces.end()).toThrow(place);
  });

  test.each(["", "  ", "{", "[1,", '"abc', "tru", "-", '{"a":'])(
    "%j ends too early, which is no mistake before the end",
    (text) => {
      const json = new PartialJson();
      json.push(text);
      expect(json.error).toBeUndefined();
      expect(() => json.end()).toThrow(/ends too early/);
    },
  );
});

describe("for every document", () => {
  test("cut anywhere and looked at anywhere, its end is what JSON.parse gives", () => {
    fc.assert(
      fc.property(documents(), cuts(), (text, sizes) => {
        const { json } = read(text, sizes, true);
        assertSame(json.end(), JSON.parse(text));
        assertSame(json.value, JSON.parse(text));
      }),
      RUNS,
    );
  });

  test("without a view on the way: the same", () => {
    fc.assert(
      fc.property(documents(), cuts(), (text, sizes) => {
        assertSame(read(text, sizes, false).json.end(), JSON.parse(text));
      }),
      RUNS,
    );
  });

  test("every view is the beginning of each later one and of the complete, and never changes", () => {
    fc.assert(
      fc.property(documents(), cuts(), (text, sizes) => {
        fc.pre(!hasKeyTwice(text));
        const { views } = read(text, sizes, true);
        const whole: unknown = JSON.parse(text);
        let earlier: unknown;
        for (const { view, written } of views) {
          assert.equal(JSON.stringify(view), written);
          assert.ok(isBeginningOf(earlier, view), `${JSON.stringify(earlier)} → ${written}`);
          assert.ok(isBeginningOf(view, whole), `${written} → ${text}`);
          earlier = view;
        }
      }),
      RUNS,
    );
  });

  test("with something wrong in it, the end fails where JSON.parse does, and views go no further than the mistake", () => {
    fc.assert(
      fc.property(
        documents(),
        fc.nat(),
        fc.constantFrom(...'{}[]:,"\\x0-.e+ t\n'),
        cuts(),
        (valid, where, added, sizes) => {
          const at = where % (valid.length + 1);
          const text = valid.slice(0, at) + added + valid.slice(at);
          const { json, views } = read(text, sizes, true);
          const whole = outcomeOf(() => JSON.parse(text));
          if ("value" in whole) return assertSame(json.end(), whole.value);
          assert.throws(() => json.end(), SyntaxError);
          for (const { view, upTo } of views) {
            const completion = completionOf(text.slice(0, upTo));
            if (hasKeyTwice(completion)) continue; // the second may take back what the first has shown
            const completed: unknown = JSON.parse(completion);
            assert.ok(isBeginningOf(view, completed), `${JSON.stringify(view)} of ${text.slice(0, upTo)}`);
          }
        },
      ),
      RUNS,
    );
  });

  test("a beginning that can be completed is no mistake", () => {
    fc.assert(
      fc.property(documents(), fc.nat(), (text, where) => {
        const json = new PartialJson();
        json.push(text.slice(0, where % (text.length + 1)));
        assert.equal(json.error, undefined);
      }),
      RUNS,
    );
  });
});

test.each(["[", '{"a":'])(
  "a hundred thousand %j deep is read, looked at and ended without a stack overflow",
  (opening) => {
    const depth = 100_000;
    const json = new PartialJson();
    for (let level = 0; level < depth; level += 100) json.push(opening.repeat(100));
    expect(depthOf(json.value)).toBe(256);
    json.push("0");
    json.push((opening === "[" ? "]" : "}").repeat(depth));
    expect(depthOf(json.end())).toBe(depth);
  },
);

test.each([
  ["a number", "9".repeat(20_000)],
  ["a text", `"${"x".repeat(20_000)}"`],
  ["a text of escapes", `"${"\\u0041".repeat(4_000)}"`],
])("%s may be as long as it likes", (_name, text) => {
  const { json } = read(`[${text}]`, [1], true);
  assertSame(json.end(), JSON.parse(`[${text}]`));
});

interface View {
  readonly view: unknown;
  /** What it looked like when it was made. */
  readonly written: string | undefined;
  /** How much had come. */
  readonly upTo: number;
}

/** Pushes the text in pieces of these sizes, again and again, and looks after each. */
function read(text: string, sizes: readonly number[], looks: boolean): { json: PartialJson; views: readonly View[] } {
  const json = new PartialJson();
  const views: View[] = [];
  for (let at = 0, round = 0; at < text.length; round++) {
    const size = sizes[round % sizes.length] ?? 1;
    json.push(text.slice(at, at + size));
    at += size;
    if (!looks || json.error) continue;
    const view = json.value;
    views.push({ view, written: JSON.stringify(view), upTo: Math.min(at, text.length) });
  }
  return { json, views };
}

function cuts(): fc.Arbitrary<readonly number[]> {
  return fc.oneof(
    fc.constant([1]),
    fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 6 }),
    fc.constant([1_000_000]),
  );
}

/** JSON texts as people and models write them: any blanks, any escapes, odd numbers, `__proto__`, keys that come twice. */
function documents(): fc.Arbitrary<string> {
  const blank = fc.constantFrom("", "", "", " ", "\n", "\t\r\n  ");
  const character = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(..."abc {}[]:,0-.é漢\u2028\u007f") },
    fc.constantFrom(
      '\\"',
      "\\\\",
      "\\/",
      "\\b",
      "\\f",
      "\\n",
      "\\r",
      "\\t",
      "\\u0000",
      "\\u00E9",
      "\\ud83d",
      "\\uDE00",
      "\\ud83d\\ude00",
    ),
    fc.constantFrom("😀", "\ud83d", "\ude00"),
  );
  const string = fc.array(character, { maxLength: 8 }).map((characters) => `"${characters.join("")}"`);
  const key = fc.oneof(
    { weight: 2, arbitrary: string },
    fc.constantFrom('"__proto__"', '"constructor"', '"a"', '"b"', '"1"', '"\\u0061"', '""', '"toString"'),
  );
  const number = fc.oneof(
    fc.integer().map(String),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? "-0" : String(value))),
    fc.constantFrom("0", "-0", "-0.0", "0.1", "1e999", "-1E-999", "1e+5", "123456789012345678", "0.30000000000000004"),
    fc.constantFrom("999999999999999", "1234567890.12345", "9007199254740993", "5e-324", "0.000000000000001", "1.5E3"),
  );
  const word = fc.constantFrom("true", "false", "null");
  const { value } = fc.letrec<{ value: string }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4, depthSize: "small", withCrossShrink: true },
      fc.oneof(string, number, word),
      fc
        .tuple(fc.array(fc.tuple(blank, tie("value"), blank), { maxLength: 5 }), blank)
        .map(
          ([elements, inside]) =>
            `[${elements.length === 0 ? inside : elements.map((parts) => parts.join("")).join(",")}]`,
        ),
      fc
        .array(fc.tuple(blank, key, blank, blank, tie("value"), blank), { maxLength: 5 })
        .map(
          (members) =>
            `{${members.map(([a, name, b, c, member, d]) => `${a}${name}${b}:${c}${member}${d}`).join(",")}}`,
        ),
    ),
  }));
  return fc.tuple(blank, value, blank).map((parts) => parts.join(""));
}

/** Equal in every way that a program can see, the order of keys and the sign of zero included. */
function assertSame(actual: unknown, expected: unknown): void {
  assert.deepStrictEqual(actual, expected);
  assert.equal(JSON.stringify(actual), JSON.stringify(expected));
}

/** Whether a later value may have grown out of an earlier one. */
function isBeginningOf(earlier: unknown, later: unknown): boolean {
  if (earlier === undefined) return true;
  if (typeof earlier === "string") return typeof later === "string" && later.startsWith(earlier);
  if (typeof earlier !== "object" || earlier === null) return Object.is(earlier, later);
  if (typeof later !== "object" || later === null || Array.isArray(earlier) !== Array.isArray(later)) return false;
  return Object.keys(earlier).every(
    (key) => Object.hasOwn(later, key) && isBeginningOf(own(earlier, key), own(later, key)),
  );
}

function own(value: object, key: string): unknown {
  return Object.getOwnPropertyDescriptor(value, key)?.value;
}

/** Some document that begins like this, found by another road than the reader's: by asking `JSON.parse` about endings. */
function completionOf(beginning: string): string {
  const closers: string[] = [];
  let inText = false;
  for (let at = 0; at < beginning.length; at++) {
    const character = beginning.charAt(at);
    if (inText) {
      if (character === "\\") at++;
      else if (character === '"') inText = false;
    } else if (character === '"') inText = true;
    else if (character === "{" || character === "[") closers.unshift(character === "{" ? "}" : "]");
    else if (character === "}" || character === "]") closers.shift();
  }
  const escapes = ["", "\\", "n", "0", "00", "000", "0000"];
  const ends = inText
    ? escapes.flatMap((rest) => [`${rest}"`, `${rest}one more":0`])
    : ["", "0", ":0", '"one more":0', "rue", "ue", "e", "alse", "lse", "se", "ull", "ll", "l"];
  for (const end of ends) {
    const text = beginning + end + closers.join("");
    if ("value" in outcomeOf(() => JSON.parse(text))) return text;
  }
  throw new Error(`nothing completes ${JSON.stringify(beginning)}`);
}

/** Whether it has more colons than keys. */
function hasKeyTwice(text: string): boolean {
  const colons = text.replace(/"(?:[^"\\]|\\.)*"/g, "").split(":").length - 1;
  let keys = 0;
  const count = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    const members: unknown[] = Object.values(value);
    if (!Array.isArray(value)) keys += members.length;
    for (const member of members) count(member);
  };
  count(JSON.parse(text));
  return keys < colons;
}

function outcomeOf(run: () => unknown): { readonly value: unknown } | { readonly error: unknown } {
  try {
    return { value: run() };
  } catch (error) {
    return { error };
  }
}

function depthOf(value: unknown): number {
  let depth = 0;
  for (let inner = value; typeof inner === "object" && inner !== null; inner = Object.values(inner)[0]) depth++;
  return depth;
}
