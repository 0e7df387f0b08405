import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMarkdownRenderer, printable } from "../../src/cli/markdown/markdown.ts";

const STYLE_NAMES: Record<string, string> = {
  0: "/",
  1: "bold",
  2: "dim",
  3: "italic",
  4: "underline",
  9: "strike",
  36: "code",
};

const ESC = "\u001b";
const STYLE_CODE = new RegExp(`${ESC}\\[((?:0|1|2|3|4|9|36)(?:;(?:1|3|4|9|36))*)m`, "g");

/** Escape codes as names: `{bold}word{/}`. */
function named(output: string): string {
  return output.replace(STYLE_CODE, (_code, styles: string) => {
    return `{${styles
      .split(";")
      .map((style) => STYLE_NAMES[style] ?? style)
      .join(" ")}}`;
  });
}

function plain(output: string): string {
  return output.replace(STYLE_CODE, "");
}

function render(pieces: readonly string[], options: { color?: boolean; width?: number } = {}): string {
  const renderer = createMarkdownRenderer({ color: true, width: 40, ...options });
  return pieces.map((piece) => renderer.push(piece)).join("") + renderer.end();
}

/** Cuts a text at offsets given as fractions of its length. */
function cut(text: string, fractions: readonly number[]): string[] {
  const offsets = fractions.map((fraction) => Math.floor(fraction * text.length)).sort((a, b) => a - b);
  return [0, ...offsets].map((from, index) => text.slice(from, offsets[index] ?? text.length));
}

const ANSWER = `# Streaming

Use **\`fetch\`** and *read* the [docs](https://a.b/c_d) or ![img](x.png "t"), ~~not~~ snake_case, 2*3*4!
A **bold
over lines** and \\*escapes\\*, [a note], [half](open _private_var *open

1. **One**:
   \`\`\`ts
   const a = "*b*"; // 😀
   \`\`\`
2) Two
   - nested - item
     * * deeper
> quote **with** \`\`co\`de\`\`
> > nested
> ~~~
> code
outside

| Name | Ünïcode | 数 |
|:-----|:-------:|--:|
| \`a\\|b\` | **b** | 1 |
| x |

|not| a table
***
- - -
### Last _one_ ###
\`\`\`\`md
\`\`\`
still code
\`\`\`\`
tail **open \`code`;

/** Text dense in markers, so that generated cases meet the machine's corners. Words are unique: w0, w1, … */
const markdown = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom("word", " word", " word ") },
      {
        weight: 5,
        arbitrary: fc.constantFrom(
          ..."*_~`#>|[]()!\\-+.:😀é数\n\t",
          ...[
            "**",
            "***",
            "~~",
            "``",
            "```",
            "~~~",
            "\n\n",
            "\n```",
            "\n- ",
            "\n  * ",
            "\n1. ",
            "\n> ",
            "\n---\n",
            "\n## ",
          ],
          ...[
            "](",
            "[word](word)",
            "\n| ",
            " | ",
            " |\n|-|-|\n",
            "|\n",
            "https://word/_word_",
            "__word__",
            "\\_",
            "\r\n",
          ],
        ),
      },
    ),
    { maxLength: 60 },
  )
  .map((parts) => {
    let count = 0;
    return parts.join("").replaceAll("word", () => `w${count++}`);
  });

const fractions = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 });

