/** Markdown of a model on the page: what it looks like, while it grows also, and that it never becomes markup. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { closed } from "../../src/page/closed-marks.ts";
import { GrowingMarkdown, markdown } from "../../src/page/markdown.ts";
import { TAGS, textOf, type VElement, type VNode } from "../../src/page/vnode.ts";

/** A view as HTML, for people who read a test. */
function html(nodes: readonly VNode[]): string {
  return nodes
    .map((node) => {
      if (typeof node === "string") return node.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
      const attributes = Object.entries(node.attributes).map(([name, value]) =>
        value ? ` ${name}="${value}"` : ` ${name}`,
      );
      return `<${node.tag}${attributes.join("")}>${html(node.children)}</${node.tag}>`;
    })
    .join("");
}

const shown = (text: string) => html(markdown(text));

/** Every element of a view. */
function elementsIn(nodes: readonly VNode[]): readonly VElement[] {
  return nodes.flatMap((node) => (typeof node === "string" ? [] : [node, ...elementsIn(node.children)]));
}

const SAFE_LINK = ' target="_blank" rel="noopener noreferrer"';

test.each([
  [
    "a paragraph",
    "Hello *you* and **me**, ~~not~~ `code`",
    "<p>Hello <em>you</em> and <strong>me</strong>, <del>not</del> <code>code</code></p>",
  ],
  [
    "a heading, below the page's own",
    "# One\n\n#### Four",
    '<h3 class="level-1">One</h3><h6 class="level-4">Four</h6>',
  ],
  ["a list that begins at three", "3. c\n4. d", '<ol start="3"><li>c</li><li>d</li></ol>'],
  ["a list within a list", "- a\n  - b", "<ul><li>a<ul><li>b</li></ul></li></ul>"],
  ["a quotation", "> so", "<blockquote><p>so</p></blockquote>"],
  ["a line between two parts", "a\n\n---\n\nb", "<p>a</p><hr></hr><p>b</p>"],
  ["a line break", "a  \nb<br>c", "<p>a<br></br>b<br></br>c</p>"],
  ["a link", "[a](https://a.example/x?y=1)", `<p><a href="https://a.example/x?y=1"${SAFE_LINK}>a</a></p>`],
  [
    "an address in the text",
    "see https://a.example",
    `<p>see <a href="https://a.example/"${SAFE_LINK}>https://a.example</a></p>`,
  ],
  [
    "references to characters",
    "a &amp; b &lt;i&gt; &copy; &#8212; &#x2014; &unknown; AT&T",
    "<p>a &amp; b &lt;i> © — — &amp;unknown; AT&amp;T</p>",
  ],
  ["references in code, as they are", "`&amp;`", "<p><code>&amp;amp;</code></p>"],
  ["what is escaped", "\\*a\\*", "<p>*a*</p>"],
  ["HTML, as text", 'a <b onclick="x">b</b>', '<p>a &lt;b onclick="x">b&lt;/b></p>'],
  ["a block of HTML, as text", "<div>\n<p>x</p>\n</div>", "<p>&lt;div>\n&lt;p>x&lt;/p>\n&lt;/div></p>"],
  [
    "a picture of another site, as a link",
    "![a cat](https://a.example/cat.png)",
    `<p><a href="https://a.example/cat.png"${SAFE_LINK}>a cat</a></p>`,
  ],
  [
    "a picture in the text",
    "![dot](data:image/png;base64,iVBORw0KGgo=)",
    '<p><img src="data:image/png;base64,iVBORw0KGgo=" alt="dot"></img></p>',
  ],
])("%s", (_name, text, expected) => expect(shown(text)).toBe(expected));

test("a table scrolls by itself, and keeps its alignment", () => {
  const text = "| a | b |\n|:-:|--:|\n| 1 | *2* |";
  expect(shown(text)).toBe(
    '<div class="table" tabindex="0" role="group" aria-label="Table"><table>' +
      '<thead><tr><th class="align-center">a</th><th class="align-right">b</th></tr></thead>' +
      '<tbody><tr><td class="align-center">1</td><td class="align-right"><em>2</em></td></tr></tbody></table></div>',
  );
});

