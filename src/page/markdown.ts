/**
 * Markdown as a view. The parser's tokens become elements of the page one by one; HTML in the text is shown as text. So
 * text of others never becomes markup, and nothing has to be sanitized.
 */

import type { MarkedToken, Token, Tokens } from "marked";
import { closed } from "./closed-marks.ts";
import { codeBlock } from "./code-block.ts";
import { withoutReferences } from "./entities.ts";
import { tokensOf } from "./markdown-tokens.ts";
import { type Block, endOfMarkdown, plainText } from "./plain-text.ts";
import { linkOf, pictureOf } from "./safe-url.ts";
import { h, type VElement, type VNode } from "./vnode.ts";

/** Headings of a reply are below the page's own. */
const HEADINGS_ABOVE = 2;

const LINE_BREAK = /^<br\s*\/?>$/i;

/** Returns the elements of a text, one for each of its blocks. */
export function markdown(text: string): readonly VElement[] {
  return blocksOf(tokensOf(text)).filter((node) => typeof node !== "string");
}

/**
 * The view of a text that grows. Blocks that the text has left behind keep their elements; only the end of the text is
 * parsed again.
 */
export class GrowingMarkdown {
  #text = "";
  #isComplete = false;
  #blocks: readonly Block[] = [];
  /** The text beyond the end of Markdown. */
  #plain: readonly Block[] = [];

  /**
   * Returns the elements of the text.
   * @param isComplete the text grows no more: a reference at its end may change what was before it
   */
  view(text: string, isComplete: boolean): readonly VElement[] {
    if (text !== this.#text || isComplete !== this.#isComplete) {
      const kept = isComplete || !text.startsWith(this.#text) ? [] : this.#blocks.slice(0, -UNSETTLED);
      const start = kept.reduce((length, { raw }) => length + raw.length, 0);
      const end = endOfMarkdown(text);
      const rest = text.slice(start, end);
      this.#blocks = [...kept, ...this.#parsed(isComplete ? rest : closed(rest))];
      this.#plain = plainText(text, end, this.#plain);
      this.#text = text;
      this.#isComplete = isComplete;
    }
    return [...this.#blocks, ...this.#plain].flatMap(({ nodes }) => nodes);
  }

  #parsed(text: string): readonly Block[] {
    const tokens = tokensOf(text);
    // A definition changes what the references to it look like.
    const hasDefinition = tokens.some(({ type }) => type === "def");
    const known = new Map(hasDefinition ? [] : this.#blocks.map((block) => [block.raw, block]));
    return tokens.map((token) => {
      const { raw } = token;
      return known.get(raw) ?? { raw, nodes: blocksOf([token]).filter((node) => typeof node !== "string") };
    });
  }
}

/** Blocks at the end that the next words may still change: a list, a blank line, a paragraph that continues it. */
const UNSETTLED = 3;

function blocksOf(tokens: readonly Token[]): readonly VNode[] {
  return (tokens as readonly MarkedToken[]).flatMap(blockOf); // without extensions, there are no others
}

function blockOf(token: MarkedToken): readonly VNode[] {
  switch (token.type) {
    case "space":
    case "def":
      return [];
    case "heading": {
      const level = Math.min(6, token.depth + HEADINGS_ABOVE);
      return [h(`h${level}`, { class: `level-${token.depth}` }, inlinesOf(token.tokens))];
    }
    case "paragraph":
      return [h("p", {}, inlinesOf(token.tokens))];
    case "code":
      return [codeBlock(token.text, token.lang)];
    case "blockquote":
      return [h("blockquote", {}, blocksOf(token.tokens))];
    case "list":
      return [listOf(token)];
    case "table":
      return [tableOf(token)];
    case "hr":
      return [h("hr")];
    case "html":
      return [h("p", {}, token.text.trim())];
    default:
      return inlineOf(token);
  }
}

function listOf({ ordered, start, items }: Tokens.List): VElement {
  const attributes = ordered && start !== "" && start !== 1 ? { start: String(start) } : {};
  return h(
    ordered ? "ol" : "ul",
    attributes,
    items.map((item) => h("li", item.task ? { class: "task" } : {}, blocksOf(item.tokens))),
  );
}

function tableOf({ header, rows, align }: Tokens.Table): VElement {
  const cell = (tag: string) => (each: Tokens.TableCell, column: number) =>
    h(tag, align[column] ? { class: `align-${align[column]}` } : {}, inlinesOf(each.tokens));
  const head = h("thead", {}, h("tr", {}, header.map(cell("th"))));
  const body = h(
    "tbody",
    {},
    rows.map((row) => h("tr", {}, row.map(cell("td")))),
  );
  // Wide tables are scrolled, with the keyboard also.
  return h("div", { class: "table", tabindex: "0", role: "group", "aria-label": "Table" }, h("table", {}, head, body));
}

function inlinesOf(tokens: readonly Token[]): readonly VNode[] {
  return (tokens as readonly MarkedToken[]).flatMap(inlineOf);
}

function inlineOf(token: MarkedToken): readonly VNode[] {
  switch (token.type) {
    case "text":
      if (token.tokens) return inlinesOf(token.tokens);
      return [token.escaped ? token.text : withoutReferences(token.text)];
    case "escape":
      return [token.text];
    case "strong":
    case "em":
    case "del":
      return [h(token.type, {}, inlinesOf(token.tokens))];
    case "codespan":
      return [h("code", {}, token.text)];
    case "br":
      return [h("br")];
    case "checkbox":
      return [h("input", { type: "checkbox", disabled: true, checked: token.checked, "aria-label": "Task" })];
    case "link":
      return [link(token.href, inlinesOf(token.tokens), token.title ?? undefined)];
    case "image":
      return [picture(token)];
    case "html":
      return LINE_BREAK.test(token.text.trim()) ? [h("br")] : [token.text];
    default:
      return [token.raw];
  }
}

/** Returns a link that a person may follow; its text alone where it leads anywhere else. */
export function link(href: string, children: readonly VNode[], title?: string): VNode {
  const safe = linkOf(href);
  if (safe === undefined) return h("span", {}, children);
  const attributes = { href: safe, title, target: "_blank", rel: "noopener noreferrer" };
  return h("a", attributes, children.length > 0 ? children : safe);
}

/** A picture of another site would report who reads it, and when: it becomes a link. */
function picture({ href, text }: Tokens.Image): VNode {
  const own = pictureOf(href);
  if (own !== undefined) return h("img", { src: own, alt: text });
  return link(href, [text || "picture"]);
}
