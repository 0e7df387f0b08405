/** The routes of a relay, read from a request's method and path. Pure. */

import type { RequestLine, Route } from "./dialect.ts";
import { isChatId } from "./ids.ts";
import { badRequest, methodNotAllowed, notFound } from "./refusal.ts";

/** The methods of the relay, as the header `Allow` lists them. */
export const METHODS = "GET, POST, DELETE, OPTIONS";

/**
 * Reads the route from the end of the path: `POST …/`, `GET …/`, `GET …/:chat/stream`, `POST …/:chat/stop`, and `GET`
 * or `DELETE …/:chat`. A relay that does not know its path takes a `GET` for the list of chats when the path ends with
 * a slash, or when there is a `cursor`, since frameworks may remove the slash.
 * @param mount the path of the relay, without a slash at its end; absent for any
 * @throws {Refusal} 404 or 405
 */
export function routeOf({ method, url }: Pick<RequestLine, "method" | "url">, mount: string | undefined): Route {
  if (method === "OPTIONS") return { name: "preflight" };
  const pathname = pathOf(url);
  const path = pathname.replace(/\/$/, "");
  const rest = mount === undefined ? path : restOf(path, mount);
  const segments = rest.split("/").filter((segment) => segment !== "");
  const last = segments.at(-1);
  if (method === "POST") {
    if (last === "stop" && (mount === undefined ? segments.length > 1 : segments.length === 2)) {
      return { name: "stop", chat: chatOf(segments.at(-2)) };
    }
    if (mount === undefined || segments.length === 0) return { name: "start" };
    throw notFound();
  }
  const isGet = method === "GET";
  if (!isGet && method !== "DELETE") {
    throw methodNotAllowed("The relay takes GET, POST, DELETE and OPTIONS.", METHODS);
  }
  const isList =
    mount === undefined ? pathname.endsWith("/") || new URL(url).searchParams.has("cursor") : segments.length === 0;
  if (isGet && isList) return { name: "list" };
  if (isGet && last === "stream" && (mount === undefined ? segments.length > 1 : segments.length === 2)) {
    return { name: "attach", chat: chatOf(segments.at(-2)) };
  }
  if (mount !== undefined && segments.length !== 1) throw notFound();
  return { name: isGet ? "history" : "delete", chat: chatOf(last) };
}

/** An address without a query, whose path is written as `URL` writes it. */
const PLAIN = /^https?:\/\/[^/?#\\]+(\/[\w/-]*)$/;

/** Returns the path of an address. Nearly every start has a plain one, for which `URL` takes long. */
function pathOf(url: string): string {
  return PLAIN.exec(url)?.[1] ?? new URL(url).pathname;
}

function restOf(path: string, mount: string): string {
  if (path === mount || path.startsWith(`${mount}/`)) return path.slice(mount.length);
  throw notFound();
}

function chatOf(segment: string | undefined): string {
  if (isChatId(segment)) return segment;
  throw badRequest("The chat in the path must be 1 to 128 characters of A-Z, a-z, 0-9, _ and -.");
}
