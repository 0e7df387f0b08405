/** The fixed elements of the page. */

/**
 * Returns an element of the page by its id.
 * @throws {Error} when the page has none of this id and kind
 */
export function elementOf<Kind extends Element>(id: string, kind: new () => Kind): Kind {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`The page has no element #${id}.`);
}
