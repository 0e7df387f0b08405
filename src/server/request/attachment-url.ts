/**
 * The addresses of images and files in requests. The relay fetches nothing, but its provider may, in the server's name.
 */

/** Of `data:` URLs and inline data. Text that a page would run, such as SVG, is not among them. */
const MEDIA_TYPES =
  /^(?:image\/(?:png|jpeg|gif|webp)|application\/pdf|text\/plain|audio\/[a-z0-9.+-]+)(?:; ?[\w.+-]+=[\w.+-]+)*$/i;

/** Names of a network's own machines. */
const PRIVATE_NAMES = /\.(?:local|localhost|localdomain|internal|intranet|private|lan|home|corp|svc|home\.arpa)$/;

/**
 * Whether an address looks like one that everybody can reach: `https` on port 443 of a public host name, without
 * credentials. Addresses by number are refused, in each spelling (`URL` writes decimal, octal and hexadecimal ones as
 * four numbers). No name is looked up: a public one may lead to an inner address.
 */
function isPublicUrl(url: URL): boolean {
  const host = url.hostname.replace(/\.$/, "");
  const labels = host.split(".");
  return (
    url.protocol === "https:" &&
    url.port === "" && // URL leaves 443 out
    url.username === "" &&
    url.password === "" &&
    !host.startsWith("[") &&
    !/^\d+(?:\.\d+){3}$/.test(host) &&
    labels.length > 1 &&
    !labels.includes("") && // a resolver may read `localhost..` as `localhost`
    !PRIVATE_NAMES.test(host)
  );
}

/** Whether inline data of this media type may be sent. */
export function isAllowedMediaType(mediaType: string): boolean {
  return MEDIA_TYPES.test(mediaType);
}

/**
 * Returns the fault of an attachment's address, as the end of a sentence; `undefined` when there is none.
 * @param isAllowed decides about `http` and `https` addresses in the place of `isPublicUrl`
 */
export function attachmentFault(address: string, isAllowed: (url: URL) => boolean = isPublicUrl): string | undefined {
  if (!URL.canParse(address)) return "has a `url` that cannot be read";
  const url = new URL(address);
  switch (url.protocol) {
    case "http:":
    case "https:":
      return isAllowed(url) ? undefined : "has a `url` that is not allowed: it must be https, at a public host name";
    case "data:":
      return isAllowedMediaType(/^([^,]*?)(?:;base64)?,/.exec(url.pathname)?.[1] ?? "")
        ? undefined
        : "has a `data:` URL of a media type that is not allowed";
    default:
      return "has a `url` that is neither https nor data";
  }
}