describe("inside a line", () => {
  test.each([
    [
      "bold, italic and both",
      "**a** *b* ***c*** __d__ _e_",
      "{bold}a{/} {italic}b{/} {bold italic}c{/} {bold}d{/} {italic}e{/}",
    ],
    ["emphasis nests", "**a *b* c**", "{bold}a {/}{bold italic}b{/}{bold} c{/}"],
    ["bold inside italic leaves it open", "*a **b** c*", "{italic}a {/}{bold italic}b{/}{italic} c{/}"],
    ["nested emphasis may end together", "*a **b***", "{italic}a {/}{bold italic}b{/}"],
    ["struck out text", "~~a b~~ c", "{strike}a b{/} c"],
    ["a single tilde means about", "~5 ~ ~6~", "~5 ~ ~6~"],
    ["code is not interpreted", "`*a* [b](c) \\`", "{code}*a* [b](c) \\{/}"],
    ["a longer run of backticks quotes shorter ones", "``a`b`` c", "{code}a`b{/} c"],
    ["three backticks within a line are code, not a fence", "```a``` b", "{code}a{/} b"],
    ["a backtick at the end of a line is itself", "a `\nb", "a `\nb"],
    ["multiplication stays", "2*3*4 and 2 * 3 * 4 and 2**3", "2*3*4 and 2 * 3 * 4 and 2**3"],
    ["names with underscores stay", "snake_case_name _private_var a__b", "snake_case_name _private_var a__b"],
    ["URLs stay", "https://a.b/_c_/d_(e)_f?_g=_h", "https://a.b/_c_/d_(e)_f?_g=_h"],
    ["long marker runs are decoration", "a **** b ~~~~ c ____d", "a **** b ~~~~ c ____d"],
    ["Chinese needs no spaces around bold text", "这是**重点：**内容", "这是{bold}重点：{/}内容"],
    ["Chinese quotes may be bold too", "这是**“重点”**内容", "这是{bold}“重点”{/}内容"],
    ["a star after a word is a footnote", "price*(net)* café*, b", "price*(net)* café*, b"],
    ["escapes are taken literally", "\\*a\\* \\_b\\_ \\[c](d) C:\\dir \\", "*a* _b_ [c](d) C:\\dir \\"],
    ["a backslash at the end of a line is a line break", "a\\\nb", "a\nb"],
    ["emphasis continues after a line break", "**a\nb** c", "{bold}a{/}\n{bold}b{/} c"],
    ["emphasis ends with its paragraph", "**a\n\nb", "{bold}a{/}\n\nb"],
    ["open markers end with the text", "**a `b", "{bold}a {/}{bold code}b{/}"],
    ["a closing marker that opened nothing is text", "a** b_ c~~", "a** b_ c~~"],
  ])("%s", (_name, text, expected) => expect(named(render([text]))).toBe(expected));
});

describe("links", () => {
  test.each([
    ["show their target", "[a](https://b.c)", "{underline}a{/}{dim} (https://b.c){/}"],
    ["show no target that is their text", "[https://b.c](https://b.c)", "{underline}https://b.c{/}"],
    [
      "may carry emphasis and code",
      "[**a** `b`](c)",
      "{bold underline}a{/}{underline} {/}{underline code}b{/}{dim} (c){/}",
    ],
    ["keep their emphasis to themselves", "[**a](b) c", "{bold underline}a{/}{dim} (b){/} c"],
    ["may hold escaped brackets", "[a\\]b\\[c](d)", "{underline}a]b[c{/}{dim} (d){/}"],
    ["keep their code to themselves", "[`a](b) c", "{underline code}a{/}{dim} (b){/} c"],
    ["may have a title and parentheses", '[a](b_(c) "t")', '{underline}a{/}{dim} (b_(c) "t"){/}'],
    ["images are links", "![a](b)!", "{underline}a{/}{dim} (b){/}!"],
    ["brackets alone are text", "[1] [*a*] ![b] [c", "[1] [{italic}a{/}] ![b] [c"],
    ["brackets and words in parentheses are text", "[a](b c)", "[a](b c)"],
    ["the inner one counts", "[see [a](b)]", "[see {underline}a{/}{dim} (b){/}]"],
    ["do not cross lines", "[a\n](b)", "[a\n](b)"],
    ["have no endless text", `[${"a ".repeat(150)}](b)`, `[${"a ".repeat(150)}](b)`],
    ["may have a long target", `[a](${"b".repeat(1000)})`, `{underline}a{/}{dim} (${"b".repeat(1000)}){/}`],
  ])("%s", (_name, text, expected) => expect(named(render([text]))).toBe(expected));
});

