/** Joining a continuation to what had arrived. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { withContinuationPrompt } from "../../src/protocols/common/continuation.ts";
import { OverlapRemover } from "../../src/stream/overlap-remover.ts";

/** What the reader ends up with when the continuation comes in pieces of the given size; "unknown": an honest failure. */
function joined(arrived: string, continuation: string, size: number): string {
  const remover = new OverlapRemover(arrived);
  let text = arrived;
  const apply = ({ rewind, text: more }: ReturnType<OverlapRemover["add"]>) => {
    text = text.slice(0, text.length - rewind) + more;
  };
  for (let at = 0; at < continuation.length; at += size) apply(remover.add(continuation.slice(at, at + size)));
  apply(remover.end());
  return remover.isUnknown ? "unknown" : text;
}

/** What the model is asked to repeat. */
function quotedOf(arrived: string): string {
  const turn = { role: "assistant", content: arrived, interrupted: true } as const;
  const asked = withContinuationPrompt([{ role: "user", content: "?" }, turn]).at(-1)?.content;
  return /words are:\n\n([\s\S]*)\n\nWrite the rest/.exec(String(asked))?.[1] ?? "";
}

const ESSAY =
  "Rivers begin high up, where rain and melting snow gather in small streams that nobody has given a name to. ";
const RIVER = `${ESSAY}It runs down the river \n`;
const VALUE = '{"a":1,"b":2,"c":[1,2,3,4,5,6,7,8,9,10,11]}';
const VERSE = "春眠不觉晓处处闻啼鸟夜来风雨声花落知多少";
const GROUP = "- name: step\n  uses: actions/checkout@v4\n  with:\n    depth: 0\n";
const NUMBERED = rows(40, (number) => `Line ${number} of a text that says something else in each of its lines.\n`);

function rows(count: number, row: (number: number) => string): string {
  return Array.from({ length: count }, (_, number) => row(number)).join("");
}