test("code has its language, a button, colours, and every one of its characters", () => {
  const code = "const a = '<b>'; // &amp;\n\tlet b = `x`;";
  const [figure] = markdown(`\`\`\`ts title="x"\n${code}\n\`\`\``);
  const view = html(figure ? [figure] : []);
  expect(view).toContain("<span>ts</span>");
  expect(view).toContain('data-action="copy-code"');
  expect(view).toContain('<span class="code-keyword">const</span>');
  expect(view).toContain(`<span class="code-string">'&lt;b>'</span>`);
  const pre = elementsIn(figure ? [figure] : []).find(({ tag }) => tag === "pre");
  expect(pre && textOf(pre)).toBe(code);
});

describe("text of others never becomes markup", () => {
  const ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<iframe src='javascript:alert(1)'></iframe>",
    "<style>*{display:none}</style>",
    "<a href='javascript:alert(1)'>x</a>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](\u0001javascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x)",
    "[x](file:///etc/passwd)",
    "[x](//evil.example)",
    "[x](/relay/secret)",
    "![x](javascript:alert(1))",
    "![x](data:image/svg+xml;base64,PHN2Zz4=)",
    "![x](https://evil.example/pixel.png)",
    "![x](/relay/secret)",
    '[x](https://a.example "\\" onmouseover=alert(1) x=\\"")',
    "<javascript:alert(1)>",
    "```html onload=alert(1)\n<script>alert(1)</script>\n```",
    "```<script>alert(1)</script>\nx\n```",
    "[x]: javascript:alert(1)\n[x]",
    "| <img src=x onerror=alert(1)> |\n|--|\n| [x](javascript:alert(1)) |",
    "- [ ] <input autofocus onfocus=alert(1)>",
    "<!-- --><script>alert(1)</script>",
    "<details open ontoggle=alert(1)>",
    "<form action=/login><button>Sign in</button></form>",
    "<base href=https://evil.example>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "__proto__ <b id=__proto__>",
  ];

  const ATTRIBUTES = [
    "alt",
    "aria-hidden",
    "aria-label",
    "checked",
    "class",
    "data-action",
    "disabled",
    "href",
    "rel",
    "role",
    "src",
    "start",
    "tabindex",
    "target",
    "title",
    "type",
  ];

  function check(text: string): void {
    for (const { tag, attributes } of elementsIn(markdown(text))) {
      expect(TAGS, text).toContain(tag);
      for (const [name, value] of Object.entries(attributes)) {
        expect(ATTRIBUTES, text).toContain(name);
        if (name === "href") expect(value, text).toMatch(tag === "use" ? /^#icon-\w+$/ : /^(https?|mailto):/);
        if (name === "src") expect(value, text).toMatch(/^data:image\/(png|jpeg|gif|webp|avif);base64,/);
        if (name === "href" && tag === "a") expect(attributes.rel, text).toBe("noopener noreferrer");
      }
    }
  }

  test.each(ATTACKS)("%s", (text) => check(text));

  test("in any order, cut anywhere", () => {
    const piece = fc.oneof(
      fc.constantFrom(...ATTACKS),
      fc.string({ unit: "binary", maxLength: 8 }),
      fc.constantFrom("\n\n", "`", "```", "|", "[", "](", ")", "<", ">", "*", "- ", "> ", "&"),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), fc.nat(200), (pieces, cut) => {
        const text = pieces.join("");
        check(text);
        check(text.slice(0, cut));
      }),
      { numRuns: 400 },
    );
  });
});

test.each([
  ["Hello **th", "Hello **th**"],
  ["Hello **", "Hello "],
  ["Hello **there*", "Hello **there**"],
  ["Hello **there**", "Hello **there**"],
  ["Hello **there** and **y", "Hello **there** and **y**"],
  ["the `co", "the `co`"],
  ["the `", "the "],
  ["the `a**b` is", "the `a**b` is"],
  ["2 * 3 * ", "2 * 3 * "],
  ["see [the do", "see [the do"],
  ["see [the docs](https://exa", "see the docs"],
  ["see [the docs](https://example.com)", "see [the docs](https://example.com)"],
  ["**one\n\ntwo", "**one\n\ntwo"],
  ["```js\nconst a = `x", "```js\nconst a = `x"],
  ["```js\nx\n```\n\nand **so", "```js\nx\n```\n\nand **so**"],
])("%j is shown as %j while it is written", (text, expected) => expect(closed(text)).toBe(expected));

