/**
 * Colours for code: comments, strings, numbers and the usual keywords. It knows no grammar, so it is fast, never fails
 * on half a program, and is right most of the time.
 */

import { h, type VNode } from "./vnode.ts";

/** How a family of languages writes comments and strings. */
interface Family {
  readonly pattern: RegExp;
  readonly ignoresCase: boolean;
}

const BLOCK_COMMENT = "/\\*[^]*?(?:\\*/|$)";
const LINE_COMMENT = "//[^\\n]*";
const HASH_COMMENT = "#[^\\n]*";
const DASH_COMMENT = "--[^\\n]*";
const MARKUP_COMMENT = "<!--[^]*?(?:-->|$)";
const QUOTED = "\"(?:\\\\[^]|[^\"\\\\\\n])*(?:\"|$)|'(?:\\\\[^]|[^'\\\\\\n])*(?:'|$)";
const TEMPLATE = "`(?:\\\\[^]|[^`\\\\])*(?:`|$)";
const TRIPLE = "\"\"\"[^]*?(?:\"\"\"|$)|'''[^]*?(?:'''|$)";
const NUMBER = "\\b(?:0[xX][\\da-fA-F_]+|\\d[\\d_]*(?:\\.\\d+)?(?:[eE][+-]?\\d+)?)\\b";
const WORD = "[A-Za-z_$][\\w$]*";

function family(comments: readonly string[], strings: readonly string[], ignoresCase = false): Family {
  const groups = [comments.join("|"), strings.join("|"), NUMBER, WORD].map((source) => `(${source})`);
  return { pattern: new RegExp(groups.join("|"), "g"), ignoresCase };
}

const C_LIKE = family([BLOCK_COMMENT, LINE_COMMENT], [QUOTED, TEMPLATE]);
const SCRIPT = family([HASH_COMMENT], [TRIPLE, QUOTED]);
const SQL = family([BLOCK_COMMENT, DASH_COMMENT], [QUOTED], true);
const MARKUP = family([MARKUP_COMMENT], [QUOTED]);

const FAMILIES: Readonly<Record<string, Family>> = {
  ...entries(
    "python py ruby rb bash sh shell zsh console yaml yml toml perl r julia elixir dockerfile makefile ini",
    SCRIPT,
  ),
  ...entries("sql postgresql mysql sqlite lua haskell hs elm", SQL),
  ...entries("html xml svg vue", MARKUP),
  ...entries("text txt plain plaintext markdown md", undefined),
};

function entries(names: string, value: Family | undefined): Record<string, Family> {
  return Object.fromEntries(names.split(" ").map((name) => [name, value])) as Record<string, Family>;
}

const KEYWORDS = new Set(
  (
    "abstract and any as async await base begin bool boolean break byte case catch char class const constexpr continue " +
    "create declare def default defer del delete do double elif else elsif end enum except export extends extern false " +
    "final finally float fn for foreach from fun func function global go goto group having if impl implements import in " +
    "inner insert instanceof int interface into is join lambda left let limit long loop match mod module mut namespace " +
    "new nil none nonlocal not null number object of on or order override package pass private protected pub public raise " +
    "readonly record ref require rescue return right satisfies select self set short signed sizeof static str string " +
    "struct super switch table template then this throw throws trait true try type typedef typeof undefined union unless " +
    "unsafe unsigned update use using val values var virtual void volatile when where while with yield " +
    "None True False by"
  ).split(" "),
);

/** Longer code stays without colours: they would be made again with each word, in UTF-16 units. */
const MAX_LENGTH = 30_000;

/** Returns code in colours. */
export function highlighted(text: string, language: string): readonly VNode[] {
  const { pattern, ignoresCase } =
    (Object.hasOwn(FAMILIES, language) ? FAMILIES[language] : C_LIKE) ?? ({} as Partial<Family>);
  if (!pattern || language === "" || text.length > MAX_LENGTH) return [text];
  const nodes: VNode[] = [];
  let plain = 0;
  for (const match of text.matchAll(pattern)) {
    const [all, comment, string, number] = match;
    const isKeyword = KEYWORDS.has(ignoresCase ? all.toLowerCase() : all);
    const kind = comment ? "comment" : string ? "string" : number ? "number" : isKeyword ? "keyword" : undefined;
    if (!kind) continue;
    if (match.index > plain) nodes.push(text.slice(plain, match.index));
    nodes.push(h("span", { class: `code-${kind}` }, all));
    plain = match.index + all.length;
  }
  if (plain < text.length) nodes.push(text.slice(plain));
  return nodes;
}