describe("a continuation", () => {
  test.each([
    ["continues in the middle of a word", "Hello wor", "ld, how are you?", "Hello world, how are you?"],
    ["continues with a blank", "Hello", " world", "Hello world"],
    ["says the last words again", "the quick brown fox", "quick brown fox jumps", "the quick brown fox jumps"],
    ["says the last line again", "One.\nTwo and three", "Two and three are four.", "One.\nTwo and three are four."],
    ["says everything again", "The river begins hi", "The river begins high up", "The river begins high up"],
    ["says a long text again", `${NUMBERED}The`, `${NUMBERED}Then they meet.`, `${NUMBERED}Then they meet.`],
    ["begins again and goes another way", `${ESSAY}Then`, `${ESSAY}Later`, `${ESSAY}Later`],
    ["says the quoted words again before other white space", RIVER, `${quotedOf(RIVER)} runs`, `${RIVER}runs`],
    ["says the quoted words again with their white space", RIVER, `${quotedOf(RIVER)} \n- one`, `${RIVER}- one`],
    ["keeps indentation", "def f():\n        ", "    return 1", "def f():\n            return 1"],
    ["is nothing", "Hello", "", "Hello"],
    // What only looks like a repetition stays.
    ["doubles a letter", "book", "keeper", "bookkeeper"],
    ["doubles a word in its own right", "I had", " had enough", "I had had enough"],
    ["continues with the same digits", "pi is 3.1", "1111", "pi is 3.11111"],
    ["adds an empty line", "A list:\n", "\n- one", "A list:\n\n- one"],
    ["completes a fence", "Code:\n``", "`js\n1", "Code:\n```js\n1"],
    ["completes a ruler", "Title\n----", "--", "Title\n------"],
    [
      "has lines of one shape",
      rows(30, (n) => `{"time":"2026-01-01T00:00:00Z","level":"info","n":${n}}\n`),
      `{"time":"2026-01-01T00:00:00Z","level":"info","n":30}\n`,
      rows(31, (n) => `{"time":"2026-01-01T00:00:00Z","level":"info","n":${n}}\n`),
    ],
    [
      "is a refrain",
      "Row, row, row your boat, gently down the stream\nfirst verse\n",
      "Row, row, row your boat, gently down the stream\nlast verse\n",
      "Row, row, row your boat, gently down the stream\nfirst verse\nRow, row, row your boat, gently down the stream\nlast verse\n",
    ],
  ])("that %s is joined, however it comes", (_name, arrived, continuation, expected) => {
    for (const size of [1, 2, 3, 7, 10_000]) expect(joined(arrived, continuation, size)).toBe(expected);
  });

  test.each([
    ["equal rows", rows(30, () => "0,0,0,0\n"), rows(20, () => "0,0,0,0\n")],
    ["a second row like the first", "a,b\n0,0,0,0\n", "0,0,0,0\ntotal\n"],
    ["closing tags", "<p>text</p>\n  </div>\n", "  </div>\n  </div>\n"],
    ["a ruler", "|-----|-----|", "-----|-----|\n"],
    ["laughter", "hahaha", "hahaha!"],
    ["a word that is a syllable twice, or a word begun again", "tar", "tar sauce"],
    ["a text said several times, or begun again", ESSAY.repeat(20), `${ESSAY.repeat(20)}Then they meet.`],
    ["a beginning in the middle of a line", `${ESSAY}(`, `${ESSAY}Later`],
    ["a number of a list, or the line begun again", "15. apples\n16.", "16. pears\n17. plums"],
    ["a cell of a table, or the row begun again", "| 1 | a |\n| ", "| 2 | b |"],
    ["a name in code, or the line begun again", '{\n  "id"', '  "id": 1'],
    ["half of an indentation, or the line begun again", "def f():\n    ", "    return 1"],
    ["half of a ruler, or the line begun again", "Title\n--", "----"],
    ["a letter, or the line begun again", "burning bright,\nI", "In the forests of the night;"],
    [
      "a third row like the first, cut before blanks",
      "+----+----+\n|    |    |\n+----+----+\n|   ",
      " |    |\n+----+----+\n|  x |    |\n",
    ],
    [
      "a row of dots, cut before a blank",
      "Loading......... done.\nLoading......... ",
      "done.\nLoading............... done.\n",
    ],
    ["a word of four, cut before a blank", "Hey hey hey hey\nhey hey hey ", "hey\nhey hey hey\n"],
    ["a row of one letter, or the text begun again", `${"A".repeat(43)}B`, `${"A".repeat(44)}\nAB`],
    ["a phrase said twice, or begun again", "Sing: sweet child of mine", " sweet child of mine, again"],
    ["two equal halves of a number, or the number begun again", "one seventh is 0.142857", "142857 and so on"],
    ["two equal JSON values, or the text begun again", VALUE, `${VALUE}\n`],
    ["a line of Chinese said twice, or begun again", VERSE, `${VERSE}完`],
    ["the second of two equal groups, or its line begun again", `${GROUP}- n`, GROUP.repeat(2)],
  ])("of which nobody can know where it belongs shows nothing: %s", (_name, arrived, continuation) => {
    for (const size of [1, 2, 3, 7, 10_000]) expect(joined(arrived, continuation, size)).toBe("unknown");
  });

  test("that the provider promised to be exact is taken as it is", () => {
    const remover = new OverlapRemover("0,0\n0,0\n");
    remover.trust();
    expect(remover.add("0,0\n")).toEqual({ rewind: 0, text: "0,0\n" });
    expect(remover.shift).toBe(8);
  });

  test("of other words is shown with its first piece", () => {
    expect(new OverlapRemover("Rivers begin high up").add(", where rain falls")).toEqual({
      rewind: 0,
      text: ", where rain falls",
    });
  });

  test("is never held back for more than a window of repeated words, or the text said again", () => {
    const remover = new OverlapRemover("ab ".repeat(10_000));
    let held = 0;
    for (let at = 0; at < 1_000 && remover.isOpen; at++) {
      remover.add("ba ");
      held += 3;
    }
    expect(held).toBeLessThan(500);
  });

  test("reports where its places are in the joined text", () => {
    const remover = new OverlapRemover("the quick brown fox");
    remover.add("brown fox jumps");
    expect("the quick brown fox jumps".slice(10 + remover.shift)).toBe("jumps");
  });
});

/** What a model writes that was cut there. */
const BEHAVIOURS: readonly (readonly [string, (text: string, cut: number) => string])[] = [
  ["continues exactly", (text, cut) => text.slice(cut)],
  [
    "repeats the quoted words",
    (text, cut) => text.slice(text.slice(0, cut).trimEnd().length - quotedOf(text.slice(0, cut)).length),
  ],
  ["begins anew", (text) => text],
  ["begins the line again", (text, cut) => text.slice(text.lastIndexOf("\n", cut - 1) + 1)],
];

/** Never a shorter text, never one twice: it is as it was meant, or an honest failure. Returns how often it is joined. */
function cutEverywhere(text: string, write: (text: string, cut: number) => string): number {
  let right = 0;
  for (let cut = 1; cut < text.length; cut++) {
    const arrived = text.slice(0, cut);
    if (arrived.trim() === "") continue;
    const outcome = joined(arrived, write(text, cut), 1 + (cut % 9));
    if (outcome !== "unknown") expect(outcome).toBe(text);
    if (outcome === text) right++;
  }
  return right / (text.length - 1);
}