describe("blocks", () => {
  test.each([
    ["headings by level", "# a\n## b\n### c\ntext", "{bold underline}a{/}\n{bold underline}b{/}\n{bold}c{/}\ntext"],
    ["a hash needs a space", "#a ####### b", "#a ####### b"],
    ["a heading may hold code", "# a `b`", "{bold underline}a {/}{bold underline code}b{/}"],
    ["bullets", "- a\n* b\n+ **c**\n-d", "• a\n• b\n• {bold}c{/}\n-d"],
    ["nested lists keep their indent", "- a\n  - b\n    1. c", "• a\n  • b\n    1. c"],
    ["lists on one line", "- - a\n- 1. b", "• • a\n• 1. b"],
    ["numbers as they were", "1. a\n7) b\n1986 c 3.14", "1. a\n7) b\n1986 c 3.14"],
    ["an item starts its own emphasis", "- **a\n- b", "• {bold}a{/}\n• b"],
    ["emphasis at the start of a line is no bullet", "*a*\n**b**\n_c_", "{italic}a{/}\n{bold}b{/}\n{italic}c{/}"],
    [
      "rules",
      "---\n* * *\n___",
      `${Array(3)
        .fill(`{dim}${"─".repeat(40)}{/}`)
        .join("\n")}`,
    ],
    ["two dashes are no rule", "--\n- -", "--\n• •"],
    [
      "quotes",
      "> a **b\n> c**\n>> d\n>e",
      "{dim}│{/} a {bold}b{/}\n{dim}│{/} {bold}c{/}\n{dim}│{/} {dim}│{/} d\n{dim}│{/} e",
    ],
    ["a deeper quote is another paragraph", "> **a\n> > b", "{dim}│{/} {bold}a{/}\n{dim}│{/} {dim}│{/} b"],
    ["a list in a quote, a quote in a list", "> - a\n\n- > b", "{dim}│{/} • a\n\n• {dim}│{/} b"],
    ["blank lines stay", "a\n\n\nb\n", "a\n\n\nb\n"],
  ])("%s", (_name, text, expected) => expect(named(render([text]))).toBe(expected));
});

describe("code blocks", () => {
  test.each([
    [
      "are verbatim",
      "```ts\n*a* [b](c)\n# d\n> e\n```\n*f*",
      "{dim}─── ts{/}\n{code}*a* [b](c){/}\n{code}# d{/}\n{code}> e{/}\n{dim}───{/}\n{italic}f{/}",
    ],
    ["with tildes hold backticks", "~~~\n```\n~~~", "{dim}───{/}\n{code}```{/}\n{dim}───{/}"],
    ["end at a fence as long as the first", "````\n```\n````", "{dim}───{/}\n{code}```{/}\n{dim}───{/}"],
    ["do not end at a fence with a label", "```\n```js\n```", "{dim}───{/}\n{code}```js{/}\n{dim}───{/}"],
    [
      "in a list keep their indent",
      "- a\n  ```\n    b\n  ```\n- c",
      "• a\n  {dim}───{/}\n{code}    b{/}\n  {dim}───{/}\n• c",
    ],
    ["may start on the item's line", "1. ```\n   a\n   ```", "1. {dim}───{/}\n{code}   a{/}\n   {dim}───{/}"],
    [
      "do not end at a fence that is part of the code",
      "```\n    ```\n```",
      "{dim}───{/}\n{code}    ```{/}\n{dim}───{/}",
    ],
    [
      "in a quote keep its bar",
      "> ```\n> > a\n> ```",
      "{dim}│{/} {dim}───{/}\n{dim}│{/} {code}> a{/}\n{dim}│{/} {dim}───{/}",
    ],
    ["end with their quote", "> ```\n> a\n*b*", "{dim}│{/} {dim}───{/}\n{dim}│{/} {code}a{/}\n{italic}b{/}"],
    ["keep blank lines", "```\n\n  \na\n", "{dim}───{/}\n\n{code}  {/}\n{code}a{/}\n"],
    ["may stay open", "```ts\na", "{dim}─── ts{/}\n{code}a{/}"],
  ])("%s", (_name, text, expected) => expect(named(render([text]))).toBe(expected));
});

describe("tables", () => {
  test.each([
    ["have columns", "|a|b|\n|-|-|\n|longer|*c*|\n", ["a      │ b", "───────┼──", "longer │ c"]],
    [
      "align as reported",
      "|aaaa|bbbb|cc|\n|-:|:-:|-|\n|1|2|3|\n",
      ["aaaa │ bbbb │ cc", "─────┼──────┼───", "   1 │  2   │ 3"],
    ],
    ["count wide characters", "|数|b|\n|-|-|\n|abc|😀|\n", ["数  │ b", "────┼───", "abc │ 😀"]],
    ["hold escaped bars", "|a|\n|-|\n|`b\\|c`|\n", ["a", "───", "b|c"]],
    [
      "are not padded when too wide",
      `|a|b|\n|-|-|\n|${"c".repeat(50)}|d|\n`,
      ["a │ b", "─".repeat(40), `${"c".repeat(50)} │ d`],
    ],
    ["need a delimiter row", "|a|\n|b|\nc\n", ["|a|", "|b|", "c"]],
    ["end at the first other line", "|a|\n|-|\nb | c\n", ["a", "─", "b | c"]],
    ["stay inside quotes", "> |a|b|\n> |-|-|\n> |cc|d|\n", ["│ a  │ b", "│ ───┼──", "│ cc │ d"]],
    ["stay inside items", "- |a|b|\n  |-|-|\n", ["• a │ b", "  ──┼──"]],
  ])("%s", (_name, text, lines) => expect(plain(render([text]))).toBe(`${lines.join("\n")}\n`));

  test("have a bold head", () => {
    expect(named(render(["|a|`b`|\n|-|-|"]))).toBe("{bold}a{/}{dim} │ {/}{bold code}b{/}\n{dim}──┼──{/}");
  });

  test("a long table is shown row by row after the first twenty lines", () => {
    const renderer = createMarkdownRenderer({ color: true });
    const row = "| wide cell | b |\n";
    expect(renderer.push(`| a | b |\n|---|---|\n${row.repeat(17)}`)).toBe("");
    expect(plain(renderer.push(row)).split("\n")).toHaveLength(21);
    expect(plain(renderer.push("| c | d |\n"))).toBe("c         │ d\n");
  });
});

