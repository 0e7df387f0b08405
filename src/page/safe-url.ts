/** Addresses in the text of others. Pure. */

/** Kinds of pictures that cannot hold a script or load something. */
const PICTURE = /^data:image\/(?:png|jpeg|gif|webp|avif);base64,[a-z0-9+/=]+$/i;

/** Returns an address that a link may have: `http`, `https` or `mailto`, complete; `undefined` for every other. */
export function linkOf(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, href } = new URL(text);
  return ["http:", "https:", "mailto:"].includes(protocol) ? href : undefined;
}

/** Returns the address of a picture that is in the text itself; nothing is loaded from elsewhere. */
export function pictureOf(text: string): string | undefined {
  return PICTURE.test(text) ? text : undefined;
}

/** Returns the name of the site of a link, for people. */
export function siteOf(link: string): string {
  const { protocol, hostname, pathname } = new URL(link);
  return protocol === "mailto:" ? pathname : hostname.replace(/^www\./, "");
}
