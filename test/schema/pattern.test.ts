/** A schema's pattern says what JavaScript's engine says, in bounded time. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Pattern } from "../../src/schema/pattern.ts";
import { PatternProgram } from "../../src/schema/pattern-program.ts";
import { patternTree } from "../../src/schema/pattern-syntax.ts";
import { issuesText } from "../../src/schema/schema.ts";
import { jsonSchemaIssues } from "../../src/schema/validator.ts";

describe("a pattern whose attempts double with each character does not stop the process", () => {
  test.each([
    ["a repetition of a repetition", "^(a+)+$"],
    ["alternatives that overlap", "^(a|a)*$"],
    ["alternatives that overlap a little", "^(a|ab?|aa)+c$"],
    ["optional parts", `^${"a?".repeat(40)}${"a".repeat(40)}!$`],
    ["counted repetitions", "^(a{1,20}){1,20}$"],
    ["a repetition within a look ahead", "^(?=(a+)+$)"],
    ["many repetitions in a row", "a*a*a*a*a*a*!"],
    ["an unanchored repetition", "a+!"],
    ["an address of mail", "^([a-zA-Z0-9]+([._-]?[a-zA-Z0-9]+)*)@x$"],
  ])("%s", (_name, pattern) => {
    const text = `${"a".repeat(5_000)}?`;
    expect(issuesText(jsonSchemaIssues({ pattern }, text))).toBe(`must match the pattern ${pattern}`);
  });

  test("the name of a property is matched as carefully", () => {
    const schema = { patternProperties: { "^(a+)+$": { type: "number" } }, additionalProperties: false };
    expect(jsonSchemaIssues(schema, { [`${"a".repeat(2_000)}?`]: 1 })).toHaveLength(1);
  });

  test("a text that would still take too long is said to be too long", () => {
    const text = `${"a".repeat(200_000)}?`;
    expect(issuesText(jsonSchemaIssues({ pattern: "(?:(?=a*!)a)+" }, text))).toBe(
      "is too long to be matched against the pattern (?:(?=a*!)a)+",
    );
  });
});

test.each([
  ["an ordinary date", "^\\d{4}-\\d{2}-\\d{2}$", "2026-11-29", true],
  ["a slug", "^[a-z0-9]+(?:-[a-z0-9]+)*$", `${"ab-".repeat(2_000)}c`, true],
  ["a property of Unicode", "^(\\p{Letter}+ ?)+$", `${"Ωé ".repeat(2_000)}x`, true],
  ["an emoji as one character", "^(.|x)(.|x)$", "😀😀", true],
  ["half a surrogate pair", "^(?:\\ud83d|x)*$", "\ud83d", true],
  ["a pair written as two escapes", "^(?:\\ud83d\\ude00)+(a|b)*$", "😀😀", true],
  ["a pattern that only works without Unicode in mind", "^(\\-|\\_)+$", "-_-", true],
  ["a brace that is a brace", "^(a{|b)+$", "a{b", true],
  ["a bracket in a class", "^([\\]a]|x)+$", "]a", true],
  ["a word's edge", "(\\bcat\\b|dog)+", "a cat.", true],
  ["no word's edge", "(\\Bcat|dog)+", "a cat.", false],
  ["a look behind", "(?<=\\$)(\\d+|x)+$", "a$12", true],
  ["a negative look behind", "^a(?<!a)(\\d|x)*", "a1", false],
  ["a named group", "^(?<year>\\d+|x)+$", "12x", true],
  ["nothing, however often", "^(?:){1000000000}(a|b)*$", "ab", true],
])("%s", (_name, source, text, matches) => {
  expect(new Pattern(source).fault).toBeUndefined();
  expect(new Pattern(source).matches(text)).toBe(matches);
  expect(programOf(source).matches(text)).toBe(matches);
});

test("says what the engine says, for any pattern and text", () => {
  const atom = fc.constantFrom("a", "b", ".", "\\d", "[ab1]", "[^a]", "^", "$", "\\b", "\\B", "é", "😀", "\\w", "(?:)");
  const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
    pattern: fc.oneof(
      { maxDepth: 4, depthSize: "small", withCrossShrink: true },
      atom,
      fc.array(tie("pattern"), { minLength: 1, maxLength: 3 }).map((parts) => parts.join("")),
      fc.array(tie("pattern"), { minLength: 1, maxLength: 3 }).map((parts) => `(${parts.join("|")})`),
      fc
        .tuple(tie("pattern"), fc.constantFrom("*", "+", "?", "{2}", "{1,}", "{0,2}", "*?", "+?"))
        .map(([part, sign]) => `(?:${part})${sign}`),
      fc.tuple(fc.constantFrom("?=", "?!", "?<=", "?<!"), tie("pattern")).map(([sign, part]) => `(${sign}${part})`),
    ),
  }));
  const text = fc
    .array(fc.constantFrom("a", "b", "1", "é", "😀", " ", "\n"), { maxLength: 6 })
    .map((all) => all.join(""));
  fc.assert(
    fc.property(pattern, text, (source, any) => {
      // V8 tries assertions in the middle of a surrogate pair as well.
      const it = /\\b|\(\?[=!<]/i.test(source) ? any.replaceAll("😀", "é") : any;
      expect(programOf(source).matches(it), JSON.stringify({ source, it })).toBe(new RegExp(source, "u").test(it));
    }),
    { numRuns: 3_000 },
  );
});

function programOf(source: string): PatternProgram {
  const isUnicode = isUnicodePattern(source);
  const tree = patternTree(source, isUnicode);
  if (!tree) throw new Error(`${source} cannot be matched without going back`);
  return new PatternProgram(tree, isUnicode);
}

function isUnicodePattern(source: string): boolean {
  try {
    new RegExp(source, "u");
    return true;
  } catch {
    return false;
  }
}