describe("text goes out at once", () => {
  test.each<[string, string[], string[]]>([
    ["a word, before its line ends", ["He", "llo", " wor", "ld"], ["He", "llo", " wor", "ld"]],
    ["bold words, before they are closed", ["**", "a", " b", "*", "*"], ["", "{bold}a", " b", "", ""]],
    ["code", ["`", "a", "b`", " c"], ["", "{code}a", "b", "{/} c"]],
    ["a heading", ["##", " ", "a", "b"], ["", "", "{bold underline}a", "b"]],
    ["an item", ["-", " ", "a"], ["", "", "• a"]],
    ["a number that starts no item", ["12", "3", " a"], ["", "", "123 a"]],
    [
      "code in a block",
      ["```", "\n", "a", " b", "\n", "``", "x"],
      ["", "{dim}───{/}\n", "{code}a", " b", "{/}\n", "", "{code}``x"],
    ],
    ["a bracket that is no link", ["[a", "] ", "b"], ["", "[a] ", "b"]],
    ["a name with underscores, when it ends", ["_a", "_b", " c"], ["", "", "_a_b c"]],
    ["a sentence's end", ["a!", " b"], ["a", "! b"]],
  ])("%s", (_name, pieces, expected) => {
    const renderer = createMarkdownRenderer({ color: true, width: 40 });
    expect(pieces.map((piece) => named(renderer.push(piece)))).toEqual(expected);
  });

  test("nothing is held back for longer than a link's text", () => {
    const letters = fc.constantFrom(..."ab ");
    const markers = fc.constantFrom(..."*_~`[]!\\");
    const char = fc.oneof({ weight: 100, arbitrary: letters }, { weight: 1, arbitrary: markers });
    const paragraph = fc.array(char, { minLength: 1000, maxLength: 2000, size: "max" });
    fc.assert(
      fc.property(paragraph, (chars) => {
        const renderer = createMarkdownRenderer({ color: true });
        let heldBack = 0;
        let longest = 0;
        for (const char of `x${chars.join("")}`) {
          heldBack = renderer.push(char) === "" ? heldBack + 1 : 0;
          longest = Math.max(longest, heldBack);
        }
        expect(longest).toBeLessThanOrEqual(210); // the text, and marker runs before it that show nothing
      }),
    );
  });
});

describe("the result does not depend on the cuts", () => {
  test.each([true, false])("at every offset of a typical answer, color %s", (color) => {
    const whole = render([ANSWER], { color });
    for (let offset = 0; offset <= ANSWER.length; offset++) {
      expect(render([ANSWER.slice(0, offset), ANSWER.slice(offset)], { color })).toBe(whole);
    }
    expect(render(ANSWER.split(""), { color })).toBe(whole);
  });

  test("for any text and any cuts", () => {
    fc.assert(
      fc.property(fc.oneof(markdown, fc.string({ unit: "binary" })), fractions, fc.boolean(), (text, at, color) => {
        expect(render(cut(text, at), { color })).toBe(render([text], { color }));
      }),
      { numRuns: 1000 },
    );
  });

  test("no piece ends inside a surrogate pair", () => {
    const renderer = createMarkdownRenderer({ color: false });
    expect([renderer.push("a\ud83d"), renderer.push("\ude00b"), renderer.end()]).toEqual(["a", "😀b", ""]);
  });
});