const PROSE =
  "The city wakes slowly; bakers are first, then the trams, and at last the children. Nobody minds the noise, since it " +
  "means that winter is over.\n\nBy noon the square is full: apples, old books, bread.\n\n- apples are red\n- books are old\n" +
  "- bread is warm\n\nIn the evening everyone goes home, and the lamps come on one after another along the river.";

describe.each(BEHAVIOURS)("any text that is cut anywhere, and then a model %s", (behaviour, write) => {
  test.each([
    ["prose", PROSE, 0.7],
    [
      "code",
      "function add(a, b) {\n  return a + b;\n}\n\nfunction sub(a, b) {\n  return a - b;\n}\n\nfor (;;) {\n  sub(1, 1);\n}\n",
      0.3,
    ],
    ["lines of one shape", rows(20, (n) => `{"time":"2026-01-01T00:00:00Z","level":"info","n":${n}}\n`), 0.65],
    ["equal rows", rows(30, () => "0,0,0,0,0,0\n"), 0],
    ["two equal rows", "a,b\n0,0,0,0,0,0\n0,0,0,0,0,0\ntotal\n", 0],
    ["one letter", "a".repeat(60), 0],
    ["a syllable", `x${"abc".repeat(30)}y`, 0],
    ["closing tags", `<div><p>text</p>\n${rows(4, () => "  </div>\n")}</body>\n`, 0],
    ["refrains", rows(3, (n) => `Row, row, row your boat, gently down the stream\nverse ${n}\n`), 0.4],
    ["an essay three times", ESSAY.repeat(3), 0],
    ["an essay twice", `${ESSAY.repeat(2)}The end.`, 0],
    ["a table", `| a | b |\n|---|---|\n${rows(8, (n) => `| ${n} | x |\n`)}`, 0.1],
    [
      "a song with a chorus",
      "one\ntwo\n\nla la la\nli li li\n\nthree\n\nla la la\nli li li\n\nla la la\nli li li\n",
      0,
    ],
    [
      "Chinese characters",
      "日本の川は山から海へ流れる。春の雪解け水が小さな流れを作り、やがて大きな川になる。その川は町を通り、橋の下を静かに過ぎて、最後に海に出る。" +
        "海の水はやがて雲となり、風に運ばれて再び山に雨や雪を降らせる。こうして水は巡り、終わることがない。人々は昔からこの水とともに暮らし、米を作り、魚を取り、歌を詠んできた。",
      0.2,
    ],
    ["empty lines", "a\n\n\n\nb\n\n\n\nc\n\n\n\nd", 0],
  ])("is %s: it is joined as it was meant, or not at all", (_name, text, leastPart) => {
    // A line begun again looks like a row that begins as the one before it.
    const least = behaviour === "begins the line again" ? 0 : leastPart;
    expect(cutEverywhere(text, write)).toBeGreaterThanOrEqual(least);
    if (behaviour === "continues exactly" && leastPart > 0) expect(cutEverywhere(text, write)).toBeGreaterThan(0.9);
  });

  // Of lines that come again in equal groups, a line begun again may be the next group.
  test.skipIf(behaviour === "begins the line again")(
    "is joined as it was meant, or not at all, with any periods",
    () => {
      const word = fc.constantFrom(
        "the",
        "brown",
        "fox",
        "0",
        ",",
        "<b>",
        "</b>",
        "{}",
        '"n":',
        "row",
        "ha",
        "la",
        "\n",
      );
      const space = fc.constantFrom(" ", "", "\n", ", ");
      const unit = fc
        .tuple(fc.array(word, { minLength: 1, maxLength: 10 }), space, space)
        .map(([words, between, behind]) => words.join(between) + behind);
      const text = fc
        .tuple(unit, unit, unit, fc.integer({ min: 2, max: 5 }))
        .chain(([a, b, c, times]) =>
          fc.constantFrom(a.repeat(times), c + a.repeat(times) + b, (a + b).repeat(times) + c, a + b + a + b + c + a),
        );
      fc.assert(
        fc.property(text, fc.nat(), fc.integer({ min: 1, max: 9 }), (whole, at, size) => {
          const cut = 1 + (at % whole.length);
          const arrived = whole.slice(0, cut);
          if (arrived.trim() === "") return;
          const outcome = joined(arrived, write(whole, cut), size);
          if (outcome !== "unknown") expect(outcome).toBe(whole);
        }),
        { numRuns: 1_000, seed: 9 },
      );
    },
  );
});
