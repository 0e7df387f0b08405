/** Makes the document equal to a view, and changes only what differs: text that is selected stays selected. */

import { TAGS, type VElement, type VNode } from "./vnode.ts";

const SVG = "http://www.w3.org/2000/svg";

/** The view that an element of the document shows. */
const shown = new WeakMap<Element, VElement>();

/** Makes the children of an element equal to these. */
export function patchChildren(parent: Element, children: readonly VNode[]): void {
  const keyed = new Map<string, Element>();
  for (const element of parent.children) {
    const key = shown.get(element)?.key;
    if (key !== undefined) keyed.set(key, element);
  }
  let place: ChildNode | null = parent.firstChild;
  for (const child of children) {
    const key = typeof child === "string" ? undefined : child.key;
    const found = key === undefined ? (isUnkeyed(place) ? place : null) : (keyed.get(key) ?? null);
    const node = found && fits(found, child) ? found : undefined;
    const current = node ?? created(child);
    if (node) update(node, child);
    if (current !== place) parent.insertBefore(current, place);
    else place = place.nextSibling;
  }
  while (place) {
    const next: ChildNode | null = place.nextSibling;
    place.remove();
    place = next;
  }
}

function isUnkeyed(node: ChildNode | null): boolean {
  return node !== null && !(node instanceof Element && shown.get(node)?.key !== undefined);
}

function fits(node: ChildNode, to: VNode): boolean {
  if (typeof to === "string") return node instanceof Text;
  return node instanceof Element && shown.get(node)?.tag === to.tag;
}

function created(to: VNode): ChildNode {
  if (typeof to === "string") return document.createTextNode(to);
  if (!TAGS.includes(to.tag)) throw new Error(`<${to.tag}> is not an element of this page.`);
  const isSvg = to.tag === "svg" || to.tag === "use";
  const element = isSvg ? document.createElementNS(SVG, to.tag) : document.createElement(to.tag);
  shown.set(element, { tag: to.tag, attributes: {}, children: [] });
  update(element, to);
  return element;
}

function update(node: ChildNode, to: VNode): void {
  if (typeof to === "string") {
    if (node instanceof Text && node.data !== to) grow(node, to);
    return;
  }
  if (!(node instanceof Element)) return;
  const from = shown.get(node);
  if (from === to) return;
  shown.set(node, to);
  for (const name of Object.keys(from?.attributes ?? {})) if (!(name in to.attributes)) node.removeAttribute(name);
  for (const [name, value] of Object.entries(to.attributes)) {
    if (name.startsWith("on") || name === "style") throw new Error(`${name} is not an attribute of this page.`);
    if (from?.attributes[name] !== value) node.setAttribute(name, value);
  }
  patchChildren(node, to.children);
}

/** Text that only grew is appended, so that a selection in it stays. */
function grow(node: Text, to: string): void {
  if (to.startsWith(node.data)) node.appendData(to.slice(node.data.length));
  else node.data = to;
}