describe("a text that grows", () => {
  const SAMPLE = [
    "# Title\n\n",
    "First paragraph with **bold",
    "** text.\n",
    "and a second line\n\n",
    "1. one\n",
    "2. two\n\n   still two\n",
    "3. three\n\n",
    "```python\nprint('x')\n\n",
    "# still code\n",
    "```\n\n",
    "| a | b |\n",
    "|---|---|\n",
    "| 1 | 2 |\n\n",
    "> quote\n",
    "lazy\n\n",
    "Title two\n",
    "===\n\n",
    "- a\n\n",
    "- b\n",
    "  - c\n\n",
    "<div>\nhtml\n\n",
    "[ref] and more\n\n",
    "last words",
    " end.\n\n",
    "[ref]: https://a.example\n",
  ];

  test("ends as the same text in one piece, in whatever pieces it came", () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray(SAMPLE, { minLength: 1 }),
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
        (parts, sizes) => {
          const text = parts.join("");
          const growing = new GrowingMarkdown();
          for (let end = 0, turn = 0; end < text.length; turn++) {
            end += sizes[turn % sizes.length] ?? 1;
            growing.view(text.slice(0, end), false);
          }
          expect(html(growing.view(text, true))).toBe(shown(text));
        },
      ),
      { numRuns: 300 },
    );
  });

  test("looks on the way as it would in one piece, but for references that come later", () => {
    const text = SAMPLE.filter((part) => !part.includes("[ref]")).join("");
    const growing = new GrowingMarkdown();
    for (let end = 1; end <= text.length; end++) {
      const part = text.slice(0, end);
      expect(html(growing.view(part, false)), part).toBe(shown(closed(part)));
    }
  });

  test("keeps the elements of the blocks that it has left behind", () => {
    const growing = new GrowingMarkdown();
    const start = "One.\n\nTwo.\n\nThree.\n\nFour.\n\n";
    const [first] = growing.view(start, false);
    const [again] = growing.view(`${start}Five.`, false);
    const [complete] = growing.view(`${start}Five.`, true);
    expect(again).toBe(first);
    expect(complete).toBe(first);
  });

  test("costs no more for a long text than for a short one", () => {
    const growing = new GrowingMarkdown();
    const paragraphs = Array.from({ length: 2_000 }, (_, index) => `Paragraph ${index} with *some* text.\n\n`);
    let text = "";
    let before: readonly VElement[] = [];
    let made = 0;
    for (const paragraph of paragraphs) {
      text += paragraph;
      const now = growing.view(text, false);
      made += now.filter((element, index) => element !== before[index]).length;
      before = now;
    }
    expect(made).toBeLessThan(4 * paragraphs.length);
  });

  test("that is replaced is shown as the other one", () => {
    const growing = new GrowingMarkdown();
    growing.view("One.\n\nTwo.\n\nThree.\n\nFour.", false);
    expect(html(growing.view("Other.", false))).toBe("<p>Other.</p>");
  });
});

test.each([
  ["lists", "- "],
  ["numbered lists", "1. "],
  ["quotes", ">"],
  ["lists in quotes", "> - "],
])("any depth of %s is shown, and does not freeze the page", (_name, marker) => {
  const nodes = markdown(`${marker.repeat(5_000)}end`);
  expect(nodes.map(textOf).join("")).toMatch(/end$/);
  expect(elementsIn(nodes).length).toBeLessThan(200);
  expect(elementsIn(markdown(`${marker.repeat(20)}end`)).length).toBeGreaterThan(20);
});

test("any depth of emphasis and links is shown", () => {
  const deep = `${"*a **b [c ".repeat(2_000)}end${"](x) ** *".repeat(2_000)}`;
  expect(markdown(deep).map(textOf).join("")).toContain("end");
});

test("the end of a text that is too long for Markdown is shown as it is written, and grows", () => {
  const growing = new GrowingMarkdown();
  const line = "Some *text* in a line.\n\n";
  const plainIn = (nodes: readonly VElement[]) => nodes.filter(({ attributes }) => attributes.class === "plain");
  expect(plainIn(growing.view(line.repeat(12_000), false))).toEqual([]);
  const first = plainIn(growing.view(line.repeat(14_000), false));
  const text = line.repeat(16_000);
  const second = plainIn(growing.view(text, false));
  expect(second[0]).toBe(first[0]);
  expect(second.length).toBeGreaterThan(first.length);
  const plain = second.map(textOf).join("");
  expect(text.endsWith(plain)).toBe(true);
  expect(text.length - plain.length).toBeLessThanOrEqual(300_000);
  expect(plainIn(growing.view(text, true)).map(textOf).join("")).toBe(plain);
  expect(html(growing.view("Short *again*.", true))).toBe("<p>Short <em>again</em>.</p>");
});
