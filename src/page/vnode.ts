/** A piece of the page as data. A view is a function that returns one; `patch.ts` makes the document equal to it. */

/** A text, or an element. */
export type VNode = string | VElement;

/** An element. The same object twice means that nothing in it has changed. */
export interface VElement {
  /** One of `TAGS`. */
  readonly tag: string;
  /** Attributes as text; a name without a value (`""`) is a switch. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly VNode[];
  /** Recognizes an element among its neighbours. Absent: by its place. */
  readonly key?: string | undefined;
}

/** The elements that a view may make: none of them loads or runs something of others. */
export const TAGS: readonly string[] = (
  "a article aside audio blockquote br button code dd del details div dl dt em figcaption figure footer form h2 h3 h4 h5 h6 hr " +
  "img input label li ol p pre section span strong sub summary sup svg table tbody td textarea th thead time tr ul use " +
  "video"
).split(" ");

type Attributes = Readonly<Record<string, string | boolean | undefined>>;

/** A child; `false` and `undefined` are left out. */
export type Child = VNode | false | undefined;

/**
 * Returns an element.
 * @param attributes `true` is a switch; `false` and `undefined` are left out. `key` is not an attribute
 */
export function h(
  tag: string,
  attributes: Attributes = {},
  ...children: readonly (Child | readonly Child[])[]
): VElement {
  const { key, ...rest } = attributes;
  const given = Object.entries(rest).flatMap(([name, value]) =>
    value === undefined || value === false ? [] : [[name, value === true ? "" : value] as const],
  );
  return {
    tag,
    attributes: Object.fromEntries(given),
    children: children.flat().filter((child): child is VNode => child !== undefined && child !== false && child !== ""),
    ...(typeof key === "string" && { key }),
  };
}

/** Returns an icon of the page's own set. A word next to it says what it means. */
export function icon(name: string): VElement {
  return h("svg", { class: "icon", "aria-hidden": "true" }, h("use", { href: `#icon-${name}` }));
}

/** Returns the text of a node, without its markup. */
export function textOf(node: VNode): string {
  return typeof node === "string" ? node : node.children.map(textOf).join("");
}