describe("nothing is lost", () => {
  // Everything but blanks, what Markdown may take as a marker, and what is drawn in its place.
  const content = (text: string): string => text.replace(/[\s*_~`#>|[\]()!\\:+\-•│─┼]/g, "");

  test("every character that is no marker comes out once, in its place", () => {
    fc.assert(
      fc.property(markdown, (text) => {
        expect(content(plain(render([text])))).toBe(content(text));
      }),
      { numRuns: 2000 },
    );
  });

  test("a typical answer keeps its text", () => expect(content(plain(render([ANSWER])))).toBe(content(ANSWER)));

  test("every line stays a line", () => {
    fc.assert(
      fc.property(markdown, (text) => {
        expect(render([text]).split("\n")).toHaveLength(text.split("\n").length);
      }),
      { numRuns: 1000 },
    );
  });

  test("plain text comes out as it is", () => {
    const words = fc.array(
      fc.constantFrom("a", "Zoë", "数", "😀", ",", ". ", " ", "\t", "'", '"', "1,2", "\nx", "(b)"),
    );
    fc.assert(
      fc.property(words, (parts) => {
        expect(render([`x${parts.join("")}`])).toBe(`x${parts.join("")}`);
      }),
    );
  });

  test("without color the source comes out as it is", () => {
    fc.assert(
      fc.property(markdown, (text) => {
        expect(render([text], { color: false })).toBe(text.replaceAll("\r", ""));
      }),
    );
  });
});

describe("styles", () => {
  test("end at every line's end and at the end of the text", () => {
    fc.assert(
      fc.property(markdown, (text) => {
        for (const line of render([text]).split("\n")) {
          const codes = line.match(STYLE_CODE) ?? [];
          expect(codes.at(-1) ?? `${ESC}[0m`).toBe(`${ESC}[0m`);
        }
      }),
    );
  });

  test("end once, however often the end is called", () => {
    const renderer = createMarkdownRenderer({ color: true });
    renderer.push("**a");
    expect([renderer.end(), renderer.end()]).toEqual([`${ESC}[0m`, ""]);
  });
});

describe("untrusted text cannot drive the terminal", () => {
  test.each([
    ["escape sequences are shown", "\u001b]52;c;AAAA\u0007\u001b[2J", "␛]52;c;AAAA␇␛[2J"],
    ["C1 controls are shown", "a\u009b2J\u0085", "a\ufffd2J\ufffd"],
    ["NUL, backspace and DEL are shown", "\0a\bb\u007f", "␀a␈b␡"],
    ["CR LF is LF, and CR alone does not overwrite the line", "a\r\nb\rc", "a\nbc"],
    ["direction overrides are shown", "a\u202eb\u2066c", "a\ufffdb\ufffdc"],
    ["tabs, letters and emoji stay", "\ta é 数 👩‍💻 שלום\n", "\ta é 数 👩‍💻 שלום\n"],
  ])("%s", (_name, text, expected) => {
    expect(printable(text)).toBe(expected);
    expect(render([text])).toBe(expected);
    expect(render([text], { color: false })).toBe(expected);
  });

  test("no control character gets through, in any surroundings", () => {
    const control = fc.constantFrom(
      ..."\u001b\u0007\u0000\b\r\u007f\u009b\u009d\u202e\u2069",
      "\u001b[31m",
      "\u001b]0;x\u0007",
    );
    const text = fc.array(fc.oneof(control, markdown, fc.string({ unit: "binary" }))).map((parts) => parts.join(""));
    fc.assert(
      fc.property(text, fractions, fc.boolean(), (whole, at, color) => {
        const output = render(cut(whole, at), { color });
        const own = color ? plain(output) : output;
        expect(own).not.toMatch(/(?![\n\t])[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("time grows with the length only", () => {
  // 200 000 characters take well under a second; were it the square, they would take minutes.
  test.each(
    [
      "[",
      "*",
      "_a",
      "`",
      "``a`",
      "[a](",
      "[a]((",
      "![",
      "\\[",
      "- ",
      "> ",
      " ",
      "|",
      "|a\n",
      "1. ",
      "~~~ ",
      "**a ",
    ].map((unit) => [unit]),
  )("%j over and over", (unit) => {
    const text = unit.repeat(Math.ceil(200_000 / unit.length));
    const renderer = createMarkdownRenderer({ color: true });
    let length = 0;
    for (let at = 0; at < text.length; at += 4) length += renderer.push(text.slice(at, at + 4)).length;
    expect(length + renderer.end().length).toBeGreaterThan(0);
  });
});
